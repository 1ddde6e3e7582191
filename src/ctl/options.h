/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that the verbs share: one table, which --help is printed from, too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/status.h"

/* Each option is a bit, so that a verb can say which it takes. */
typedef enum OptionId {
    OPTION_ALL = 1 << 0,
    OPTION_FLAGGED = 1 << 1,
    OPTION_ALLOWED = 1 << 2,
    OPTION_STRICT = 1 << 3,
    OPTION_JSON = 1 << 4,
    OPTION_COLUMNS = 1 << 5,
    OPTION_NO_LEGEND = 1 << 6,
    OPTION_NO_PAGER = 1 << 7,
    OPTION_RULES = 1 << 8,
    OPTION_ROOT = 1 << 9,
    OPTION_HELP = 1 << 10,
    OPTION_VERSION = 1 << 11,
    OPTION_RUNTIME_DIR = 1 << 12,
    OPTION_SINCE = 1 << 13,
    OPTION_UNTIL = 1 << 14,
} OptionId;

#define OPTIONS_ALWAYS (OPTION_JSON | OPTION_HELP | OPTION_VERSION)
#define OPTIONS_TABLE  (OPTION_COLUMNS | OPTION_NO_LEGEND | OPTION_NO_PAGER)
#define OPTIONS_POLICY (OPTION_RULES | OPTION_ROOT)
#define OPTIONS_DAEMON OPTION_RUNTIME_DIR

/* Strings are the command line's. */
typedef struct Options {
    unsigned given;      /* OptionId bits */
    const char *columns; /* of OPTION_COLUMNS, or NULL; likewise the others */
    const char *rules;
    const char *root;
    const char *runtime_dir;
    const char *since;
    const char *until;
    const char *verb; /* the first word, or NULL */
    char **words;     /* those after the verb */
    size_t n_words;   /* how many */
} Options;

static inline bool options_have(const Options *options, OptionId id) {
    return options->given & id;
}

/*
 * Parses the command line. Words and options may be mixed; `--` ends the options. argv is permuted:
 * the words come last, and options->words points into it. Names of options can be abbreviated.
 * Returns STATUS_DONE, or STATUS_USAGE after an error message on stderr.
 */
ExitStatus options_parse(int argc, char **argv, Options *ret);

/* Says so when an option was given that is not among `taken`. Returns as options_parse(). */
ExitStatus options_check(const Options *options, unsigned taken);

/* A line an option, those of `taken` alone. */
void options_help(unsigned taken, FILE *out);
