/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the ledger asks for a verdict: an interface, so that the ledger is tested without a policy;
 * and the one that asks a Policy, counting which rule decided how often. */
#pragma once

#include "policy/policy.h"

typedef struct Judge {
    /* The verdict at that time, of a listener of that age. */
    void (*judge)(void *userdata, const Listener *listener, usec_t age, usec_t realtime,
                  Verdict *ret);
    /* The first age above `age`, and the first date after `realtime`, at which a rule begins or
     * ceases to match by itself; USEC_INFINITY: none. */
    usec_t (*next_age)(void *userdata, usec_t age);
    usec_t (*next_until)(void *userdata, usec_t realtime);
    /*
     * The owner with every holder, for a verdict that needs_all_holders: a new reference, or NULL
     * when they can't be found. May be NULL. Called at most once for each judgement.
     */
    Owner *(*find_all_holders)(void *userdata, const Listener *listener);
    void *userdata;
    PolicySettings settings;
} Judge;
