/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of a rules file. The text is UTF-8 of printable characters; blanks are space and tab; a
 * line ends with "\n" or "\r\n"; "\" right before it joins the next line; `#` where a word could
 * begin starts a comment. A string stands in double quotes, with \" and \\ inside; where it goes on
 * in the next line, the blanks that begin that one are left out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/arena.h"
#include "util/diagnostics.h"

/* One file (or filter) in memory. The text is not owned and must outlive all that points to it. */
typedef struct SourceFile {
    const char *name; /* as it is shown; NULL: none */
    const char *text;
    uint32_t length;
    bool is_line; /* one line with no name (a filter): no line number is shown */
} SourceFile;

/* Where something stands. `file` NULL: nowhere. */
typedef struct Place {
    const SourceFile *file;
    uint32_t offset; /* of its first byte */
    uint32_t line;   /* from 1 */
    uint32_t column; /* bytes, from 1 */
    uint32_t length; /* bytes */
} Place;

/* The place as diagnostics take it, with its source line. */
SourcePlace place_source(const Place *place);

typedef enum TokenKind {
    TOKEN_END, /* of the file */
    TOKEN_NEWLINE,
    TOKEN_WORD,
    TOKEN_STRING,
    TOKEN_COMMA,
    TOKEN_EQUALS, /* after `let NAME` alone: elsewhere it belongs to the word */
    TOKEN_BAD,    /* told already */
} TokenKind;

typedef struct Token {
    TokenKind kind;
    Place place;
    const char *text; /* a word, or a string's content, in the arena, or NULL */
} Token;

typedef struct Lexer {
    const SourceFile *file;
    Arena *arena;
    Diagnostics *diagnostics;
    bool out_of_memory;
    uint32_t at, line, line_start;
    uint32_t n_tokens; /* of this statement so far */
    bool in_let;       /* its first word is `let` */
} Lexer;

/* Reads the next token. At the end it gives TOKEN_NEWLINE once if the last line lacks it, then
 * TOKEN_END for ever. */
Token lexer_next(Lexer *lexer);

Lexer lexer_new(const SourceFile *file, Arena *arena, Diagnostics *diagnostics);
