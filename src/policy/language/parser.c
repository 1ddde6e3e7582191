/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/language/parser.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/nearest.h"

void parser_advance(Parser *parser) {
    parser->previous = parser->token;
    parser->token = lexer_next(&parser->lexer);
}

bool parser_at_end(const Parser *parser) {
    return parser->token.kind == TOKEN_NEWLINE || parser->token.kind == TOKEN_END;
}

bool parser_at_word(const Parser *parser, const char *word) {
    return parser->token.kind == TOKEN_WORD && strcmp(parser->token.text, word) == 0;
}

__attribute__((format(printf, 3, 0))) static void add_error(Parser *parser, const Place *place,
                                                            const char *format, va_list arguments) {
    SourcePlace source = place_source(place);
    diagnostics_addv(parser->diagnostics, DIAGNOSTIC_ERROR, &source, format, arguments);
}

bool parser_wrong(Parser *parser, const Place *place, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_error(parser, place, format, arguments);
    va_end(arguments);
    return false;
}

bool parser_unexpected(Parser *parser, const char *format, ...) {
    va_list arguments;
    if (parser->token.kind == TOKEN_BAD)
        return false;
    va_start(arguments, format);
    add_error(parser, &parser->token.place, format, arguments);
    va_end(arguments);
    return false;
}

bool parser_no_memory(Parser *parser) {
    parser->out_of_memory = true;
    return false;
}

Place place_joined(const Place *first, const Place *last) {
    Place joined = *first;
    if (first->line == last->line) {
        joined.length = last->offset + last->length - first->offset;
        return joined;
    }
    SourcePlace source = place_source(first);
    uint32_t rest = (uint32_t)source.text_length - (first->column - 1);
    const char *text = source.text + first->column - 1;
    while (rest > 1 && (text[rest - 1] == '\\' || text[rest - 1] == ' ' || text[rest - 1] == '\t'))
        rest--;
    joined.length = rest;
    return joined;
}

char *parser_text_between(Parser *parser, const Place *first, const Place *last) {
    const char *in = first->file->text + first->offset;
    const char *end = last->file->text + last->offset + last->length;
    char *text = arena_text(&parser->policy->arena, in, (size_t)(end - in));
    if (!text) {
        parser->out_of_memory = true;
        return NULL;
    }
    /* A run of blanks becomes one, and so does a "\" before a line end with those around it; in
     * a string, that is nothing, and blanks stay. */
    char *out = text;
    bool quoted = false;
    for (; in < end; in++) {
        const char *after = in + 1;
        if (*in == '"')
            quoted = !quoted;
        if (*in == '\\' && after < end &&
            (*after == '\n' || (*after == '\r' && after[1] == '\n'))) {
            while (!quoted && out > text && (out[-1] == ' ' || out[-1] == '\t'))
                out--;
            while (after < end && strchr(" \t\r\n", *after))
                after++;
            if (!quoted && out > text && out[-1] != ' ')
                *out++ = ' ';
            in = after - 1;
        } else if (quoted && *in == '\\' && after < end) {
            *out++ = *in++; /* an escape: the quote behind it ends nothing */
            *out++ = *in;
        } else if (!quoted && (*in == ' ' || *in == '\t')) {
            if (out > text && out[-1] != ' ')
                *out++ = ' ';
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return text;
}

bool word_is_reserved(const char *word) {
    static const char *const others[] = {"not", "note", "advice", "until", "id"};
    Proto proto;

    return string_find(word, others, ELEMENTS(others)) >= 0 || key_find(word) != KEY_COUNT ||
           proto_parse(word, &proto) == 0;
}

/* The statement's first word decides what it is. */
static bool read_statement(Parser *parser) {
    static const char *const words[] = {"allow", "ignore", "flag", "set", "let"};
    Action action;

    if (parser->token.kind == TOKEN_WORD) {
        if (strcmp(parser->token.text, "set") == 0)
            return parser_read_set(parser);
        if (strcmp(parser->token.text, "let") == 0)
            return parser_read_let(parser);
        if (action_parse(parser->token.text, &action) == 0)
            return parser_read_rule(parser);
        if (strcmp(parser->token.text, "\\") == 0)
            return parser_unexpected(parser, "`\\` continues a line only as its last character");
        const char *nearest = nearest_word(parser->token.text, words, ELEMENTS(words));
        if (nearest)
            return parser_unexpected(parser, "%s is not an action: did you mean `%s`?",
                                     show(parser->token.text).text, nearest);
    }
    return parser_unexpected(parser, "a line must begin with `allow`, `ignore`, `flag`, `set` "
                                     "or `let`");
}

static void parser_begin(Parser *parser, const SourceFile *file) {
    parser->file = file;
    parser->lexer = lexer_new(file, &parser->policy->arena, parser->diagnostics);
    parser->first_let = parser->policy->n_lets;
    parser->sets = 0;
    words_done(&parser->ids);
    parser_advance(parser);
}

void parser_read_file(Parser *parser, const SourceFile *file) {
    parser_begin(parser, file);
    while (parser->token.kind != TOKEN_END && !parser->out_of_memory) {
        if (parser->token.kind != TOKEN_NEWLINE)
            read_statement(parser);
        /* Whatever was wrong, the next line is read anew. */
        while (!parser_at_end(parser))
            parser_advance(parser);
        if (parser->token.kind == TOKEN_NEWLINE)
            parser_advance(parser);
        parser->out_of_memory |= parser->lexer.out_of_memory;
    }
    parser->sets_before |= parser->sets;
}

void parser_read_filter(Parser *parser, const SourceFile *file) {
    Rule *rule = &parser->policy->rules[0];

    parser_begin(parser, file);
    if (parser_read_matches(parser, rule) && !parser_at_end(parser))
        parser_unexpected(parser,
                          parser->token.kind == TOKEN_WORD && word_is_reserved(parser->token.text)
                              ? "%s has no place in a filter: it takes matches alone"
                              : "%s is unexpected here",
                          show(parser->token.text ?: ",").text);
    while (!parser_at_end(parser))
        parser_advance(parser);
    while (parser->token.kind == TOKEN_NEWLINE)
        parser_advance(parser);
    if (parser->token.kind != TOKEN_END)
        parser_unexpected(parser, "a filter is one line");
    parser->out_of_memory |= parser->lexer.out_of_memory;
}

void parser_done(Parser *parser) {
    words_done(&parser->ids);
    words_done(&parser->exes);
}
