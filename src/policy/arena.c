/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

struct ArenaBlock {
    struct ArenaBlock *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static int arena_grow(Arena *arena, size_t size) {
    if (size < BLOCK_SIZE)
        size = BLOCK_SIZE;
    if (size > SIZE_MAX - sizeof(struct ArenaBlock))
        return -1;
    struct ArenaBlock *block = calloc(1, sizeof(*block) + size);
    if (!block)
        return -1;
    block->next = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->used = 0;
    return 0;
}

void *arena_alloc(Arena *arena, size_t size) {
    size_t alignment = alignof(max_align_t);

    if (size > SIZE_MAX - alignment)
        return NULL;
    size = (size + alignment - 1) / alignment * alignment;
    if ((!arena->blocks || arena->blocks->size - arena->used < size) && arena_grow(arena, size) < 0)
        return NULL;
    void *memory = arena->blocks->bytes + arena->used;
    arena->used += size;
    return memory;
}

void *arena_array(Arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc(arena, bytes);
}

char *arena_text(Arena *arena, const char *text, size_t length) {
    char *copy = arena_alloc(arena, length + 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

void arena_done(Arena *arena) {
    while (arena->blocks) {
        struct ArenaBlock *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
}
