/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many processes a reader may look at. A reader runs before everything of normal priority, and
 * any user can call listen() as fast as the machine can: what it does for one program, and for all
 * of them, is bounded a second. Pure: the clock is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Look-ups a second and at once, of one reader: at 50 µs each 10 % of its CPU. */
#define WITNESS_RATE  2000
#define WITNESS_BURST 2000
/* Of these a single program (cgroup, or process where cgroups are not told) may use half. */
#define WITNESS_SHARE 2
/* Programs that are told apart; two that fall into one slot share its budget. */
#define WITNESS_SLOTS 64

typedef struct WitnessBucket {
    uint64_t filled_at; /* ns */
    uint64_t credit;    /* ns: a look-up costs a second / its rate */
} WitnessBucket;

typedef struct WitnessBudget {
    WitnessBucket all;
    WitnessBucket slots[WITNESS_SLOTS];
} WitnessBudget;

/* A zeroed budget is full. */

/*
 * Whether the process of the program `key` (a cgroup id, or a pid) may be looked at `now`
 * (nanoseconds, never going back and never 0), and if so, counts it.
 */
bool witness_budget_take(WitnessBudget *budget, uint64_t key, uint64_t now);
