/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/match/exe_table.h"

#include <errno.h>
#include <stdlib.h>

typedef struct ExeFile {
    FileId id;
    int result;
} ExeFile;

struct ExeTable {
    const Policy *policy; /* borrowed */
    ExeFile files[];      /* indexed by Pattern.exe */
};

int exe_table_find(const ExeTable *table, uint32_t number, FileId *ret) {
    const ExeFile *file = &table->files[number];
    if (file->result == 0)
        *ret = file->id;
    return file->result;
}

ExeTableCheck exe_table_check(const ExeTable *table, const JudgeContext *context,
                              const FileId *id) {
    ExeTableCheck check = EXE_TABLE_UNNAMED;
    for (size_t i = 0; i < table->policy->n_exes; i++) {
        const ExeFile *file = &table->files[i];
        FileId now;
        if (file->result != 0 || !file_id_equal(&file->id, id))
            continue;
        if (context->file_identity(context->userdata, table->policy->exes[i], &now) != 0 ||
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

int exe_table_new(const Policy *policy, const JudgeContext *context, ExeTable **ret) {
    ExeTable *table = calloc(1, sizeof(*table) + policy->n_exes * sizeof(table->files[0]));
    if (!table)
        return -ENOMEM;
    table->policy = policy;
    for (size_t i = 0; i < policy->n_exes; i++) {
        ExeFile *file = &table->files[i];
        file->result = context->file_identity(context->userdata, policy->exes[i], &file->id);
    }
    *ret = table;
    return 0;
}

ExeTable *exe_table_free(ExeTable *table) {
    free(table);
    return NULL;
}
