/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rate limits. A limit is the time at which everything that was used is available again. Each use
 * moves it forward; the clock catches up. A zeroed limit is unused. `now` is from a clock that
 * never goes back.
 */
#pragma once

#include "util/parse.h"

/* Returns the amount in use. */
static inline usec_t limit_used(usec_t limit, usec_t now) {
    return limit > now ? limit - now : 0;
}

/* Adds `cost` to the amount in use. */
static inline void limit_use(usec_t *limit, usec_t cost, usec_t now) {
    *limit = now + limit_used(*limit, now) + cost;
}
