/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements of a rules file, into a policy that is being built. */
#pragma once

#include "policy/language/key.h"
#include "policy/ruleset.h"
#include "util/words.h"

typedef struct Parser {
    Policy *policy;
    Diagnostics *diagnostics;
    Names *names;
    const SourceFile *file;
    bool out_of_memory;

    Lexer lexer;
    Token token;      /* the one that is looked at */
    Token previous;   /* the one before it */
    size_t first_let; /* of this file, in policy->lets */
    uint32_t sets;    /* 1 << index of each `set` that this file holds */

    /* Of the whole policy. */
    uint32_t sets_before; /* those of earlier files: they win */
    size_t n_items;
    size_t rules_allocated, lets_allocated, exes_allocated;
    bool too_many_told;
    Words ids, exes;
} Parser;

/* Reads one file's statements into the policy. What is wrong is told in the diagnostics. */
void parser_read_file(Parser *parser, const SourceFile *file);

/* Reads matches alone, into one rule of the policy. */
void parser_read_filter(Parser *parser, const SourceFile *file);

/* What the parser itself holds; the policy stays. */
void parser_done(Parser *parser);

/* For the parts of the parser: parser.c, parse_rule.c, parse_match.c, parse_set.c, parse_let.c. */

/* Goes on to the next token. */
void parser_advance(Parser *parser);
bool parser_at_end(const Parser *parser); /* of the statement */
bool parser_at_word(const Parser *parser, const char *word);

/* Tells an error at that place; always false. A TOKEN_BAD was told by the lexer. */
__attribute__((format(printf, 3, 4))) bool parser_wrong(Parser *parser, const Place *place,
                                                        const char *format, ...);
/* At the token that is looked at, unless it is a TOKEN_BAD. */
__attribute__((format(printf, 2, 3))) bool parser_unexpected(Parser *parser, const char *format,
                                                             ...);
bool parser_no_memory(Parser *parser);

/* From the beginning of one place to the end of another of the same file, for a caret: at most to
 * the end of its first line. */
Place place_joined(const Place *first, const Place *last);

/* The source between two places as one line, each continuation one blank, in the arena. */
char *parser_text_between(Parser *parser, const Place *first, const Place *last);

/* Whether the word has a meaning of its own where an item could stand. */
bool word_is_reserved(const char *word);

bool parser_read_rule(Parser *parser);
bool parser_read_matches(Parser *parser, Rule *rule);
bool parser_read_action(Parser *parser, Action *ret_action, Severity *ret_severity);

/*
 * `item { "," item }` behind `owner` (a key or a let): words and strings, in a new array that the
 * caller frees.
 */
bool parser_read_list(Parser *parser, const char *owner, Token **ret_items, size_t *ret_count);
/*
 * Gives each item to `take`, those of a let in the place of its `$NAME` (`by`). Goes on after one
 * that `take` refuses. Returns whether all were taken.
 */
bool parser_resolve_list(Parser *parser, const Token *items, size_t count,
                         bool (*take)(void *userdata, const Token *item, const Token *by),
                         void *userdata);
bool parser_read_set(Parser *parser);
bool parser_read_let(Parser *parser);
/* The `let` of that name in this file, or NULL. */
Let *parser_find_let(const Parser *parser, const char *name);
