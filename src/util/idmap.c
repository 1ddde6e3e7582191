/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/idmap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct IdMapSlot {
    uint64_t id;
    uint32_t value;
    uint32_t generation;
};

/*
 * Ids that differ in their lowest bits alone share a cache line: cookies are handed out in the
 * order of a dump, so that the next dump's come nearly in sequence. It spares three of four cache
 * misses.
 */
#define SLOT_NEIGHBOURS 2 /* bits: four slots of 16 bytes */

static size_t slot_index(const IdMap *map, uint64_t id) {
    /* The finalizer of splitmix64: every bit of the id reaches the low ones. */
    uint64_t hash = (id >> SLOT_NEIGHBOURS) ^ map->seed;
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    hash = (hash ^ hash >> 31) << SLOT_NEIGHBOURS | (id & ((1 << SLOT_NEIGHBOURS) - 1));
    return (size_t)hash & (map->n_slots - 1);
}

/* The slot of `id`, or the free one where it belongs. There is always a free one. */
static struct IdMapSlot *find_slot(const IdMap *map, uint64_t id) {
    size_t at = slot_index(map, id);
    while (map->slots[at].generation == map->generation && map->slots[at].id != id)
        at = (at + 1) & (map->n_slots - 1);
    return &map->slots[at];
}

/* One for all maps of the process: many live for a single event. */
static uint64_t common_seed(void) {
    static _Atomic uint64_t seed;
    uint64_t mine = atomic_load_explicit(&seed, memory_order_relaxed);

    if (mine == 0) {
        if (getrandom(&mine, sizeof(mine), GRND_NONBLOCK) < 0)
            mine = (uint64_t)(uintptr_t)&mine; /* early boot: better than none */
        atomic_store_explicit(&seed, mine, memory_order_relaxed);
    }
    return mine;
}

static int grow(IdMap *map) {
    IdMap larger = {
        .n_slots = map->n_slots ? map->n_slots * 2 : 64,
        .n_used = map->n_used,
        .generation = 1,
        .seed = map->n_slots ? map->seed : common_seed(),
    };

    larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].generation == map->generation) {
            struct IdMapSlot *slot = find_slot(&larger, map->slots[i].id);
            *slot = map->slots[i];
            slot->generation = larger.generation;
        }
    free(map->slots);
    *map = larger;
    return 0;
}

void idmap_done(IdMap *map) {
    free(map->slots);
    *map = (IdMap){};
}

void idmap_clear(IdMap *map) {
    map->n_used = 0;
    if (++map->generation == 0 && map->slots) {
        memset(map->slots, 0, map->n_slots * sizeof(*map->slots));
        map->generation = 1;
    }
}

int idmap_add(IdMap *map, uint64_t id, uint32_t value, uint32_t **ret_value) {
    uint32_t *found = idmap_find(map, id);

    if (!found) {
        if ((map->n_used + 1) * 2 > map->n_slots) {
            int r = grow(map);
            if (r < 0)
                return r;
        }
        struct IdMapSlot *slot = find_slot(map, id);
        *slot = (struct IdMapSlot){.id = id, .value = value, .generation = map->generation};
        map->n_used++;
        if (ret_value)
            *ret_value = &slot->value;
        return 1;
    }
    if (ret_value)
        *ret_value = found;
    return 0;
}

void idmap_prefetch(const IdMap *map, uint64_t id) {
    if (map->n_slots > 0)
        __builtin_prefetch(&map->slots[slot_index(map, id)], 1);
}

uint32_t *idmap_find(const IdMap *map, uint64_t id) {
    if (map->n_slots == 0)
        return NULL;
    struct IdMapSlot *slot = find_slot(map, id);
    return slot->generation == map->generation ? &slot->value : NULL;
}
