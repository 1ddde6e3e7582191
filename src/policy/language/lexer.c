/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/language/lexer.h"

#include <string.h>

#include "util/escape.h"

Lexer lexer_new(const SourceFile *file, Arena *arena, Diagnostics *diagnostics) {
    return (Lexer){.file = file, .arena = arena, .diagnostics = diagnostics, .line = 1};
}

SourcePlace place_source(const Place *place) {
    if (!place->file)
        return (SourcePlace){};
    const char *line = place->file->text + (place->offset - (place->column - 1));
    const char *at = place->file->text + place->offset;
    size_t shown = place->length + (size_t)DIAGNOSTIC_TEXT_MAX;
    size_t left = place->file->length - place->offset;
    /* No more than is shown: to seek the end of a long line for each mistake in it is quadratic. */
    const char *end = at + (left < shown ? left : shown);
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((newline ?: end) - line);
    if (newline && length > 0 && line[length - 1] == '\r')
        length--;
    /* What goes on in the next line has its caret in this one alone. */
    unsigned rest = length >= place->column ? (unsigned)length - place->column + 1 : 1;
    return (SourcePlace){
        .file = place->file->name,
        .line = place->file->is_line ? 0 : place->line,
        .column = place->column,
        .length = place->length < 1      ? 1
                  : place->length < rest ? place->length
                                         : rest,
        .text = line,
        .text_length = length,
    };
}

/* The byte `ahead` of the reader, or -1 behind the end. */
static int peek(const Lexer *lexer, uint32_t ahead) {
    if (ahead >= lexer->file->length - lexer->at)
        return -1;
    return (unsigned char)lexer->file->text[lexer->at + ahead];
}

/* The length of the line end that stands `ahead` of the reader: 2, 1, or 0 for none. */
static uint32_t newline_length(const Lexer *lexer, uint32_t ahead) {
    int c = peek(lexer, ahead);
    if (c == '\n')
        return 1;
    return c == '\r' && peek(lexer, ahead + 1) == '\n' ? 2 : 0;
}

static Place place_here(const Lexer *lexer, uint32_t length) {
    return (Place){
        .file = lexer->file,
        .offset = lexer->at,
        .line = lexer->line,
        .column = lexer->at - lexer->line_start + 1,
        .length = length,
    };
}

static void next_line(Lexer *lexer, uint32_t length) {
    lexer->at += length;
    lexer->line++;
    lexer->line_start = lexer->at;
}

/*
 * The length of the character that stands at the reader, or 0 after telling that it must not stand
 * there; *ret_length is then how many bytes to step over.
 */
static uint32_t character_length(Lexer *lexer, uint32_t *ret_length) {
    const char *text = lexer->file->text + lexer->at;
    uint32_t rest = lexer->file->length - lexer->at;
    unsigned c = 0;

    if (*text >= ' ' && *text < 0x7f)
        return *ret_length = 1;
    uint32_t length = (uint32_t)utf8_decode(text, rest, &c);
    if (length > 0 && (code_point_is_printable(c) || c == '\t'))
        return *ret_length = length;

    *ret_length = length > 0 ? length : 1;
    Place place = place_here(lexer, *ret_length);
    SourcePlace source = place_source(&place);
    if (length == 0)
        diagnostics_add(lexer->diagnostics, DIAGNOSTIC_ERROR, &source,
                        "byte 0x%02x is not valid UTF-8", (unsigned char)*text);
    else if (c == 0xfeff && lexer->at == 0)
        diagnostics_add(lexer->diagnostics, DIAGNOSTIC_ERROR, &source,
                        "the file begins with a byte order mark; save it without one");
    else if (c < 0x20 || c == 0x7f)
        diagnostics_add(lexer->diagnostics, DIAGNOSTIC_ERROR, &source,
                        "control character 0x%02x in a rules file", c);
    else
        diagnostics_add(lexer->diagnostics, DIAGNOSTIC_ERROR, &source,
                        "invisible character U+%04X in a rules file", c);
    return 0;
}

/* Steps over one character whatever it is; false when it was a bad one (told). */
static bool step(Lexer *lexer) {
    uint32_t length;
    bool good = character_length(lexer, &length) > 0;
    lexer->at += length;
    return good;
}

/* Skips to the end of the line; false when a bad character stood there. One is told a comment. */
static bool skip_comment(Lexer *lexer) {
    bool good = true;
    while (peek(lexer, 0) >= 0 && newline_length(lexer, 0) == 0) {
        if (good)
            good = step(lexer);
        else
            lexer->at++;
    }
    return good;
}

/* Blanks, continued line ends and comments. */
static void skip_blanks(Lexer *lexer) {
    for (;;) {
        int c = peek(lexer, 0);
        if (c == ' ' || c == '\t')
            lexer->at++;
        else if (c == '\\' && newline_length(lexer, 1) > 0)
            next_line(lexer, 1 + newline_length(lexer, 1));
        else if (c == '#')
            skip_comment(lexer);
        else
            return;
    }
}

static Token bad_token(Lexer *lexer, Place place) {
    place.length = lexer->at - place.offset;
    return (Token){.kind = TOKEN_BAD, .place = place};
}

static Token text_token(Lexer *lexer, TokenKind kind, Place place, const char *text,
                        size_t length) {
    Token token = {.kind = kind, .place = place};
    token.text = arena_text(lexer->arena, text, length);
    if (!token.text) {
        lexer->out_of_memory = true;
        token.kind = TOKEN_BAD;
    }
    return token;
}

static bool word_ends(const Lexer *lexer) {
    int c = peek(lexer, 0);
    if (c < 0 || c == ' ' || c == '\t' || c == ',' || c == '"' || newline_length(lexer, 0) > 0)
        return true;
    if (c == '=' && lexer->in_let && lexer->n_tokens == 1)
        return true;
    return c == '\\' && newline_length(lexer, 1) > 0;
}

static Token read_word(Lexer *lexer) {
    Place place = place_here(lexer, 0);
    bool good = true;

    while (!word_ends(lexer))
        good &= step(lexer);
    if (!good)
        return bad_token(lexer, place);
    place.length = lexer->at - place.offset;
    Token token =
        text_token(lexer, TOKEN_WORD, place, lexer->file->text + place.offset, place.length);
    if (lexer->n_tokens == 0)
        lexer->in_let = token.text && strcmp(token.text, "let") == 0;
    return token;
}

static void add_error(const Lexer *lexer, const Place *place, const char *message) {
    SourcePlace source = place_source(place);
    diagnostics_add(lexer->diagnostics, DIAGNOSTIC_ERROR, &source, "%s", message);
}

/* Takes the backslashes of the escapes out, and joins continued lines, in place. */
static void string_unescape(char *text) {
    char *out = text;
    for (const char *in = text; *in;) {
        if (*in == '\\' && (in[1] == '\n' || in[1] == '\r')) {
            in += in[1] == '\r' ? 3 : 2;
            in += strspn(in, " \t");
            continue;
        }
        if (*in == '\\')
            in++;
        *out++ = *in++;
    }
    *out = '\0';
}

/* Steps over the backslash of a string and what it stands before. */
static bool step_escape(Lexer *lexer) {
    int next = peek(lexer, 1);
    uint32_t newline = newline_length(lexer, 1);

    if (newline > 0) {
        next_line(lexer, 1 + newline);
        return true;
    }
    if (next == '"' || next == '\\') {
        lexer->at += 2;
        return true;
    }
    Place escape = place_here(lexer, next < 0 ? 1 : 2);
    add_error(lexer, &escape, "a string knows the escapes \\\" and \\\\ alone");
    lexer->at++;
    return false;
}

static Token read_string(Lexer *lexer) {
    Place place = place_here(lexer, 0);
    bool good = true, escaped = false;

    lexer->at++;
    while (peek(lexer, 0) != '"') {
        if (peek(lexer, 0) < 0 || newline_length(lexer, 0) > 0) {
            Token token = bad_token(lexer, place);
            add_error(lexer, &token.place, "the string does not end on its line: `\"` is missing");
            return token;
        }
        bool escape = peek(lexer, 0) == '\\';
        escaped |= escape;
        good &= escape ? step_escape(lexer) : step(lexer);
    }
    lexer->at++;
    if (!good)
        return bad_token(lexer, place);
    place.length = lexer->at - place.offset;
    Token token = text_token(lexer, TOKEN_STRING, place, lexer->file->text + place.offset + 1,
                             place.length - 2);
    if (escaped && token.text)
        string_unescape((char *)token.text);
    return token;
}

static Token read_token(Lexer *lexer) {
    int c = peek(lexer, 0);

    if (c < 0) {
        bool unended = lexer->n_tokens > 0;
        return (Token){.kind = unended ? TOKEN_NEWLINE : TOKEN_END, .place = place_here(lexer, 0)};
    }
    uint32_t newline = newline_length(lexer, 0);
    if (newline > 0) {
        Token token = {.kind = TOKEN_NEWLINE, .place = place_here(lexer, 0)};
        next_line(lexer, newline);
        return token;
    }
    if (c == ',' || (c == '=' && lexer->in_let && lexer->n_tokens == 2)) {
        Token token = {.kind = c == ',' ? TOKEN_COMMA : TOKEN_EQUALS,
                       .place = place_here(lexer, 1)};
        lexer->at++;
        return token;
    }
    return c == '"' ? read_string(lexer) : read_word(lexer);
}

Token lexer_next(Lexer *lexer) {
    skip_blanks(lexer);
    Token token = read_token(lexer);
    if (token.kind == TOKEN_NEWLINE || token.kind == TOKEN_END) {
        lexer->n_tokens = 0;
        lexer->in_let = false;
    } else {
        lexer->n_tokens++;
    }
    return token;
}
