/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is allowed in a rules file and is yet most likely a mistake. */
#pragma once

#include "policy/policy.h"

/* The machine that the rules are to judge, asked by the linter; each may be NULL: not asked. */
typedef struct LintContext {
    usec_t now; /* realtime */
    /* Files whose names begin so are packages', who write of what may be installed: not asked
     * whether what they name exists. NULL: there are none. */
    const char *vendor;
    const LinkTable *links;
    const AdviceTable *advice;
    /* Whether that system unit (no glob) is known here: 1, 0, or a negative errno: can't tell. */
    int (*unit_exists)(void *userdata, const char *unit);
    /* 0 where only root can change what the absolute path is; else an errno-like code and, in
     * *ret_place, the file or directory that others can write (freed by the caller). -ENOENT: it
     * does not exist. */
    int (*path_is_safe)(void *userdata, const char *path, char **ret_place);
    void *userdata;
} LintContext;

/*
 * Adds a warning for each: a rule that an earlier one always shadows, an expired `until`, a list
 * of paths, units, users, groups, interfaces or tools of which none exists, an `exe` that others
 * than root can write, a `let` that is never used. Returns 0 or -ENOMEM.
 */
int policy_lint(const Policy *policy, const LintContext *context, Diagnostics *diagnostics);

/* Of users and groups that do not exist alone: for matches that are no rule (a filter). */
int policy_lint_accounts(const Policy *policy, Diagnostics *diagnostics);
