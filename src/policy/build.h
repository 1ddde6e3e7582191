/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the texts of files to a policy. Internal. */
#pragma once

#include "policy/ruleset.h"

/* A file that was read. */
typedef struct RulesFile {
    char *name; /* as it is shown; NULL: the built-in policy */
    char *text;
    size_t length;
} RulesFile;

typedef struct RulesFiles {
    RulesFile *files;
    size_t n_files, allocated;
    size_t n_bytes;
} RulesFiles;

/* Takes name and text; also on failure (-ENOMEM). */
int rules_files_add(RulesFiles *files, char *name, char *text, size_t length);
void rules_files_done(RulesFiles *files);

/* Returns 0, -EBADMSG or -ENOMEM. The texts are copied. */
int policy_build(const RulesFiles *files, Diagnostics *diagnostics, Policy **ret);

/*
 * Finds and reads the files of that source, in order. What can't be trusted or read is told.
 * Returns how many were found (also when they are masked), or a negative errno.
 */
int rules_files_read(const PolicySource *source, Diagnostics *diagnostics, RulesFiles *files);

/* An empty policy with the default settings, or NULL. */
Policy *policy_new(void);

/* Adds a copy of the text as a source, or NULL: out of memory. */
SourceFile *policy_add_source(Policy *policy, const char *name, const char *text, size_t length);
