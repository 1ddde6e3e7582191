/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/match/exe_table.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/match/bitrows.h"

#define FILE_VALUES 1024

typedef struct ExeFile {
    FileId id;
    int result;
} ExeFile;

struct ExeTable {
    const Policy *policy; /* borrowed */
    ExeFile *files;       /* by Pattern.exe */
    uint32_t *by_id;      /* numbers of those that exist, by id */
    size_t n_existing;
    BitRows rows;
};

static size_t file_value(const FileId *id) {
    uint64_t hash =
        ((uint64_t)id->inode ^ (uint64_t)id->device << 40) * UINT64_C(0x9e3779b97f4a7c15);
    return hash >> 54;
}

int exe_table_find(const ExeTable *table, uint32_t number, FileId *ret) {
    const ExeFile *file = &table->files[number];
    if (file->result == 0)
        *ret = file->id;
    return file->result;
}

const uint64_t *exe_table_row(const ExeTable *table, const FileId *id, uint32_t *ret_count) {
    size_t value = file_value(id);
    *ret_count = table->rows.counts[value];
    return bitrows_row(&table->rows, value);
}

const uint64_t *exe_table_free_row(const ExeTable *table, uint32_t *ret_count) {
    *ret_count = table->rows.counts[table->rows.n_values];
    return bitrows_free_row(&table->rows);
}

/* --- found by the file --- */

static int compare_ids(const FileId *a, const FileId *b) {
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return (a->device > b->device) - (a->device < b->device);
}

static int compare_numbers(const void *a, const void *b, void *userdata) {
    const ExeFile *files = userdata;
    return compare_ids(&files[*(const uint32_t *)a].id, &files[*(const uint32_t *)b].id);
}

static int sort_by_id(ExeTable *table) {
    size_t n = table->policy->n_exes;
    table->by_id = calloc(n + 1, sizeof(*table->by_id));
    if (!table->by_id)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        if (table->files[i].result == 0)
            table->by_id[table->n_existing++] = i;
    qsort_r(table->by_id, table->n_existing, sizeof(*table->by_id), compare_numbers, table->files);
    return 0;
}

/* The first place in by_id whose file is not below that one. */
static size_t find_place(const ExeTable *table, const FileId *id) {
    size_t low = 0, high = table->n_existing;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_ids(&table->files[table->by_id[middle]].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

ExeTableCheck exe_table_check(const ExeTable *table, const JudgeContext *context,
                              const FileId *id) {
    ExeTableCheck check = EXE_TABLE_UNNAMED;
    for (size_t at = find_place(table, id); at < table->n_existing; at++) {
        uint32_t number = table->by_id[at];
        FileId now;
        if (!file_id_equal(&table->files[number].id, id))
            break;
        if (context->file_identity(context->userdata, table->policy->exes[number], &now) != 0 ||
            !file_id_equal(&now, id))
            return EXE_TABLE_WRONG;
        check = EXE_TABLE_RIGHT;
    }
    return check;
}

static bool is_stuck(const ExeFile *file) {
    return file->result == -ETIMEDOUT || file->result == -EBUSY;
}

size_t exe_table_n_stuck(const ExeTable *table) {
    size_t n = 0;
    for (size_t i = 0; i < table->policy->n_exes; i++)
        n += is_stuck(&table->files[i]);
    return n;
}

/* Now it takes too long, now nobody asks because it did: a verdict is the same. */
static bool says_same(const ExeFile *a, const ExeFile *b) {
    if (a->result != b->result)
        return is_stuck(a) && is_stuck(b);
    return a->result != 0 || file_id_equal(&a->id, &b->id);
}

bool exe_table_equal(const ExeTable *a, const ExeTable *b) {
    if (a->policy != b->policy)
        return false;
    for (size_t i = 0; i < a->policy->n_exes; i++)
        if (!says_same(&a->files[i], &b->files[i]))
            return false;
    return true;
}

/* --- made --- */

static void set_rule(ExeTable *table, const Rule *rule, size_t number) {
    const Match *match = NULL;
    for (uint32_t i = 0; i < rule->n_matches; i++)
        if (rule->matches[i].key == KEY_EXE && !rule->matches[i].negated)
            match = &rule->matches[i];
    if (!match) {
        bitrows_set(&table->rows, table->rows.n_values, number);
        return;
    }
    for (uint32_t i = 0; i < match->n_items; i++) {
        const Pattern *pattern = &match->items[i].pattern;
        if (pattern->is_glob)
            bitrows_set_all(&table->rows, number);
        else if (table->files[pattern->exe].result == 0)
            bitrows_set(&table->rows, file_value(&table->files[pattern->exe].id), number);
    }
}

int exe_table_new(const Policy *policy, const JudgeContext *context, ExeTable **ret) {
    ExeTable *table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    table->policy = policy;
    table->files = calloc(policy->n_exes + 1, sizeof(*table->files));
    if (!table->files || bitrows_init(&table->rows, FILE_VALUES, policy->n_rules) < 0) {
        exe_table_free(table);
        return -ENOMEM;
    }
    for (size_t i = 0; i < policy->n_exes; i++) {
        ExeFile *file = &table->files[i];
        file->result = context->file_identity(context->userdata, policy->exes[i], &file->id);
    }
    if (sort_by_id(table) < 0) {
        exe_table_free(table);
        return -ENOMEM;
    }
    for (size_t i = 0; i < policy->n_rules; i++)
        set_rule(table, &policy->rules[i], i);
    bitrows_finish(&table->rows);
    *ret = table;
    return 0;
}

ExeTable *exe_table_free(ExeTable *table) {
    if (!table)
        return NULL;
    free(table->files);
    free(table->by_id);
    bitrows_done(&table->rows);
    free(table);
    return NULL;
}
