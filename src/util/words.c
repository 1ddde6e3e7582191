/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/words.h"

#include <stdlib.h>
#include <string.h>

#include "util/fnv.h"
#include "util/memory.h"

void words_done(Words *words) {
    idmap_done(&words->by_hash);
    free(words->words);
    *words = (Words){};
}

int words_add(Words *words, const char *text, uint32_t value, uint32_t *ret_value) {
    uint64_t hash = fnv_add(FNV_BEGIN, text, strlen(text));
    uint32_t *index;

    int r = ARRAY_RESERVE(words->words, words->allocated, words->n_words + 1);
    if (r < 0)
        return r;
    /* Words with the same hash use the following hash values. */
    while ((r = idmap_add(&words->by_hash, hash++, words->n_words, &index)) == 0)
        if (strcmp(words->words[*index].text, text) == 0) {
            *ret_value = words->words[*index].value;
            return 0;
        }
    if (r > 0)
        words->words[words->n_words++] = (Word){.text = text, .value = value};
    return r;
}
