/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong with a file that a person wrote, told as a compiler would: where, what, and the
 * line with a caret under the place. Collected first, printed by whoever has the terminal.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "util/cleanup.h"

/* So many are kept; the rest is counted. */
#define DIAGNOSTICS_MAX 50

typedef enum DiagnosticLevel {
    DIAGNOSTIC_ERROR,
    DIAGNOSTIC_WARNING,
    DIAGNOSTIC_NOTE,
} DiagnosticLevel;

/* Of a longer source line so many bytes around the place are kept. */
#define DIAGNOSTIC_TEXT_MAX 512

/* A place in a file. Columns count bytes from 1; 0 for line or column means the whole of it. */
typedef struct SourcePlace {
    const char *file; /* as it is to be shown */
    unsigned line;
    unsigned column;
    unsigned length;  /* bytes to underline, at least 1 where column is not 0 */
    const char *text; /* the source line without its newline, or NULL */
    size_t text_length;
} SourcePlace;

typedef struct Diagnostic {
    DiagnosticLevel level;
    char *file; /* owned, raw bytes: escaped when printed */
    unsigned line, column, length;
    char *text; /* owned, the source line or what is kept of it, or NULL */
    size_t text_length;
    size_t text_begin; /* bytes of the line that stand before the text */
    bool text_is_cut;  /* some stand behind it */
    char *message;     /* owned, escaped already where it quotes the file */
} Diagnostic;

typedef struct Diagnostics {
    Diagnostic items[DIAGNOSTICS_MAX];
    size_t n_items;
    size_t n_errors;   /* all, also those not kept */
    size_t n_warnings; /* likewise */
    bool is_denied;    /* the caller may not read one of the files */
} Diagnostics;

Diagnostics *diagnostics_new(void);
Diagnostics *diagnostics_free(Diagnostics *diagnostics);

/*
 * Adds one; everything is copied. An error takes a warning's place when DIAGNOSTICS_MAX are kept
 * already. Out of memory the count still rises, so an error is never lost.
 */
__attribute__((format(printf, 4, 5))) void diagnostics_add(Diagnostics *diagnostics,
                                                           DiagnosticLevel level,
                                                           const SourcePlace *place,
                                                           const char *format, ...);
__attribute__((format(printf, 4, 0))) void diagnostics_addv(Diagnostics *diagnostics,
                                                            DiagnosticLevel level,
                                                            const SourcePlace *place,
                                                            const char *format, va_list arguments);

/*
 * Prints all of them in order, each as `FILE:LINE:COLUMN: error: MESSAGE`, then the source line
 * indented by two and the caret line under it, and how many were not kept. A tab in the source line
 * is one blank in both; bytes that must not reach a terminal are escaped, with the caret still
 * under its place. `…` stands for what is left out.
 */
void diagnostics_print(const Diagnostics *diagnostics, FILE *out);

/* The same; with `colour`, place, level and caret stand out by escape sequences. */
void diagnostics_print_coloured(const Diagnostics *diagnostics, bool colour, FILE *out);

/* All of them as one text without its last newline, freed by the caller; NULL: out of memory. */
char *diagnostics_text(const Diagnostics *diagnostics);

DEFINE_CLEANUP(Diagnostics, diagnostics_cleanup, diagnostics_free)
#define _cleanup_diagnostics_ _cleanup_(diagnostics_cleanup)
