/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/table.h"

#include <errno.h>
#include <stdlib.h>

void table_done(Table *table) {
    free(table->slots);
    *table = (Table){};
}

static void put(Table *table, TableSlot slot) {
    size_t at = slot.hash & (table->n_slots - 1);
    while (table->slots[at].index != 0)
        at = (at + 1) & (table->n_slots - 1);
    table->slots[at] = slot;
}

static int grow(Table *table) {
    Table larger = {.n_slots = table->n_slots ? table->n_slots * 2 : 64, .n_used = table->n_used};

    larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < table->n_slots; i++)
        if (table->slots[i].index != 0)
            put(&larger, table->slots[i]);
    free(table->slots);
    *table = larger;
    return 0;
}

int table_add(Table *table, uint32_t hash, uint32_t index) {
    if ((table->n_used + 1) * 4 > table->n_slots * 3) {
        int r = grow(table);
        if (r < 0)
            return r;
    }
    put(table, (TableSlot){.hash = hash, .index = index});
    table->n_used++;
    return 0;
}

static size_t find(const Table *table, uint32_t hash, uint32_t index) {
    size_t at = hash & (table->n_slots - 1);
    while (table->slots[at].index != index || table->slots[at].hash != hash)
        at = (at + 1) & (table->n_slots - 1);
    return at;
}

void table_replace(Table *table, uint32_t hash, uint32_t from, uint32_t to) {
    table->slots[find(table, hash, from)].index = to;
}

void table_remove(Table *table, uint32_t hash, uint32_t index) {
    size_t mask = table->n_slots - 1, hole = find(table, hash, index);

    /* What stands behind the hole moves into it, unless that lay before its own home. */
    for (size_t at = (hole + 1) & mask; table->slots[at].index != 0; at = (at + 1) & mask) {
        size_t home = table->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole].index = 0;
    table->n_used--;
}

void table_rehash(Table *table, uint32_t from_hash, uint32_t to_hash, uint32_t index) {
    table_remove(table, from_hash, index);
    put(table, (TableSlot){.hash = to_hash, .index = index});
    table->n_used++;
}
