/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file each literal `exe` of a policy is, asked once for many verdicts. Internal. */
#pragma once

#include "policy/ruleset.h"

/* The file of that number (Pattern.exe): 0, or the negative errno that asking gave. */
int exe_table_find(const ExeTable *table, uint32_t number, FileId *ret);
