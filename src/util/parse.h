/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, durations and times, read strictly: no sign, no leading blank, nothing left over. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Microseconds, of a span or since an epoch that the user of the value names. */
typedef uint64_t usec_t;

#define USEC_PER_MSEC   UINT64_C(1000)
#define USEC_PER_SEC    UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)
#define USEC_INFINITY   UINT64_MAX

/*
 * Decimal digits in text[0..length). Returns 0, -EINVAL when it is no number, -ERANGE when it is
 * above max; *ret is written on success only.
 */
int parse_unsigned(const char *text, size_t length, uint64_t max, uint64_t *ret);

/*
 * Parses a span: one or more pairs of a number and a unit of systemd.time(7) (us, ms, s, m or min,
 * h, d, w, M, y, and their long names), in any order, with or without spaces: `30s`, `1h30m`,
 * `2 days`. Returns 0, -EINVAL, or -ERANGE if the span does not fit.
 */
int parse_duration(const char *text, size_t length, usec_t *ret);

/*
 * `2026-12-31` (its first second) or `2026-12-31T18:00[:SS]`, local time (TZ), to microseconds
 * since the Unix epoch. Returns 0, -EINVAL for a form or a calendar date that does not exist,
 * -ERANGE for one before 1970.
 */
int parse_local_time(const char *text, size_t length, usec_t *ret);

/* RFC 3339 in UTC with microseconds: `2026-11-21T10:00:00.000000Z` needs this many bytes. */
#define RFC3339_SIZE 40
void format_rfc3339(usec_t realtime, char buffer[static RFC3339_SIZE]);

/* `2026-11-21 10:00:00`, local time (TZ); zeros where there is none. The time of day is at
 * LOCAL_TIME_OF_DAY. */
#define LOCAL_TIME_SIZE   20
#define LOCAL_TIME_OF_DAY 11
void format_local_time(usec_t realtime, char buffer[static LOCAL_TIME_SIZE]);

/* A span in its two largest units, `2h 5min`; below a second in ms. */
#define DURATION_SIZE 32
void format_duration(usec_t span, char buffer[static DURATION_SIZE]);
