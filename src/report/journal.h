/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of records to journald. While it is away they are kept, so many, and sent in order when
 * it is back: an alert is not lost by a restart of the journal.
 */
#pragma once

#include "report/record.h"

/* So many records are kept while journald is away; then the oldest are dropped, and counted. */
#define JOURNAL_KEPT_MAX 512

typedef struct Journal Journal;

/* `path` is the socket of journald (`/run/systemd/journal/socket`); copied. */
int journal_new(const char *path, Journal **ret);
/* Takes NULL, returns NULL. Sends what it can of what is kept. */
Journal *journal_free(Journal *journal);

/*
 * Sends the record, or keeps it (then it is taken over, and left empty). Returns 1 when sent, 0
 * when kept, -ENOMEM when it could not even be kept.
 */
int journal_send(Journal *journal, Record *record);

/*
 * Tries to send what is kept. Returns how many are left: with some left, call again in a second or
 * so. Those that were dropped are told first, in an entry of their own.
 */
size_t journal_flush(Journal *journal);

/* How many records wait. */
size_t journal_kept(const Journal *journal);
