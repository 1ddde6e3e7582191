/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the policy says of a listener, and which rule said it. */
#pragma once

#include <stdbool.h>

typedef enum Action {
    ACTION_ALLOW,
    ACTION_IGNORE,
    ACTION_FLAG,
} Action;

/* From the mildest to the worst. */
typedef enum Severity {
    SEVERITY_NOTICE,
    SEVERITY_WARNING,
    SEVERITY_ERROR,
    SEVERITY_CRITICAL,
    SEVERITY_COUNT,
} Severity;

/* `allow`, `ignore`, `flag`; `notice` … `critical`. The parsers return 0 or -EINVAL. */
const char *action_name(Action action);
int action_parse(const char *name, Action *ret);
const char *severity_name(Severity severity);
int severity_parse(const char *name, Severity *ret);

/* How a rule is shown. Owned by the policy, lives as long as it does. */
typedef struct RuleInfo {
    const char *file; /* NULL: the default, that no file states */
    unsigned line;
    const char *text;   /* the rule as written, on one line, runs of blanks as one, no comment */
    const char *id;     /* its `id WORD`, or NULL */
    const char *note;   /* or NULL */
    const char *advice; /* or NULL */
    Action action;
    Severity severity; /* where action is ACTION_FLAG */
} RuleInfo;

typedef struct Verdict {
    Action action;
    Severity severity;      /* where action is ACTION_FLAG */
    const RuleInfo *rule;   /* NULL: not judged yet */
    bool needs_all_holders; /* an `exe` was looked at while the list of holders was not complete:
                             * find all of them and judge again before this is believed */
} Verdict;
