/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of bits, a bit a rule: one row a value of some property, and one for the rules that don't
 * look at it. Internal to the index. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct BitRows {
    size_t n_values, n_words;
    uint64_t *words;  /* (n_values + 1) rows; the last is the free one. NULL: not used */
    uint32_t *counts; /* bits of each row */
} BitRows;

/* Returns 0 or -ENOMEM. */
int bitrows_init(BitRows *rows, size_t n_values, size_t n_rules);
void bitrows_done(BitRows *rows);

static inline uint64_t *bitrows_row(const BitRows *rows, size_t value) {
    return rows->words + value * rows->n_words;
}

static inline uint64_t *bitrows_free_row(const BitRows *rows) {
    return bitrows_row(rows, rows->n_values);
}

/* The rule may hold for that value; or for every value, because it does not look. */
static inline void bitrows_set(BitRows *rows, size_t value, size_t rule) {
    bitrows_row(rows, value)[rule / 64] |= UINT64_C(1) << rule % 64;
}

/* The rule looks, but may hold for every value. */
void bitrows_set_all(BitRows *rows, size_t rule);

/* When all rules are set: the free row is added to every other, and bits are counted. */
void bitrows_finish(BitRows *rows);
