/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of words, each with a number. */
#pragma once

#include "util/idmap.h"

typedef struct Word {
    const char *text;
    uint32_t value;
} Word;

/* A zeroed set is empty. */
typedef struct Words {
    IdMap by_hash; /* → index of words */
    Word *words;
    uint32_t n_words;
    size_t allocated;
} Words;

void words_done(Words *words);

/* Adds a word, which must outlive the set. Returns 1 if it was added with `value`; 0 if the set has
 * the word, with *ret_value set to its value; or -ENOMEM. */
int words_add(Words *words, const char *text, uint32_t value, uint32_t *ret_value);
