/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The matches of a rule: `[ "not" ] ( PROTO | KEY list )`. */
#include <stdlib.h>
#include <string.h>

#include "policy/language/parser.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/nearest.h"

/* The items of one list, being compiled for a key. */
typedef struct ItemList {
    Parser *parser;
    KeyId key;
    Item *items;
    size_t count, allocated;
} ItemList;

/* Gives each literal path one number in the policy, so that it can be resolved once. */
static bool number_exe(Parser *parser, Pattern *pattern) {
    Policy *policy = parser->policy;
    int r = words_add(&parser->exes, pattern->text, (uint32_t)policy->n_exes, &pattern->exe);
    if (r == 0)
        return true;
    pattern->exe = (uint32_t)policy->n_exes;
    return (r > 0 && ARRAY_APPEND(policy->exes, parser->exes_allocated, policy->n_exes,
                                  pattern->text) == 0) ||
           parser_no_memory(parser);
}

static bool take_item(void *userdata, const Token *token, const Token *by) {
    ItemList *list = userdata;
    Parser *parser = list->parser;
    const Key *key = &key_table[list->key];
    const Place *place = by ? &by->place : &token->place;
    ItemReader reader = {.policy = parser->policy, .names = parser->names};
    Item item = {.place = *place};

    if (list->count == LIST_ITEMS_MAX)
        return parser_wrong(parser, place, "the list has more than %d items", LIST_ITEMS_MAX);
    bool good = key->parse(&reader, token->text, &item);
    if (!good && reader.out_of_memory)
        parser->out_of_memory = true;
    else if (!good && by)
        parser_wrong(parser, place, "%s does not fit `%s`: %s (line %u)", show(by->text).text,
                     key->name, reader.message, token->place.line);
    else if (!good)
        parser_wrong(parser, place, "%s", reader.message);
    free(reader.message);
    if (!good)
        return false;

    if (list->key == KEY_EXE && !item.pattern.is_glob && !number_exe(parser, &item.pattern))
        return false;
    return ARRAY_APPEND(list->items, list->allocated, list->count, item) == 0 ||
           parser_no_memory(parser);
}

static bool read_items(Parser *parser, Match *match) {
    _cleanup_free_ Token *tokens = NULL;
    size_t count;
    if (!parser_read_list(parser, key_table[match->key].name, &tokens, &count))
        return false;

    ItemList list = {.parser = parser, .key = match->key};
    bool good = parser_resolve_list(parser, tokens, count, take_item, &list);
    parser->n_items += list.count;
    if (good && parser->n_items > ITEMS_MAX) {
        good = parser->too_many_told ||
               parser_wrong(parser, &match->place, "the policy has more than %d items", ITEMS_MAX);
        parser->too_many_told = true;
    } else if (good) {
        match->items = arena_array(&parser->policy->arena, list.count, sizeof(Item));
        good = match->items || parser_no_memory(parser);
        if (good)
            memcpy(match->items, list.items, list.count * sizeof(Item));
        match->n_items = (uint32_t)list.count;
    }
    free(list.items);
    /* Wrong items don't end the statement: what follows the list can still be read. */
    if (!good)
        match->n_items = 0;
    return !parser->out_of_memory;
}

/* Which match begins here: a protocol, or a key. */
static bool read_match_name(Parser *parser, Match *match, Proto *ret_proto) {
    const char *words[KEY_COUNT + PROTO_COUNT];
    const char *text = parser->token.text;

    if (parser->token.kind == TOKEN_WORD && proto_parse(text, ret_proto) == 0) {
        match->key = KEY_PROTO;
        return true;
    }
    if (parser->token.kind == TOKEN_WORD) {
        match->key = key_find(text);
        if (match->key != KEY_COUNT)
            return true;
    }
    if (parser->token.kind != TOKEN_WORD)
        return parser_unexpected(parser, "`not` needs a key or a protocol behind it");

    size_t count = key_names(words);
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        words[count++] = proto_name(proto);
    const char *nearest = nearest_word(text, words, count);
    return nearest ? parser_unexpected(parser, "%s is not a key or protocol: did you mean `%s`?",
                                       show(text).text, nearest)
                   : parser_unexpected(parser, "%s is not a key or protocol", show(text).text);
}

static bool set_proto(Parser *parser, Match *match, Proto proto) {
    match->items = arena_alloc(&parser->policy->arena, sizeof(Item));
    if (!match->items)
        return parser_no_memory(parser);
    match->items[0] = (Item){.place = match->place, .proto = proto};
    match->n_items = 1;
    return true;
}

static bool read_match(Parser *parser, Match *match) {
    Token first = parser->token;
    Proto proto = PROTO_TCP;

    match->negated = parser_at_word(parser, "not");
    if (match->negated) {
        parser_advance(parser);
        if (parser_at_end(parser))
            return parser_wrong(parser, &first.place, "`not` needs a key or a protocol behind it");
        if (parser_at_word(parser, "not"))
            return parser_unexpected(parser, "`not` is repeated");
    }
    if (!read_match_name(parser, match, &proto))
        return false;
    match->place = place_joined(&first.place, &parser->token.place);
    parser_advance(parser);
    if (match->key == KEY_PROTO ? !set_proto(parser, match, proto) : !read_items(parser, match))
        return false;
    match->text = parser_text_between(parser, &first.place, &parser->previous.place);
    match->place = place_joined(&first.place, &parser->previous.place);
    return match->text != NULL;
}

/* Whether a match may begin here, rightly or wrongly spelt; options and the end do not. */
static bool at_match(const Parser *parser) {
    static const char *const options[] = {"note", "advice", "until", "id"};
    if (parser->token.kind != TOKEN_WORD ||
        string_find(parser->token.text, options, ELEMENTS(options)) >= 0)
        return false;
    if (parser_at_word(parser, "not") || word_is_reserved(parser->token.text))
        return true;
    /* A mistyped option is told by who reads the options. */
    return !nearest_word(parser->token.text, options, ELEMENTS(options));
}

/* A word behind a list is most often an item whose comma was forgotten. */
static bool is_item_without_comma(Parser *parser, const Match *last) {
    if (!last || last->key == KEY_PROTO || parser->token.kind != TOKEN_WORD ||
        word_is_reserved(parser->token.text))
        return false;
    const char *words[KEY_COUNT];
    size_t count = key_names(words);
    if (nearest_word(parser->token.text, words, count))
        return false;
    ItemReader reader = {.policy = parser->policy, .names = parser->names};
    Item item;
    bool good = key_table[last->key].parse(&reader, parser->token.text, &item);
    free(reader.message);
    return good;
}

bool parser_read_matches(Parser *parser, Rule *rule) {
    Match matches[KEY_COUNT] = {};
    const Match *last = NULL;
    Match match;

    for (; at_match(parser); last = &match) {
        if (is_item_without_comma(parser, last))
            return parser_unexpected(parser, "a `,` is missing before %s",
                                     show(parser->token.text).text);
        match = (Match){};
        if (!read_match(parser, &match))
            return false;
        if (match.key == KEY_TOOL && rule->info.action != ACTION_FLAG) {
            parser_wrong(parser, &match.place,
                         "`tool` is a key of `flag` rules: a process chooses its own command line, "
                         "so nothing can be allowed or ignored by it");
            continue;
        }
        if (rule->keys & 1u << match.key) {
            const char *name = key_table[match.key].name;
            parser_wrong(parser, &match.place,
                         name ? "`%s` is already in this rule; use one list for all items"
                              : "%sthe rule has a protocol already",
                         name ?: "");
            continue;
        }
        rule->keys |= 1u << match.key;
        matches[rule->n_matches++] = match;
    }
    rule->matches = arena_array(&parser->policy->arena, rule->n_matches, sizeof(Match));
    if (!rule->matches)
        return parser_no_memory(parser);
    memcpy(rule->matches, matches, rule->n_matches * sizeof(Match));
    return true;
}
