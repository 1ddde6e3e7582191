/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records written to a stream, for a daemon in the foreground. */
#pragma once

#include "report/record.h"

/* What the reader's terminal can show. */
typedef struct LineLook {
    bool colour, utf8;
} LineLook;

/*
 * `10:04:03.120  warning   node (pid 4242, alice) listens on …`, local time; below it, of what is
 * flagged, the rule that decided and what to type. Returns 0 or -EIO.
 */
int record_write_line(const Record *record, const LineLook *look, FILE *out);

/*
 * One JSON object on a line: the journal's fields in lower case and without `SOCKAUDIT_`, `time`
 * (RFC 3339, µs) and `priority`; numbers as numbers. Returns 0, -ENOMEM or -EIO.
 */
int record_write_json(const Record *record, FILE *out);
