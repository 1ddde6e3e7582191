/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of words: chained hashing, grown by doubling. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/language/parser.h"
#include "util/fnv.h"
#include "util/memory.h"

typedef struct Word {
    const char *text;
    uint64_t hash;
    uint32_t value;
    uint32_t next; /* index + 1 of the next in the bucket, 0: none */
} Word;

struct Words {
    Word *words;
    size_t n_words, allocated;
    uint32_t *buckets;
    size_t n_buckets; /* a power of two, or 0 */
};

Words *words_new(void) {
    return calloc(1, sizeof(Words));
}

Words *words_free(Words *words) {
    if (!words)
        return NULL;
    free(words->words);
    free(words->buckets);
    free(words);
    return NULL;
}

static uint64_t word_hash(const char *text) {
    return fnv_add(FNV_BEGIN, text, strlen(text));
}

static int words_grow(Words *words) {
    size_t count = words->n_buckets ? words->n_buckets * 2 : 64;
    uint32_t *buckets = calloc(count, sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    for (uint32_t i = 0; i < words->n_words; i++) {
        uint32_t *bucket = &buckets[words->words[i].hash & (count - 1)];
        words->words[i].next = *bucket;
        *bucket = i + 1;
    }
    free(words->buckets);
    words->buckets = buckets;
    words->n_buckets = count;
    return 0;
}

int words_add(Words *words, const char *text, uint32_t value, uint32_t *ret_value) {
    uint64_t hash = word_hash(text);

    if (words->n_words >= words->n_buckets && words_grow(words) < 0)
        return -ENOMEM;
    uint32_t *bucket = &words->buckets[hash & (words->n_buckets - 1)];
    for (uint32_t at = *bucket; at; at = words->words[at - 1].next) {
        const Word *word = &words->words[at - 1];
        if (word->hash == hash && strcmp(word->text, text) == 0) {
            *ret_value = word->value;
            return 0;
        }
    }
    if (ARRAY_RESERVE(words->words, words->allocated, words->n_words + 1) < 0)
        return -ENOMEM;
    words->words[words->n_words++] =
        (Word){.text = text, .hash = hash, .value = value, .next = *bucket};
    *bucket = (uint32_t)words->n_words;
    return 1;
}
