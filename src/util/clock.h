/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks, in microseconds. */
#pragma once

#include <time.h>

#include "util/parse.h"

static inline usec_t clock_now(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

static inline usec_t monotonic_now(void) {
    return clock_now(CLOCK_MONOTONIC);
}

static inline usec_t realtime_now(void) {
    return clock_now(CLOCK_REALTIME);
}

/* The CPU time of the calling thread. */
static inline usec_t thread_cpu_now(void) {
    return clock_now(CLOCK_THREAD_CPUTIME_ID);
}
