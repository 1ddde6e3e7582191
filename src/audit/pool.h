/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of one size that are named by a 32-bit index and never move: half the size of pointers
 * where there are 50,000 of them, and no allocation for one that takes a freed one's place.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNK 256 /* records allocated at a time */

typedef struct Pool {
    unsigned char **chunks;
    size_t n_chunks, chunks_allocated;
    size_t size;     /* of a record, at least 4 */
    uint32_t n_ever; /* indexes 1 … n_ever were given out at some time */
    uint32_t n_live;
    uint32_t free; /* the first of the freed ones, linked through their first 4 bytes; 0: none */
} Pool;

/* An empty pool is `{.size = sizeof(Record)}`; pool_done() releases what it grew. */
void pool_done(Pool *pool);

/* A zeroed record; its index is never 0. Returns 0 or -ENOMEM. */
int pool_add(Pool *pool, uint32_t *ret_index);

/* Zeroes the record, but for its first 4 bytes, and gives its index free. */
void pool_remove(Pool *pool, uint32_t index);

/* The record of an index that pool_add() gave (or that is free: zeroed but for 4 bytes). */
static inline void *pool_get(const Pool *pool, uint32_t index) {
    return pool->chunks[(index - 1) / POOL_CHUNK] + (index - 1) % POOL_CHUNK * pool->size;
}
