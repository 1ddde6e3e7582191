/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rules can match a listener at all, found without looking at each. Internal.
 *
 * For each of a few properties (the port's high byte, its low byte, the protocol, …) and each value
 * of it there is a row with a bit a rule: set when the rule may hold for that value. The rows of a
 * listener's values, joined by AND, leave the few rules that the matcher then looks at, in order.
 * Rows only ever promise too much, never too little: a rule without that key, or with `not` before
 * it, has its bit in all of them.
 */
#pragma once

#include "policy/ruleset.h"

typedef struct PolicyIndex PolicyIndex;

/* Returns 0 or -ENOMEM. */
int policy_index_new(const Policy *policy, PolicyIndex **ret);
PolicyIndex *policy_index_free(PolicyIndex *index);

#define INDEX_ROWS_MAX 16

/* The rows that a listener (or rule) selects, and how far they were walked. The row with the fewest
 * bits comes first, so that most words are empty after one look. */
typedef struct IndexWalk {
    const uint64_t *rows[INDEX_ROWS_MAX];
    uint32_t counts[INDEX_ROWS_MAX];
    size_t n_rows;
    size_t word, n_words;
    uint64_t bits; /* of that word, not given yet */
} IndexWalk;

/* Begins a walk over the rules that may match the listener. */
void index_walk_listener(const Policy *policy, const JudgeContext *context,
                         const Listener *listener, IndexWalk *ret);

/* Begins a walk over the rules that may hold for all that `rule` holds for. */
void index_walk_covering(const Policy *policy, const Rule *rule, IndexWalk *ret);

/* The next rule's number in order, or SIZE_MAX. */
size_t index_walk_next(IndexWalk *walk);
