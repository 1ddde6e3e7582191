/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash map from 64-bit ids (socket cookies, inodes) to 32-bit values (array indexes): open
 * addressing, one allocation, kept across clears so that a dump in the daemon allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct IdMap {
    struct IdMapSlot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n_used;
    uint32_t generation; /* slots of an earlier one count as empty: clearing is O(1) */
    uint64_t seed;       /* ids are partly a user's choice: which collide must not be */
} IdMap;

/* An empty map is a zeroed one; idmap_done() releases what it grew and leaves it empty. */
void idmap_done(IdMap *map);

/* Forgets every entry, keeps the memory. */
void idmap_clear(IdMap *map);

/*
 * Finds `id` or adds it with `value`. Returns 1 when added, 0 when it was there already (then its
 * value is left as it was), -ENOMEM. *ret_value, if not NULL, points to the entry's value until the
 * next call that adds.
 */
int idmap_add(IdMap *map, uint64_t id, uint32_t value, uint32_t **ret_value);

/* The value of `id`, or NULL. Valid until the next call that adds. */
uint32_t *idmap_find(const IdMap *map, uint64_t id);

/*
 * Fetches into the cache what idmap_add() of that id will read, without waiting for it: a few ids
 * ahead it halves the time of filling a large map, which is all cache misses. Changes nothing.
 */
void idmap_prefetch(const IdMap *map, uint64_t id);
