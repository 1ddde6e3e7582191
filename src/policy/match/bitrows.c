/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/match/bitrows.h"

#include <errno.h>
#include <stdlib.h>

int bitrows_init(BitRows *rows, size_t n_values, size_t n_rules) {
    size_t n_words = (n_rules + 63) / 64;
    uint64_t *words = calloc((n_values + 1) * n_words + 1, sizeof(*words));
    uint32_t *counts = calloc(n_values + 1, sizeof(*counts));
    if (!words || !counts) {
        free(words);
        free(counts);
        return -ENOMEM;
    }
    *rows = (BitRows){.n_values = n_values, .n_words = n_words, .words = words, .counts = counts};
    return 0;
}

void bitrows_done(BitRows *rows) {
    free(rows->words);
    free(rows->counts);
    *rows = (BitRows){};
}

void bitrows_set_all(BitRows *rows, size_t rule) {
    for (size_t value = 0; value < rows->n_values; value++)
        bitrows_set(rows, value, rule);
}

void bitrows_finish(BitRows *rows) {
    const uint64_t *free_row = bitrows_free_row(rows);
    for (size_t value = 0; value <= rows->n_values; value++) {
        uint64_t *row = bitrows_row(rows, value);
        for (size_t word = 0; word < rows->n_words; word++) {
            row[word] |= free_row[word];
            rows->counts[value] += (uint32_t)__builtin_popcountll(row[word]);
        }
    }
}
