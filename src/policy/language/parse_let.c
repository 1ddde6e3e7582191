/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `let NAME = list`, and lists. A let holds from its line to the end of its file. */
#include <stdlib.h>
#include <string.h>

#include "policy/language/parser.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/nearest.h"

/* Whether an item stands here; tells what stands there instead. */
static bool at_item(Parser *parser, const char *owner, bool first) {
    const Token *token = &parser->token;

    if (token->kind == TOKEN_COMMA)
        return parser_unexpected(parser, "an item is missing before `,`");
    if (parser_at_end(parser) && !first)
        return parser_wrong(parser, &parser->previous.place,
                            "an item is missing behind `,` (a `\\` as the last character "
                            "continues a line)");
    if (parser_at_end(parser))
        return parser_wrong(parser, &parser->previous.place, "%s needs a list of items",
                            show(owner).text);
    if (token->kind == TOKEN_WORD && word_is_reserved(token->text))
        return first ? parser_unexpected(parser,
                                         "%s needs a list of items, and %s is a word of the "
                                         "language: quote it if it is meant as an item",
                                         show(owner).text, show(token->text).text)
                     : parser_unexpected(parser,
                                         "an item is missing behind `,`: %s is a word of the "
                                         "language, quote it if it is meant as an item",
                                         show(token->text).text);
    return token->kind != TOKEN_BAD;
}

bool parser_read_list(Parser *parser, const char *owner, Token **ret_items, size_t *ret_count) {
    _cleanup_free_ Token *items = NULL;
    size_t count = 0, allocated = 0;

    for (;;) {
        if (!at_item(parser, owner, count == 0))
            return false;
        if (count == LIST_ITEMS_MAX)
            return parser_unexpected(parser, "the list has more than %d items", LIST_ITEMS_MAX);
        if (ARRAY_APPEND(items, allocated, count, parser->token) < 0)
            return parser_no_memory(parser);
        parser_advance(parser);
        if (parser->token.kind != TOKEN_COMMA)
            break;
        parser_advance(parser);
    }
    *ret_items = TAKE_PTR(items);
    *ret_count = count;
    return true;
}

Let *parser_find_let(const Parser *parser, const char *name) {
    for (size_t i = parser->first_let; i < parser->policy->n_lets; i++)
        if (strcmp(parser->policy->lets[i]->name, name) == 0)
            return parser->policy->lets[i];
    return NULL;
}

static bool let_name_is_good(const char *name) {
    if (!((name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z')))
        return false;
    return strlen(name) <= 64 && name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                   "0123456789_-")] == '\0';
}

/* The let that a `$NAME` means; tells when there is none. */
static Let *find_reference(Parser *parser, const Token *token) {
    const char *names[64];
    size_t count = 0;
    Let *let = parser_find_let(parser, token->text + 1);

    if (let) {
        let->used = true;
        return let;
    }
    for (size_t i = parser->first_let; i < parser->policy->n_lets && count < 64; i++)
        names[count++] = parser->policy->lets[i]->name;
    const char *nearest = nearest_word(token->text + 1, names, count);
    if (nearest)
        parser_wrong(parser, &token->place, "no `let` above names %s: did you mean `$%s`?",
                     show(token->text).text, nearest);
    else
        parser_wrong(parser, &token->place, "no `let` above in this file names %s",
                     show(token->text).text);
    return NULL;
}

bool parser_resolve_list(Parser *parser, const Token *items, size_t count,
                         bool (*take)(void *userdata, const Token *item, const Token *by),
                         void *userdata) {
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        const Token *item = &items[i];
        if (item->kind != TOKEN_WORD || item->text[0] != '$') {
            good &= take(userdata, item, NULL);
            continue;
        }
        const Let *let = find_reference(parser, item);
        if (!let) {
            good = false;
            continue;
        }
        /* One wrong item of a let is enough to be told at each use. */
        for (uint32_t j = 0; j < let->n_items; j++)
            if (!take(userdata, &let->items[j], item)) {
                good = false;
                break;
            }
    }
    return good;
}

typedef struct LetItems {
    Parser *parser;
    Token *items;
    size_t count, allocated;
} LetItems;

static bool take_let_item(void *userdata, const Token *item, const Token *by) {
    LetItems *taken = userdata;

    if (taken->count == LIST_ITEMS_MAX)
        return parser_wrong(taken->parser, by ? &by->place : &item->place,
                            "the list has more than %d items", LIST_ITEMS_MAX);
    return ARRAY_APPEND(taken->items, taken->allocated, taken->count, *item) == 0 ||
           parser_no_memory(taken->parser);
}

static bool add_let(Parser *parser, const Token *name, const LetItems *items) {
    Policy *policy = parser->policy;
    Let *let = arena_alloc(&policy->arena, sizeof(*let));
    Token *copy = arena_array(&policy->arena, items->count, sizeof(*copy));

    if (!let || !copy ||
        ARRAY_RESERVE(policy->lets, parser->lets_allocated, policy->n_lets + 1) < 0)
        return parser_no_memory(parser);
    parser->n_items += items->count;
    memcpy(copy, items->items, items->count * sizeof(*copy));
    *let = (Let){
        .name = name->text, .place = name->place, .items = copy, .n_items = (uint32_t)items->count};
    policy->lets[policy->n_lets++] = let;
    return true;
}

bool parser_read_let(Parser *parser) {
    parser_advance(parser);
    Token name = parser->token;
    if (parser_at_end(parser))
        return parser_wrong(parser, &parser->previous.place,
                            "`let` needs a name and a list: "
                            "`let dev = 3000-3999, 8080`");
    if (name.kind != TOKEN_WORD || !let_name_is_good(name.text))
        return parser_unexpected(parser, "a list's name is at most 64 letters, digits, `_` and "
                                         "`-`, the first a letter");
    parser_advance(parser);
    if (parser->token.kind != TOKEN_EQUALS)
        return parser_at_end(parser)
                   ? parser_wrong(parser, &name.place, "`=` and a list are missing behind the name")
                   : parser_unexpected(parser, "`=` is missing between the name and the list");
    parser_advance(parser);

    _cleanup_free_ Token *items = NULL;
    size_t count;
    if (!parser_read_list(parser, "let", &items, &count))
        return false;
    if (!parser_at_end(parser))
        return parser_unexpected(parser, "items of a list are separated by `,`");

    LetItems taken = {.parser = parser};
    bool good = parser_resolve_list(parser, items, count, take_let_item, &taken);
    const Let *other = parser_find_let(parser, name.text);
    if (other)
        good = parser_wrong(parser, &name.place, "%s is defined in line %u already",
                            show(name.text).text, other->place.line);
    else if (good && parser->n_items + taken.count > ITEMS_MAX)
        good = parser_wrong(parser, &name.place, "the policy has more than %d items", ITEMS_MAX);
    else if (good)
        good = add_let(parser, &name, &taken);
    free(taken.items);
    return good;
}
