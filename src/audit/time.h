/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two clocks of the audit room, both read by the caller at the same moment and passed in:
 * spans (grace, age, reminders, snoozes) are of the first, which neither stands still in suspend
 * nor follows who sets the clock; dates (`until`, first seen) are of the second.
 */
#pragma once

#include "util/parse.h"

typedef struct AuditTime {
    usec_t boottime; /* CLOCK_BOOTTIME */
    usec_t realtime; /* CLOCK_REALTIME */
} AuditTime;

/* A moment of CLOCK_BOOTTIME that may lie before this boot (of a listener known from an earlier
 * one): negative then. */
typedef int64_t BootTime;

/* How long ago `since` was; 0 where it is yet to come. */
static inline usec_t time_since(BootTime since, const AuditTime *now) {
    return (BootTime)now->boottime > since ? now->boottime - (usec_t)since : 0;
}

/* Saturating: never wraps into the past. */
static inline usec_t usec_add(usec_t a, usec_t b) {
    return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}
