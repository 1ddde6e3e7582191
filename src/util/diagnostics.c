/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/escape.h"
#include "util/text_stream.h"

Diagnostics *diagnostics_new(void) {
    return calloc(1, sizeof(Diagnostics));
}

static void diagnostic_done(Diagnostic *diagnostic) {
    free(diagnostic->file);
    free(diagnostic->text);
    free(diagnostic->message);
    *diagnostic = (Diagnostic){};
}

Diagnostics *diagnostics_free(Diagnostics *diagnostics) {
    if (!diagnostics)
        return NULL;
    for (size_t i = 0; i < diagnostics->n_items; i++)
        diagnostic_done(&diagnostics->items[i]);
    free(diagnostics);
    return NULL;
}

/* Frees the last warning's place for an error, keeping the order of the others. */
static bool drop_one_warning(Diagnostics *diagnostics) {
    for (size_t i = diagnostics->n_items; i-- > 0;) {
        if (diagnostics->items[i].level == DIAGNOSTIC_ERROR)
            continue;
        diagnostic_done(&diagnostics->items[i]);
        memmove(&diagnostics->items[i], &diagnostics->items[i + 1],
                (diagnostics->n_items - i - 1) * sizeof(Diagnostic));
        diagnostics->n_items--;
        return true;
    }
    return false;
}

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* A byte of a UTF-8 character that is not its first. */
static bool is_inside_character(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The part of the line around the place that is kept, not beginning or ending in a character. */
static void keep_text(Diagnostic *diagnostic, const SourcePlace *place) {
    const char *text = place->text;
    size_t begin = 0, end = place->text_length;

    if (end > DIAGNOSTIC_TEXT_MAX) {
        size_t column = min_size(place->column ? place->column - 1 : 0, end);
        begin = column > DIAGNOSTIC_TEXT_MAX / 2 ? column - DIAGNOSTIC_TEXT_MAX / 2 : 0;
        end = min_size(begin + DIAGNOSTIC_TEXT_MAX, end);
    }
    for (unsigned i = 0; i < 3 && begin > 0 && is_inside_character(text[begin]); i++)
        begin--;
    for (unsigned i = 0; i < 3 && end < place->text_length && is_inside_character(text[end]); i++)
        end--;
    diagnostic->text = strndup(text + begin, end - begin);
    diagnostic->text_length = diagnostic->text ? strlen(diagnostic->text) : 0;
    diagnostic->text_begin = begin;
    diagnostic->text_is_cut = end < place->text_length;
}

void diagnostics_addv(Diagnostics *diagnostics, DiagnosticLevel level, const SourcePlace *place,
                      const char *format, va_list arguments) {
    if (level == DIAGNOSTIC_ERROR)
        diagnostics->n_errors++;
    else if (level == DIAGNOSTIC_WARNING)
        diagnostics->n_warnings++;

    if (diagnostics->n_items == DIAGNOSTICS_MAX &&
        (level != DIAGNOSTIC_ERROR || !drop_one_warning(diagnostics)))
        return;

    Diagnostic diagnostic = {
        .level = level,
        .line = place->line,
        .column = place->column,
        .length = place->length,
    };
    if (vasprintf(&diagnostic.message, format, arguments) < 0)
        return;

    diagnostic.file = place->file ? strdup(place->file) : NULL;
    if (place->text)
        keep_text(&diagnostic, place);
    diagnostics->items[diagnostics->n_items++] = diagnostic;
}

void diagnostics_add(Diagnostics *diagnostics, DiagnosticLevel level, const SourcePlace *place,
                     const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    diagnostics_addv(diagnostics, level, place, format, arguments);
    va_end(arguments);
}

/* Text as it is printed, a tab as one blank, so that a caret can be set by counting. */
static char *printable_part(const char *text, size_t length) {
    _cleanup_free_ char *copy = strndup(text, length);
    if (!copy)
        return NULL;
    for (char *c = copy; *c; c++)
        if (*c == '\t')
            *c = ' ';
    return text_escape_string(copy);
}

/* Terminal cells are counted as code points: wide characters shift the caret, and only that. */
static size_t text_cells(const char *text) {
    size_t cells = 0;
    for (; *text; text++)
        cells += !is_inside_character(*text);
    return cells;
}

/* Escape sequences, or empty texts. */
typedef struct Colours {
    const char *levels[3];
    const char *place, *none;
} Colours;

static const Colours no_colours = {{"", "", ""}, "", ""};
static const Colours colours = {
    {[DIAGNOSTIC_ERROR] = "\033[1;31m",
     [DIAGNOSTIC_WARNING] = "\033[1;33m",
     [DIAGNOSTIC_NOTE] = "\033[1;36m"},
    "\033[1m",
    "\033[0m",
};

static void print_source_line(const Diagnostic *diagnostic, const Colours *with, FILE *out) {
    size_t column = diagnostic->column ? diagnostic->column - 1 : 0;
    size_t begin = column > diagnostic->text_begin ? column - diagnostic->text_begin : 0;
    begin = min_size(begin, diagnostic->text_length);
    size_t length = min_size(diagnostic->length, diagnostic->text_length - begin);
    _cleanup_free_ char *before = printable_part(diagnostic->text, begin);
    _cleanup_free_ char *marked = printable_part(diagnostic->text + begin, length);
    _cleanup_free_ char *after =
        printable_part(diagnostic->text + begin + length, diagnostic->text_length - begin - length);
    if (!before || !marked || !after)
        return;

    const char *head = diagnostic->text_begin > 0 ? "…" : "";
    fprintf(out, "  %s%s%s%s%s\n", head, before, marked, after, diagnostic->text_is_cut ? "…" : "");
    if (diagnostic->column == 0)
        return;
    fprintf(out, "  %*s%s^", (int)(text_cells(head) + text_cells(before)), "",
            with->levels[diagnostic->level]);
    for (size_t cells = text_cells(marked); cells > 1; cells--)
        fputc('~', out);
    fprintf(out, "%s\n", with->none);
}

static void print_with(const Diagnostic *diagnostic, const Colours *with, FILE *out) {
    static const char *const levels[] = {
        [DIAGNOSTIC_ERROR] = "error",
        [DIAGNOSTIC_WARNING] = "warning",
        [DIAGNOSTIC_NOTE] = "note",
    };
    _cleanup_free_ char *file = text_escape_string(diagnostic->file);

    fputs(with->place, out);
    if (file)
        fprintf(out, "%s:", file);
    if (diagnostic->line)
        fprintf(out, "%u:", diagnostic->line);
    if (diagnostic->line && diagnostic->column)
        fprintf(out, "%u:", diagnostic->column);
    fprintf(out, "%s%s%s%s:%s %s\n", with->none, file ? " " : "", with->levels[diagnostic->level],
            levels[diagnostic->level], with->none, diagnostic->message);
    if (diagnostic->text)
        print_source_line(diagnostic, with, out);
}

static void print_rest(size_t count, const char *what, FILE *out) {
    if (count > 0)
        fprintf(out, "… and %zu more %s%s\n", count, what, count > 1 ? "s" : "");
}

void diagnostics_print(const Diagnostics *diagnostics, FILE *out) {
    diagnostics_print_coloured(diagnostics, false, out);
}

void diagnostics_print_coloured(const Diagnostics *diagnostics, bool colour, FILE *out) {
    const Colours *with = colour ? &colours : &no_colours;
    size_t n_kept[2] = {};

    for (size_t i = 0; i < diagnostics->n_items; i++) {
        print_with(&diagnostics->items[i], with, out);
        if (diagnostics->items[i].level != DIAGNOSTIC_NOTE)
            n_kept[diagnostics->items[i].level == DIAGNOSTIC_WARNING]++;
    }
    print_rest(diagnostics->n_errors - n_kept[0], "error", out);
    print_rest(diagnostics->n_warnings - n_kept[1], "warning", out);
}

char *diagnostics_text(const Diagnostics *diagnostics) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = text_stream_open(&text, &size);

    if (!stream)
        return NULL;
    diagnostics_print(diagnostics, stream);
    fclose(stream);
    if (text && size > 0 && text[size - 1] == '\n')
        text[size - 1] = '\0';
    return text;
}
