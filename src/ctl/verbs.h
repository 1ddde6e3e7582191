/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs: a file each, found by name in main.c's table. */
#pragma once

#include "ctl/options.h"
#include "ctl/print/table.h"

typedef struct Verb {
    const char *name;
    const char *arguments;
    size_t least, most; /* the number of words */
    const char *help;   /* one line */
    ExitStatus (*run)(const Options *options);
    unsigned options;      /* which it takes, besides OPTIONS_ALWAYS */
    const Column *columns; /* that -o can choose from, or NULL */
    const char *details;   /* more help, or NULL */
} Verb;

/* The table, ended by an entry without a name. */
extern const Verb verbs[];

ExitStatus verb_scan(const Options *options);
ExitStatus verb_explain(const Options *options);
ExitStatus verb_check(const Options *options);
ExitStatus verb_rules(const Options *options);
ExitStatus verb_status(const Options *options);
ExitStatus verb_list(const Options *options);
ExitStatus verb_show(const Options *options);
ExitStatus verb_watch(const Options *options);
ExitStatus verb_reload(const Options *options);
ExitStatus verb_allow(const Options *options);
ExitStatus verb_snooze(const Options *options);
ExitStatus verb_suggest(const Options *options);
ExitStatus verb_history(const Options *options);

extern const char explain_details[];
extern const Column rules_columns[];

/*
 * Writes the text to stdout, through a pager where the options and the terminal want one. Returns
 * STATUS_DONE, or STATUS_FAILED having said why. NULL is told as out of memory.
 */
ExitStatus verb_print(const Options *options, const char *text);
