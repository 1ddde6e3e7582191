/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/nearest.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 32

static size_t min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Optimal string alignment distance; words longer than WORD_MAX are never near: SIZE_MAX. */
static size_t edit_distance(const char *a, const char *b) {
    size_t a_length = strlen(a), b_length = strlen(b);
    size_t row[WORD_MAX + 1][WORD_MAX + 1];

    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= a_length; i++)
        row[i][0] = i;
    for (size_t j = 0; j <= b_length; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a_length; i++)
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = a[i - 1] != b[j - 1];
            row[i][j] = min3(row[i - 1][j] + 1, row[i][j - 1] + 1, row[i - 1][j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                row[i - 2][j - 2] + 1 < row[i][j])
                row[i][j] = row[i - 2][j - 2] + 1;
        }
    return row[a_length][b_length];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count) {
    const char *nearest = NULL;
    size_t third = strlen(word) / 3;
    size_t best = third > 1 ? third : 1;

    for (size_t i = 0; i < count; i++) {
        size_t distance = candidates[i] ? edit_distance(word, candidates[i]) : SIZE_MAX;
        if (distance < best || (distance == best && !nearest)) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
