/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table from 32-bit hashes to indexes of records that their owner compares: open addressing,
 * 8 bytes a slot, removal without tombstones, so that a million that came and went leave no trace.
 * Hashes are to be seeded: what users choose must not collide at their will.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct TableSlot {
    uint32_t hash;
    uint32_t index; /* 0: free */
} TableSlot;

/* An empty table is a zeroed one. */
typedef struct Table {
    TableSlot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n_used;
} Table;

void table_done(Table *table);

/* Adds an index that is not 0. Two of the same hash are both kept. Returns 0 or -ENOMEM. */
int table_add(Table *table, uint32_t hash, uint32_t index);

/* Removes that pair; it must be there. */
void table_remove(Table *table, uint32_t hash, uint32_t index);

/* Gives the place of `from` to `to`. `from` must be there. */
void table_replace(Table *table, uint32_t hash, uint32_t from, uint32_t to);

/* Gives the index, which must be there, another hash. */
void table_rehash(Table *table, uint32_t from_hash, uint32_t to_hash, uint32_t index);

/*
 * The indexes of that hash, one after the other, then 0: `for (size_t at = TABLE_BEGIN; (i =
 * table_next(table, hash, &at));)`. The table must not change meanwhile.
 */
#define TABLE_BEGIN SIZE_MAX
static inline uint32_t table_next(const Table *table, uint32_t hash, size_t *at) {
    if (table->n_slots == 0)
        return 0;
    *at = *at == TABLE_BEGIN ? hash & (table->n_slots - 1) : (*at + 1) & (table->n_slots - 1);
    while (table->slots[*at].index != 0 && table->slots[*at].hash != hash)
        *at = (*at + 1) & (table->n_slots - 1);
    return table->slots[*at].index;
}
