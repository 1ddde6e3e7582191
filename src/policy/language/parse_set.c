/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `set NAME value`. The first file that sets a name wins, as the first rule does. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "policy/language/parser.h"
#include "util/memory.h"
#include "util/nearest.h"

typedef enum SetKind {
    SET_ACTION,
    SET_SPAN,
    SET_SPAN_OR_NEVER,
    SET_NUMBER,
} SetKind;

static const struct {
    const char *name;
    SetKind kind;
    size_t offset; /* in PolicySettings */
    uint64_t least, most;
    const char *needs;
} settings[] = {
    {"default", SET_ACTION, 0, 0, 0, "an action such as `flag warning`"},
    {"poll", SET_SPAN, offsetof(PolicySettings, poll), USEC_PER_SEC / 10, USEC_PER_HOUR,
     "a span from 100ms to 1h"},
    {"udp-grace", SET_SPAN, offsetof(PolicySettings, udp_grace), 0, USEC_PER_HOUR,
     "a span from 0s to 1h"},
    {"settle", SET_SPAN, offsetof(PolicySettings, settle), 0, 10 * USEC_PER_SEC,
     "a span from 0s to 10s"},
    {"remind", SET_SPAN_OR_NEVER, offsetof(PolicySettings, remind), USEC_PER_MINUTE,
     365 * USEC_PER_DAY, "a span from 1m to 365d, or `never`"},
    {"burst", SET_NUMBER, offsetof(PolicySettings, burst), 1, 10000, "a number from 1 to 10000"},
};

static bool read_number(Parser *parser, size_t index, uint64_t *ret) {
    const char *text = parser->token.text;
    SetKind kind = settings[index].kind;
    int r;

    if (kind == SET_SPAN_OR_NEVER && strcmp(text, "never") == 0) {
        *ret = USEC_INFINITY;
        return true;
    }
    if (kind == SET_NUMBER)
        r = parse_unsigned(text, strlen(text), UINT64_MAX, ret);
    else
        r = parse_duration(text, strlen(text), ret);
    if (r < 0 || *ret < settings[index].least || *ret > settings[index].most)
        return parser_unexpected(parser, "`set %s` takes %s, not %s", settings[index].name,
                                 settings[index].needs, show(text).text);
    return true;
}

static bool set_default(Parser *parser, const Token *first, bool wins) {
    Rule rule = {
        .info = {.file = parser->file->name, .line = first->place.line},
        .until = USEC_INFINITY,
    };
    if (!parser_read_action(parser, &rule.info.action, &rule.info.severity))
        return false;
    if (!parser_at_end(parser))
        return parser_unexpected(parser, "`set default` takes an action and its severity alone");
    rule.info.text = parser_text_between(parser, &first->place, &parser->previous.place);
    rule.place = place_joined(&first->place, &parser->previous.place);
    if (wins && rule.info.text)
        parser->policy->default_rule = rule;
    return rule.info.text != NULL;
}

static bool set_number(Parser *parser, size_t index, bool wins) {
    uint64_t value;
    if (parser->token.kind != TOKEN_WORD)
        return parser_unexpected(parser, "`set %s` takes %s", settings[index].name,
                                 settings[index].needs);
    if (!read_number(parser, index, &value))
        return false;
    parser_advance(parser);
    if (!parser_at_end(parser))
        return parser_unexpected(parser, "`set %s` takes one value", settings[index].name);
    if (wins)
        memcpy((char *)&parser->policy->settings + settings[index].offset, &value, sizeof(value));
    return true;
}

bool parser_read_set(Parser *parser) {
    const char *names[ELEMENTS(settings)];
    Token first = parser->token;
    size_t index = 0;

    parser_advance(parser);
    if (parser_at_end(parser))
        return parser_wrong(parser, &first.place, "`set` needs a name and a value");
    if (parser->token.kind != TOKEN_WORD)
        return parser_unexpected(parser, "`set` needs a name and a value");
    for (; index < ELEMENTS(settings); index++) {
        names[index] = settings[index].name;
        if (parser_at_word(parser, names[index]))
            break;
    }
    const char *text = parser->token.text;
    if (index == ELEMENTS(settings)) {
        const char *nearest = nearest_word(text, names, ELEMENTS(settings));
        return nearest ? parser_unexpected(parser, "%s can't be set: did you mean `%s`?",
                                           show(text).text, nearest)
                       : parser_unexpected(parser,
                                           "%s can't be set: there are `default`, `poll`, "
                                           "`udp-grace`, `settle`, `remind` and `burst`",
                                           show(text).text);
    }
    if (parser->sets & 1u << index)
        parser_unexpected(parser, "`set %s` is already in this file", names[index]);
    parser->sets |= 1u << index;
    parser_advance(parser);
    if (parser_at_end(parser))
        return parser_wrong(parser, &parser->previous.place, "`set %s` takes %s",
                            settings[index].name, settings[index].needs);
    bool wins = !(parser->sets_before & 1u << index);
    return settings[index].kind == SET_ACTION ? set_default(parser, &first, wins)
                                              : set_number(parser, index, wins);
}
