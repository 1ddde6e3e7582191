/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The word that a mistyped one was meant to be. */
#pragma once

#include <stddef.h>

/*
 * Among `count` candidates (NULL entries are passed over), the one nearest to `word` by edit
 * distance with transpositions, or NULL when none is near enough to be worth suggesting (more than
 * a third of the word's length away, and more than one step).
 */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);
