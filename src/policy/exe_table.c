/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/exe_table.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/bitrows.h"

#define FILE_VALUES 1024

typedef struct ExeFile {
    FileId id;
    int result;
} ExeFile;

struct ExeTable {
    ExeFile *files; /* by Pattern.exe */
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
    table->files = calloc(policy->n_exes + 1, sizeof(*table->files));
    if (!table->files || bitrows_init(&table->rows, FILE_VALUES, policy->n_rules) < 0) {
        exe_table_free(table);
        return -ENOMEM;
    }
    for (size_t i = 0; i < policy->n_exes; i++) {
        ExeFile *file = &table->files[i];
        file->result = context->file_identity(context->userdata, policy->exes[i], &file->id);
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
    bitrows_done(&table->rows);
    free(table);
    return NULL;
}
