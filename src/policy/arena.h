/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is given back all at once: everything that lives as long as a policy. */
#pragma once

#include <stddef.h>

typedef struct Arena {
    struct ArenaBlock *blocks; /* the newest first */
    size_t used;               /* bytes of the newest block */
} Arena;

/* `size` zeroed bytes, aligned for any type, or NULL when out of memory. Lives until arena_done().
 */
void *arena_alloc(Arena *arena, size_t size);

/* The same for `count` elements; NULL also where the product overflows. */
void *arena_array(Arena *arena, size_t count, size_t size);

/* text[0..length) copied and ended by a NUL, or NULL. */
char *arena_text(Arena *arena, const char *text, size_t length);

void arena_done(Arena *arena);
