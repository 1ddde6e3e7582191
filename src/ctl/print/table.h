/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables: a fixed list of columns, a choice of them, rows rendered to text with libsmartcols. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/status.h"

typedef struct Column {
    const char *name; /* what -o takes; NULL ends a list */
    const char *heading;
    const char *help;
    /* The cell of a row: text that may reach a terminal, freed by the caller. NULL: out of memory.
     */
    char *(*cell)(const void *context, const void *row);
    /* An escape sequence, or NULL; the function may be NULL. */
    const char *(*colour)(const void *context, const void *row);
    bool shown;   /* when no columns are chosen */
    bool right;   /* numbers */
    bool shrinks; /* may be cut short for a narrow terminal */
} Column;

#define COLUMNS_MAX 40

typedef struct ColumnChoice {
    const Column *columns[COLUMNS_MAX];
    size_t n_columns;
} ColumnChoice;

/*
 * The columns that `names` (`a,b,c`; NULL: those shown by default) chooses from `all`; says on
 * stderr what is wrong. Returns STATUS_DONE or STATUS_USAGE.
 */
ExitStatus columns_choose(const Column *all, const char *names, ColumnChoice *ret);

/* A line a column: name and help, `*` for those shown by default. */
void columns_help(const Column *all, FILE *out);

typedef struct TableLook {
    bool headings;
    bool colour;
    size_t width; /* cells, 0: not limited */
} TableLook;

/*
 * Renders rows[0..n_rows) into *ret, which the caller frees; empty without rows. Pure but for
 * libsmartcols. Returns 0 or -ENOMEM.
 */
int table_render(const ColumnChoice *choice, const TableLook *look, const void *context,
                 const void *const *rows, size_t n_rows, char **ret);
