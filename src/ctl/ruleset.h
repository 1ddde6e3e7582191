/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy that a verb judges by: the files', or the built-in one, said aloud. */
#pragma once

#include "ctl/options.h"
#include "policy/policy.h"

typedef struct Ruleset {
    Policy *policy;
    bool builtin;    /* none of the files' rules are in force */
    size_t n_errors; /* why not; 0 with builtin: there are no files */
} Ruleset;

/* The place that the options name, and whom to trust with it: the caller, when the caller chose. */
PolicySource ruleset_source(const Options *options);

/*
 * Loads the policy, says on stderr what is wrong with it. Where the machine's own policy is broken
 * or missing, the built-in one takes its place: nothing runs blind. A file that the caller named
 * has no such stand-in, nor have rules that the caller may not read. Returns STATUS_DONE, or
 * another status and no policy.
 */
ExitStatus ruleset_load(const Options *options, Ruleset *ret);

/* Reports that the caller may not read the rules. Returns STATUS_NOT_PERMITTED. */
ExitStatus ruleset_tell_denied(void);

/* Prints diagnostics on stderr, coloured on a terminal. */
void ruleset_tell(const Diagnostics *diagnostics);
