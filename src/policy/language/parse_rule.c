/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `action { match } { option }`. */
#include <errno.h>
#include <string.h>

#include "policy/language/parser.h"
#include "util/memory.h"
#include "util/nearest.h"

typedef enum OptionId {
    OPTION_NOTE,
    OPTION_ADVICE,
    OPTION_UNTIL,
    OPTION_ID,
    OPTION_COUNT,
} OptionId;

static const char *const option_names[OPTION_COUNT] = {"note", "advice", "until", "id"};

bool parser_read_action(Parser *parser, Action *ret_action, Severity *ret_severity) {
    const char *names[SEVERITY_COUNT];
    Action action;

    if (parser->token.kind != TOKEN_WORD || action_parse(parser->token.text, &action) < 0)
        return parser_unexpected(parser, "an action is `allow`, `ignore` or `flag`");
    *ret_action = action;
    *ret_severity = SEVERITY_WARNING;
    parser_advance(parser);
    if (parser->token.kind != TOKEN_WORD)
        return true;
    const char *text = parser->token.text;
    if (severity_parse(text, ret_severity) == 0) {
        if (action != ACTION_FLAG)
            return parser_unexpected(parser, "only `flag` has a severity, not `%s`",
                                     action_name(action));
        parser_advance(parser);
        return true;
    }
    for (Severity severity = 0; severity < SEVERITY_COUNT; severity++)
        names[severity] = severity_name(severity);
    const char *nearest = nearest_word(text, names, SEVERITY_COUNT);
    if (nearest && !word_is_reserved(text))
        return parser_unexpected(parser, "%s is not a severity: did you mean `%s`?",
                                 show(text).text, nearest);
    return true;
}

/* The value of an option: a word or a string. */
static bool at_value(Parser *parser, OptionId option) {
    static const char *const needs[OPTION_COUNT] = {
        "`note` needs a text in quotes", "`advice` needs a text in quotes",
        "`until` needs a time such as `2026-12-31` or `2026-12-31T18:00`", "`id` needs a word"};
    bool quoted = option == OPTION_NOTE || option == OPTION_ADVICE;

    if (parser_at_end(parser))
        return parser_wrong(parser, &parser->previous.place, "%s", needs[option]);
    if (parser->token.kind != (quoted ? TOKEN_STRING : TOKEN_WORD))
        return parser_unexpected(parser, "%s", needs[option]);
    return true;
}

static void read_until(Parser *parser, Rule *rule) {
    const char *text = parser->token.text;
    rule->until_place = parser->token.place;
    rule->until_text = text;
    int r = parse_local_time(text, strlen(text), &rule->until);
    if (r == -ERANGE)
        parser_unexpected(parser, "the time %s is before 1970", show(text).text);
    else if (r < 0)
        parser_unexpected(parser,
                          "%s is not a time such as `2026-12-31` or `2026-12-31T18:00` that exists",
                          show(text).text);
}

static bool read_id(Parser *parser, Rule *rule) {
    const char *text = parser->token.text;
    uint32_t line;

    rule->id_place = parser->token.place;
    rule->info.id = text;
    if (strlen(text) > 64 || text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                               "0123456789._-")] != '\0') {
        parser_unexpected(parser, "an id is at most 64 letters, digits, `.`, `_` and `-`");
        return true;
    }
    int r = words_add(&parser->ids, text, parser->token.place.line, &line);
    if (r < 0)
        return parser_no_memory(parser);
    if (r == 0)
        parser_unexpected(parser, "the id %s is taken in line %u", show(text).text, line);
    return true;
}

static bool read_option_value(Parser *parser, OptionId option, Rule *rule) {
    switch (option) {
    case OPTION_NOTE:
        rule->info.note = parser->token.text;
        return true;
    case OPTION_ADVICE:
        rule->info.advice = parser->token.text;
        return true;
    case OPTION_UNTIL:
        read_until(parser, rule);
        return true;
    default:
        return read_id(parser, rule);
    }
}

/* What stands where an option or the end is expected. */
static bool wrong_option(Parser *parser) {
    const Token *token = &parser->token;
    if (token->kind == TOKEN_COMMA)
        return parser_unexpected(parser, "`,` separates list items, and there is no list here");
    if (token->kind != TOKEN_WORD)
        return parser_unexpected(parser, "quoted text must follow `note` or `advice`, or be "
                                         "a list item");
    if (word_is_reserved(token->text))
        return parser_unexpected(parser, "%s is a match, and matches precede the options",
                                 show(token->text).text);
    const char *nearest = nearest_word(token->text, option_names, OPTION_COUNT);
    return nearest ? parser_unexpected(parser, "%s is not an option: did you mean `%s`?",
                                       show(token->text).text, nearest)
                   : parser_unexpected(
                         parser,
                         "%s is not an option; the options are `note`, `advice`, `until` and "
                         "`id`",
                         show(token->text).text);
}

static bool read_options(Parser *parser, Rule *rule) {
    unsigned seen = 0;

    while (!parser_at_end(parser)) {
        OptionId option = 0;
        while (option < OPTION_COUNT && !parser_at_word(parser, option_names[option]))
            option++;
        if (option == OPTION_COUNT)
            return wrong_option(parser);
        if (seen & 1u << option)
            parser_unexpected(parser, "`%s` is already in this rule", option_names[option]);
        seen |= 1u << option;
        parser_advance(parser);
        if (!at_value(parser, option) || !read_option_value(parser, option, rule))
            return false;
        parser_advance(parser);
    }
    return true;
}

static bool add_rule(Parser *parser, const Rule *rule) {
    Policy *policy = parser->policy;

    if (policy->n_rules == RULES_MAX) {
        bool told = parser->too_many_told;
        parser->too_many_told = true;
        return told ||
               parser_wrong(parser, &rule->place, "the policy has more than %d rules", RULES_MAX);
    }
    return ARRAY_APPEND(policy->rules, parser->rules_allocated, policy->n_rules, *rule) == 0 ||
           parser_no_memory(parser);
}

bool parser_read_rule(Parser *parser) {
    Token first = parser->token;
    Rule rule = {
        .info = {.file = parser->file->name, .line = first.place.line},
        .until = USEC_INFINITY,
    };

    if (!parser_read_action(parser, &rule.info.action, &rule.info.severity) ||
        !parser_read_matches(parser, &rule) || !read_options(parser, &rule))
        return false;
    rule.place = place_joined(&first.place, &parser->previous.place);
    rule.info.text = parser_text_between(parser, &first.place, &parser->previous.place);
    return rule.info.text && add_rule(parser, &rule);
}
