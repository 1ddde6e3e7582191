/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One entry as it goes to the journal: fields with values, in the order in which they were added.
 * The same record is written to stdout by a daemon in the foreground, as a line or as JSON.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/uio.h>

#include "util/parse.h"

/* Longer values are cut, with `…` behind: a command line must not fill the journal. In bytes. */
#define RECORD_VALUE_MAX  4096
#define RECORD_FIELDS_MAX 40

typedef struct Record {
    struct iovec fields[RECORD_FIELDS_MAX]; /* `NAME=value`, owned */
    size_t n_fields;
    usec_t time; /* realtime */
    int priority;
    bool lacks_memory; /* a field is missing: -ENOMEM from record_end() */
} Record;

/* Begins a record: MESSAGE_ID, SOCKAUDIT_EVENT, PRIORITY, and the time at which it happened. */
void record_begin(Record *record, const char *message_id, const char *event, int priority,
                  usec_t realtime);

/*
 * Adds `NAME=value`. The value is escaped (util/escape.h) and cut to RECORD_VALUE_MAX; NULL adds
 * nothing. Past RECORD_FIELDS_MAX it counts as lack of memory.
 */
void record_add(Record *record, const char *name, const char *value);
/* The same for text that is safe as it is, and may have several lines: it is only cut. */
void record_add_safe(Record *record, const char *name, const char *value);
void record_add_number(Record *record, const char *name, uint64_t number);
__attribute__((format(printf, 3, 4))) void record_addf(Record *record, const char *name,
                                                       const char *format, ...);

/* Returns 0, or -ENOMEM when something could not be added. */
int record_end(const Record *record);
void record_done(Record *record);

/* The value of a field, not NUL-terminated but by the end of its iovec; NULL: it has none. */
const char *record_find(const Record *record, const char *name, size_t *ret_length);

/* Takes the field out; returns whether it was there. */
bool record_drop(Record *record, const char *name);
