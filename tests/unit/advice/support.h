/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners as the look-up of advice sees them, made in a line. */
#pragma once

#include "model/snapshot.h"
#include "policy/advice/advice.h"

/* A listener that one process holds. All strings are borrowed by `listener` until sample_done(). */
typedef struct Sample {
    Listener listener;
    Owner *owner;
} Sample;

/*
 * TCP on 0.0.0.0:`port`, held by `exe` (NULL: by nobody that is known). `command` is split at
 * blanks into the command line; with a `=` in front the rest is one word, as of a process that
 * retitled itself.
 */
void sample_init(Sample *sample, uint16_t port, const char *exe, const char *command);
void sample_done(Sample *sample);

/* Parses `text` as a file of its own, named `test.advice`. The warnings are printed to `ret`. */
AdviceTable *table_of(const char *text, char **ret_warnings);

/* Which section has the advice, and the advice (freed by the caller); fails the test on errors. */
char *advice_of(const AdviceTable *table, const Sample *sample, const char **ret_section);
