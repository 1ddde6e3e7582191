/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to type to make a listener local: looked up in a shipped, overridable table by what is
 * listening. It may look at names that a process chose, because it decides nothing.
 */
#pragma once

#include "model/snapshot.h"
#include "util/diagnostics.h"

typedef struct AdviceTable AdviceTable;

/*
 * Reads `*.advice` of PKGDATADIR/advice.d and, over it by file name, /etc/sockaudit/advice.d, below
 * `root` if that is not NULL. A file is read only where none but root and the caller could have
 * written it (file_trust.h). Errors are told as warnings, with the entry left out: advice is a
 * help and must not keep anything from running. Returns 0, or a negative errno (-ENOMEM).
 */
int advice_load(const char *root, Diagnostics *diagnostics, AdviceTable **ret);

/* Parses one file from memory into the table (*table may be NULL: a new one). For tests and
 * fuzzers, too. */
int advice_parse(AdviceTable **table, const char *name, const char *text, size_t length,
                 Diagnostics *diagnostics);

/*
 * What to type, or NULL in *ret: nothing known. Freed by the caller; may hold text that a process
 * chose: escape it. A rule's own `advice` option wins over it, which is the caller's to see to.
 * Returns 0 or -ENOMEM.
 */
int advice_find(const AdviceTable *table, const Listener *listener, char **ret);

/* The same, and in *ret_name (may be NULL) the section that it is from: the table's, or NULL. */
int advice_find_section(const AdviceTable *table, const Listener *listener, const char **ret_name,
                        char **ret);

/*
 * Returns the tool of the listener: the name of the first section that matches and recognises the
 * program itself, not only its port, unit or container. NULL: not recognised. The string belongs to
 * the table. Allocates nothing. A process can claim to be any tool, so a tool must not allow it.
 */
const char *advice_recognise(const AdviceTable *table, const Listener *listener);

size_t advice_n_sections(const AdviceTable *table);

/* Returns whether a section has that name. */
bool advice_has_section(const AdviceTable *table, const char *name);

AdviceTable *advice_free(AdviceTable *table);

DEFINE_CLEANUP(AdviceTable, advice_cleanup, advice_free)
#define _cleanup_advice_ _cleanup_(advice_cleanup)
