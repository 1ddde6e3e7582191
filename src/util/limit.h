/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rate limits. A limit is one moment: at which all that was used is free again. Use moves it ahead,
 * and the clock catches up. Zeroed, nothing is used. `now` is of a clock that never goes back.
 */
#pragma once

#include "util/parse.h"

/* How much is in use. */
static inline usec_t limit_used(usec_t limit, usec_t now) {
    return limit > now ? limit - now : 0;
}

/* Uses so much more. */
static inline void limit_use(usec_t *limit, usec_t cost, usec_t now) {
    *limit = now + limit_used(*limit, now) + cost;
}
