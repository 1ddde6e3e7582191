/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/witness_budget.h"

#include <stddef.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

/* Adds what has accrued, up to the burst. */
static void bucket_fill(WitnessBucket *bucket, uint64_t cost, uint64_t burst, uint64_t now) {
    uint64_t most = cost * burst;

    if (bucket->filled_at == 0)
        bucket->credit = most;
    else if (now > bucket->filled_at) {
        uint64_t accrued = now - bucket->filled_at;
        bucket->credit = accrued >= most - bucket->credit ? most : bucket->credit + accrued;
    }
    if (now > bucket->filled_at)
        bucket->filled_at = now;
}

bool witness_budget_take(WitnessBudget *budget, uint64_t key, uint64_t now) {
    const uint64_t cost = NSEC_PER_SEC / WITNESS_RATE, cost_of_one = cost * WITNESS_SHARE;
    uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / the golden ratio */
    WitnessBucket *slot = &budget->slots[(mixed >> 32) % WITNESS_SLOTS];

    bucket_fill(&budget->all, cost, WITNESS_BURST, now);
    bucket_fill(slot, cost_of_one, WITNESS_BURST / WITNESS_SHARE, now);
    if (budget->all.credit < cost || slot->credit < cost_of_one)
        return false;
    budget->all.credit -= cost;
    slot->credit -= cost_of_one;
    return true;
}
