/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/timers.h"

#include <stdlib.h>

#include "util/memory.h"

void timers_done(Timers *timers) {
    free(timers->heap);
    *timers = (Timers){};
}

int timers_reserve(Timers *timers, size_t n) {
    return ARRAY_RESERVE(timers->heap, timers->allocated, n);
}

static void put(Timers *timers, size_t at, Timer *timer) {
    timers->heap[at] = timer;
    timer->place = (uint32_t)at + 1;
}

static void sift(Timers *timers, size_t at, Timer *timer) {
    while (at > 0 && timer->when < timers->heap[(at - 1) / 2]->when) {
        put(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child; (child = 2 * at + 1) < timers->n; at = child) {
        if (child + 1 < timers->n && timers->heap[child + 1]->when < timers->heap[child]->when)
            child++;
        if (timer->when <= timers->heap[child]->when)
            break;
        put(timers, at, timers->heap[child]);
    }
    put(timers, at, timer);
}

void timer_set(Timers *timers, Timer *timer, usec_t when) {
    if (when == USEC_INFINITY) {
        if (timer->place == 0)
            return;
        size_t at = timer->place - 1;
        Timer *last = timers->heap[--timers->n];
        timer->place = 0;
        if (last != timer)
            sift(timers, at, last);
        return;
    }
    timer->when = when;
    sift(timers, timer->place ? timer->place - 1 : timers->n++, timer);
}
