/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file each literal `exe` of a policy is, asked once for many verdicts. Internal. */
#pragma once

#include "policy/ruleset.h"

/* The file of that number (Pattern.exe): 0, or the negative errno that asking gave. */
int exe_table_find(const ExeTable *table, uint32_t number, FileId *ret);

/*
 * Rows as those of index.h. For a listener whose first holder runs that verified file, and for one
 * whose holders can't satisfy any `exe`; with how many bits are set.
 */
const uint64_t *exe_table_row(const ExeTable *table, const FileId *id, uint32_t *ret_count);
const uint64_t *exe_table_free_row(const ExeTable *table, uint32_t *ret_count);
