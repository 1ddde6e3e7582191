/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/table.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

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

/* How many bytes of the text take at most so many cells, and in *ret_cells how many those take. */
static size_t measure(const char *text, size_t cells_max, size_t *ret_cells) {
    size_t length = strlen(text), at = 0, cells = 0;
    mbstate_t state = {};

    while (at < length) {
        wchar_t wide;
        size_t n = mbrtowc(&wide, text + at, length - at, &state);
        bool is_character = n != 0 && n < (size_t)-2;
        int width = is_character ? wcwidth(wide) : 1;
        if (cells + (size_t)(width > 0 ? width : 0) > cells_max)
            break;
        if (!is_character) {
            n = 1; /* in a locale that does not know it */
            state = (mbstate_t){};
        }
        cells += (size_t)(width > 0 ? width : 0);
        at += n;
    }
    *ret_cells = cells;
    return at;
}

/* That something is missing is to be seen: half of a pid looks like another one. */
static int mark_cut(struct libscols_cell *cell, size_t width) {
    const char *text = scols_cell_get_data(cell);
    const char *mark = MB_CUR_MAX > 1 ? "…" : "~";
    size_t cells;
    char *marked;

    if (!text || !text[measure(text, width, &cells)] || width == 0)
        return 0;
    if (asprintf(&marked, "%.*s%s", (int)measure(text, width - 1, &cells), text, mark) < 0)
        return -ENOMEM;
    return scols_cell_refer_data(cell, marked);
}

/* Where the printed table had less room than its cells wanted: then it is to be printed again.
 * Returns 1, 0 where nothing was cut, or -ENOMEM. */
static int mark_all_cut(struct libscols_table *table, const ColumnChoice *choice) {
    int any = 0;

    for (size_t i = 0; i < choice->n_columns; i++) {
        struct libscols_column *column = scols_table_get_column(table, i);
        if (!scols_column_is_trunc(column))
            continue;
        size_t width = scols_column_get_width(column);
        for (size_t j = 0; j < scols_table_get_nlines(table); j++) {
            struct libscols_cell *cell = scols_line_get_cell(scols_table_get_line(table, j), i);
            const char *before = scols_cell_get_data(cell);
            if (mark_cut(cell, width) < 0)
                return -ENOMEM;
            any |= scols_cell_get_data(cell) != before;
        }
    }
    return any;
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
    if (look->width && n_rows > 0 && (r = mark_all_cut(table, choice)) != 0) {
        free(text);
        text = NULL;
        if (r < 0 || scols_print_table_to_string(table, &text) < 0)
            return -ENOMEM;
    }
    /* libsmartcols ends every line but the last. */
    _cleanup_free_ char *rows_text = text;
    const char *end = rows_text && *rows_text ? "\n" : "";
    return asprintf(ret, "%s%s", rows_text ?: "", end) < 0 ? -ENOMEM : 0;
}
