/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

void pool_done(Pool *pool) {
    for (size_t i = 0; i < pool->n_chunks; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    *pool = (Pool){.size = pool->size};
}

static int add_chunk(Pool *pool) {
    int r = ARRAY_RESERVE(pool->chunks, pool->chunks_allocated, pool->n_chunks + 1);
    if (r < 0)
        return r;
    unsigned char *chunk = calloc(POOL_CHUNK, pool->size);
    if (!chunk)
        return -ENOMEM;
    pool->chunks[pool->n_chunks++] = chunk;
    return 0;
}

int pool_add(Pool *pool, uint32_t *ret_index) {
    if (pool->free != 0) {
        uint32_t index = pool->free;
        memcpy(&pool->free, pool_get(pool, index), sizeof(pool->free));
        memset(pool_get(pool, index), 0, sizeof(pool->free));
        pool->n_live++;
        *ret_index = index;
        return 0;
    }
    if (pool->n_ever == pool->n_chunks * POOL_CHUNK) {
        int r = pool->n_ever > UINT32_MAX - POOL_CHUNK ? -ENOMEM : add_chunk(pool);
        if (r < 0)
            return r;
    }
    pool->n_live++;
    *ret_index = ++pool->n_ever;
    return 0;
}

void pool_remove(Pool *pool, uint32_t index) {
    unsigned char *record = pool_get(pool, index);
    memset(record, 0, pool->size);
    memcpy(record, &pool->free, sizeof(pool->free));
    pool->free = index;
    pool->n_live--;
}
