/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deadlines in a heap. A Timer lies inside the record that it is of, which must not move while it
 * is set; it knows its place, so that it is changed in O(log n).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/parse.h"

typedef struct Timer {
    usec_t when;
    uint32_t place; /* in the heap, from 1; 0: not set */
    uint32_t id;    /* what it is of: its owner's */
} Timer;

/* An empty one is a zeroed one. */
typedef struct Timers {
    Timer **heap; /* heap[0] is the first to come */
    size_t n, allocated;
} Timers;

void timers_done(Timers *timers);

/* Makes room for n timers, so that setting so many cannot fail. Returns 0 or -ENOMEM. */
int timers_reserve(Timers *timers, size_t n);

/* Sets or moves a timer; USEC_INFINITY clears it. Room must have been reserved. */
void timer_set(Timers *timers, Timer *timer, usec_t when);

/* The first one, or NULL. */
static inline Timer *timers_first(const Timers *timers) {
    return timers->n > 0 ? timers->heap[0] : NULL;
}
