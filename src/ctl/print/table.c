/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/table.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/print/tell.h"
#include "ctl/print/terminal.h"
#include "util/cleanup.h"

static const Column *find_column(const Column *all, const char *name, size_t length) {
    for (const Column *column = all; column->name; column++)
        if (strlen(column->name) == length && memcmp(column->name, name, length) == 0)
            return column;
    return NULL;
}

static ExitStatus unknown_column(const Column *all, const char *name, size_t length) {
    const char *names[COLUMNS_MAX];
    unsigned count = 0;
    _cleanup_free_ char *word = strndup(name, length);

    for (const Column *column = all; column->name && count < COLUMNS_MAX; column++)
        names[count++] = column->name;
    return tell_unknown("column", word ?: "", names, count);
}

ExitStatus columns_choose(const Column *all, const char *names, ColumnChoice *ret) {
    ColumnChoice choice = {};

    for (const Column *column = all; !names && column->name; column++)
        if (column->shown)
            choice.columns[choice.n_columns++] = column;

    for (const char *name = names; name;) {
        size_t length = strcspn(name, ",");
        const Column *column = find_column(all, name, length);
        if (!column)
            return unknown_column(all, name, length);
        if (choice.n_columns == COLUMNS_MAX) {
            tell_error("more than %d columns", COLUMNS_MAX);
            return STATUS_USAGE;
        }
        choice.columns[choice.n_columns++] = column;
        name = name[length] ? name + length + 1 : NULL;
    }
    *ret = choice;
    return STATUS_DONE;
}

void columns_help(const Column *all, FILE *out) {
    for (const Column *column = all; column->name; column++)
        fprintf(out, "  %-12s %c %s\n", column->name, column->shown ? '*' : ' ', column->help);
}

static void table_cleanup(struct libscols_table **table) {
    scols_unref_table(*table);
}

/* Our cells are escaped already, and libsmartcols would escape their backslashes again. */
static struct libscols_table *new_table(const TableLook *look) {
    struct libscols_table *table = scols_new_table();
    if (!table)
        return NULL;
    scols_table_enable_noencoding(table, true);
    scols_table_enable_noheadings(table, !look->headings);
    scols_table_enable_colors(table, look->colour);
    scols_table_set_termforce(table, look->width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    if (look->width)
        scols_table_set_termwidth(table, look->width);
    return table;
}

static int add_columns(struct libscols_table *table, const ColumnChoice *choice,
                       const TableLook *look) {
    for (size_t i = 0; i < choice->n_columns; i++) {
        const Column *column = choice->columns[i];
        int flags = (column->right ? SCOLS_FL_RIGHT : 0) |
                    (column->shrinks && look->width ? SCOLS_FL_TRUNC : 0);
        struct libscols_column *added =
            scols_table_new_column(table, column->heading, column->shrinks ? 0.1 : 0, flags);
        if (!added)
            return -ENOMEM;
        if (look->colour)
            scols_cell_set_color(scols_column_get_header(added), COLOUR_BOLD);
    }
    return 0;
}

static int add_row(struct libscols_table *table, const ColumnChoice *choice, const TableLook *look,
                   const void *context, const void *row) {
    struct libscols_line *line = scols_table_new_line(table, NULL);
    if (!line)
        return -ENOMEM;
    for (size_t i = 0; i < choice->n_columns; i++) {
        const Column *column = choice->columns[i];
        char *text = column->cell(context, row);
        if (!text || scols_line_refer_data(line, i, text) < 0) {
            free(text);
            return -ENOMEM;
        }
        const char *colour = look->colour && column->colour ? column->colour(context, row) : NULL;
        if (colour && scols_cell_set_color(scols_line_get_cell(line, i), colour) < 0)
            return -ENOMEM;
    }
    return 0;
}

int table_render(const ColumnChoice *choice, const TableLook *look, const void *context,
                 const void *const *rows, size_t n_rows, char **ret) {
    _cleanup_(table_cleanup) struct libscols_table *table = new_table(look);
    char *text = NULL;

    int r = table ? add_columns(table, choice, look) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < n_rows; i++)
        r = add_row(table, choice, look, context, rows[i]);
    if (r < 0)
        return r;
    if (n_rows > 0 && scols_print_table_to_string(table, &text) < 0)
        return -ENOMEM;
    /* libsmartcols ends every line but the last. */
    _cleanup_free_ char *rows_text = text;
    const char *end = rows_text && *rows_text ? "\n" : "";
    return asprintf(ret, "%s%s", rows_text ?: "", end) < 0 ? -ENOMEM : 0;
}
