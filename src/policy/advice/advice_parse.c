/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advice files: sections of `key = value`, described in sockaudit.advice(5). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/advice/advice_table.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/nearest.h"
#include "util/parse.h"

typedef struct Parser {
    AdviceTable *table;
    Diagnostics *diagnostics;
    const char *file;
    const char *line; /* the one being read, not NUL-terminated */
    size_t line_length;
    unsigned line_number;

    AdviceSection section; /* the one being read */
    unsigned section_line; /* 0: before the first */
    unsigned keys_seen;    /* bits of the table below */
    bool section_is_bad;   /* it is left out */
} Parser;

/* A part of the current line. */
typedef struct Span {
    const char *text;
    size_t length;
} Span;

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static Span span_trimmed(const char *text, size_t length) {
    while (length > 0 && is_blank(*text)) {
        text++;
        length--;
    }
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    return (Span){text, length};
}

static bool span_is(Span span, const char *word) {
    return strlen(word) == span.length && memcmp(span.text, word, span.length) == 0;
}

/*
 * Tells what is wrong at a part of the current line and leaves the section out. All of it are
 * warnings: see advice.h. Always returns 0, so that `return complain(…)` reads well.
 */
__attribute__((format(printf, 3, 4))) static int complain(Parser *parser, Span at,
                                                          const char *format, ...) {
    SourcePlace place = {
        .file = parser->file,
        .line = parser->line_number,
        .column = (unsigned)(at.text - parser->line) + 1,
        .length = at.length > 0 ? (unsigned)at.length : 1,
        .text = parser->line,
        .text_length =
            parser->line_length < ADVICE_LINE_MAX ? parser->line_length : ADVICE_LINE_MAX,
    };
    va_list arguments;

    va_start(arguments, format);
    diagnostics_addv(parser->diagnostics, DIAGNOSTIC_WARNING, &place, format, arguments);
    va_end(arguments);
    parser->section_is_bad = true;
    return 0;
}

/* As complain(), with the span quoted and the nearest of the words that could stand there. */
static int complain_unknown(Parser *parser, Span at, const char *what, const char *const *words,
                            size_t n_words) {
    _cleanup_free_ char *word = strndup(at.text, at.length);
    _cleanup_free_ char *shown = text_escape(at.text, at.length);
    if (!word || !shown)
        return -ENOMEM;

    const char *nearest = nearest_word(word, words, n_words);
    if (nearest)
        return complain(parser, at, "unknown %s '%s'; did you mean '%s'?", what, shown, nearest);
    return complain(parser, at, "unknown %s '%s'", what, shown);
}

/*
 * Calls `item` for each item of a comma-separated list; stops at the first negative return or once
 * the section is bad.
 */
static int list_walk(Parser *parser, Span value, void *userdata,
                     int (*item)(Parser *parser, Span item, void *userdata)) {
    const char *at = value.text, *end = value.text + value.length;
    size_t count = 0;

    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        Span span = span_trimmed(at, (size_t)((comma ? comma : end) - at));
        if (span.length == 0)
            return complain(parser, (Span){span.text, 1}, "an item is missing in the list");
        if (++count > ADVICE_ITEMS_MAX)
            return complain(parser, span, "more than %d items in a list", ADVICE_ITEMS_MAX);
        int r = item(parser, span, userdata);
        if (r < 0 || parser->section_is_bad || !comma)
            return r;
        at = comma + 1;
    }
}

static int strings_add(char ***list, Span item) {
    size_t count = strv_length(*list);
    char **grown = realloc(*list, (count + 2) * sizeof(char *));
    if (!grown)
        return -ENOMEM;
    *list = grown;
    grown[count] = strndup(item.text, item.length);
    grown[count + 1] = NULL;
    return grown[count] ? 0 : -ENOMEM;
}

/* A command line's pattern may hold blanks. */
static int add_pattern(Parser *parser, Span item, void *userdata) {
    (void)parser;
    return strings_add(userdata, item);
}

/* A name's can't: most often it is a comment behind the value. */
static int add_name(Parser *parser, Span item, void *userdata) {
    for (size_t i = 0; i < item.length; i++) {
        if (is_blank(item.text[i]))
            return complain(parser, (Span){item.text + i, item.length - i},
                            "names must not contain spaces; comments need a line of their own");
        if (item.text[i] == '/')
            return complain(parser, item, "only the last part of the path is compared: no '/'");
    }
    return strings_add(userdata, item);
}

/* An npm package: NAME or @SCOPE/NAME. */
static int add_package(Parser *parser, Span item, void *userdata) {
    const char *slash = memchr(item.text, '/', item.length);

    if (memchr(item.text, ' ', item.length) || memchr(item.text, '\t', item.length))
        return complain(parser, item,
                        "names must not contain spaces; comments need a line of their own");
    if (slash && *item.text != '@' && *item.text != '*')
        return complain(parser, item, "invalid package, expected NAME or @SCOPE/NAME");
    return strings_add(userdata, item);
}

/* One word: `--host`, `-H`, or a glob for an argument. */
static int add_word(Parser *parser, Span item, void *userdata) {
    for (size_t i = 0; i < item.length; i++)
        if (is_blank(item.text[i]))
            return complain(parser, (Span){item.text + i, item.length - i},
                            "expected one word, an option or a pattern for another argument");
    return strings_add(userdata, item);
}

static int add_option(Parser *parser, Span item, void *userdata) {
    if (item.text[0] != '-')
        return complain(parser, item, "options must start with '-'");
    return add_word(parser, item, userdata);
}

static int add_origin(Parser *parser, Span item, void *userdata) {
    static const char *const names[ADVICE_ORIGIN_COUNT] = {"socket", "forward", "kernel",
                                                           "activated"};
    AdviceSection *section = userdata;

    for (AdviceOrigin origin = 0; origin < ADVICE_ORIGIN_COUNT; origin++)
        if (span_is(item, names[origin])) {
            section->origins |= 1U << origin;
            return 0;
        }
    return complain_unknown(parser, item, "origin", names, ADVICE_ORIGIN_COUNT);
}

static int add_port(Parser *parser, Span item, void *userdata) {
    AdviceSection *section = userdata;
    const char *dash = memchr(item.text, '-', item.length);
    Span first = {item.text, dash ? (size_t)(dash - item.text) : item.length};
    Span last = dash ? (Span){dash + 1, item.length - first.length - 1} : first;
    uint64_t low, high;

    if (parse_unsigned(first.text, first.length, UINT16_MAX, &low) < 0 ||
        parse_unsigned(last.text, last.length, UINT16_MAX, &high) < 0)
        return complain(parser, item, "a port is a number of 0-65535, or two with a dash between");
    if (low > high)
        return complain(parser, item, "the range ends before it begins");

    PortRange *grown = reallocarray(section->ports, section->n_ports + 1, sizeof(PortRange));
    if (!grown)
        return -ENOMEM;
    section->ports = grown;
    grown[section->n_ports++] = (PortRange){(uint16_t)low, (uint16_t)high};
    return 0;
}

static int add_proto(Parser *parser, Span item, void *userdata) {
    AdviceSection *section = userdata;
    const char *names[PROTO_COUNT];

    for (Proto proto = 0; proto < PROTO_COUNT; proto++) {
        names[proto] = proto_name(proto);
        if (span_is(item, names[proto])) {
            section->protos |= 1U << proto;
            return 0;
        }
    }
    return complain_unknown(parser, item, "protocol", names, PROTO_COUNT);
}

static int add_container(Parser *parser, Span item, void *userdata) {
    AdviceSection *section = userdata;
    const char *names[RUNTIME_COUNT + 1];

    for (ContainerRuntime runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
        names[runtime] = container_runtime_name(runtime);
        if (span_is(item, names[runtime])) {
            section->containers |= 1U << runtime;
            return 0;
        }
    }
    names[RUNTIME_COUNT] = "any";
    if (span_is(item, "any")) {
        section->containers |= ((1U << RUNTIME_COUNT) - 1) & ~(1U << RUNTIME_NONE);
        return 0;
    }
    return complain_unknown(parser, item, "container runtime", names, RUNTIME_COUNT + 1);
}

/* The advice is the rest of the line as it stands; only what is in braces is looked at. */
static int parse_advice(Parser *parser, Span value) {
    size_t at = 0, start, length;
    Placeholder placeholder;

    parser->section.advice = strndup(value.text, value.length);
    if (!parser->section.advice)
        return -ENOMEM;
    while (placeholder_next(parser->section.advice, at, &start, &length, &placeholder)) {
        if (placeholder == PLACEHOLDER_COUNT)
            return complain_unknown(parser, (Span){value.text + start + 1, length - 2},
                                    "placeholder", placeholder_names, PLACEHOLDER_COUNT);
        at = start + length;
    }
    return 0;
}

#define LIST(member) offsetof(AdviceSection, member)

/* In alphabetical order; the index is the bit in Parser.keys_seen. */
static const struct {
    const char *name;
    int (*item)(Parser *parser, Span item, void *userdata); /* parses an item of a list */
    size_t list;       /* offset of the list in the section; 0: `item` gets the section */
    bool is_condition; /* the key is a condition of the section */
} keys[] = {
    {"advice", NULL, 0, false},
    {"arguments", add_pattern, LIST(arguments), true},
    {"container", add_container, 0, true},
    {"drops", add_option, LIST(drops), false},
    {"exe", add_name, LIST(exe), true},
    {"option", add_pattern, LIST(option), true},
    {"origin", add_origin, 0, true},
    {"package", add_package, LIST(package), true},
    {"port", add_port, 0, true},
    {"protocol", add_proto, 0, true},
    {"replaces", add_word, LIST(replaces), false},
    {"script", add_name, LIST(script), true},
    {"unit", add_name, LIST(unit), true},
    {"user-unit", add_name, LIST(user_unit), true},
};
#define KEY_ADVICE 0

static bool has_condition(unsigned keys_seen) {
    for (size_t i = 0; i < ELEMENTS(keys); i++)
        if (keys_seen & 1U << i && keys[i].is_condition)
            return true;
    return false;
}

/* Returns whether the advice has that placeholder. */
static bool advice_has(const char *advice, Placeholder wanted) {
    size_t start, length;
    Placeholder placeholder;

    for (size_t at = 0; placeholder_next(advice, at, &start, &length, &placeholder);
         at = start + length)
        if (placeholder == wanted)
            return true;
    return false;
}

static int parse_key(Parser *parser, Span line, const char *equals) {
    Span key = span_trimmed(line.text, (size_t)(equals - line.text));
    Span value = span_trimmed(equals + 1, line.length - (size_t)(equals + 1 - line.text));
    const char *names[ELEMENTS(keys)];
    size_t i;

    for (i = 0; i < ELEMENTS(keys); i++) {
        names[i] = keys[i].name;
        if (span_is(key, keys[i].name))
            break;
    }
    if (i == ELEMENTS(keys))
        return complain_unknown(parser, key, "key", names, ELEMENTS(keys));
    if (parser->section_line == 0)
        return complain(parser, key, "a key before the first [section]");
    if (parser->keys_seen & 1U << i)
        return complain(parser, key, "'%s' is repeated in this section", keys[i].name);
    if (value.length == 0)
        return complain(parser, (Span){equals, 1}, "'%s' has no value", keys[i].name);
    parser->keys_seen |= 1U << i;
    if (i == KEY_ADVICE)
        return parse_advice(parser, value);
    return list_walk(parser, value, (char *)&parser->section + keys[i].list, keys[i].item);
}

/* Ends the section that was read: into the table, or away. */
static int section_end(Parser *parser) {
    AdviceTable *table = parser->table;
    const char *lack = NULL;

    if (parser->section_line > 0 && !parser->section_is_bad) {
        if (!(parser->keys_seen & 1U << KEY_ADVICE))
            lack = "this section has no 'advice'";
        else if (!has_condition(parser->keys_seen))
            lack = "this section has no key that says what it is for";
        else if ((parser->section.replaces || parser->section.drops) &&
                 !advice_has(parser->section.advice, PLACEHOLDER_ARGUMENTS))
            lack = "'replaces' and 'drops' require {arguments} in the advice";
        else if (table->n_sections >= ADVICE_SECTIONS_MAX)
            lack = "too many sections, this one is left out";
    }
    if (lack) {
        SourcePlace place = {.file = parser->file, .line = parser->section_line};
        diagnostics_add(parser->diagnostics, DIAGNOSTIC_WARNING, &place, "%s", lack);
    }
    if (parser->section_line > 0 && !parser->section_is_bad && !lack) {
        int r = ARRAY_RESERVE(table->sections, table->allocated, table->n_sections + 1);
        if (r < 0)
            return r;
        table->sections[table->n_sections++] = parser->section;
        parser->section = (AdviceSection){};
    }
    advice_section_done(&parser->section);
    parser->keys_seen = 0;
    parser->section_is_bad = false;
    return 0;
}

static int parse_header(Parser *parser, Span line) {
    int r = section_end(parser);
    if (r < 0)
        return r;

    parser->section_line = parser->line_number;
    if (line.text[line.length - 1] != ']')
        return complain(parser, line, "a section's name ends with ']'");
    Span name = span_trimmed(line.text + 1, line.length - 2);
    if (name.length == 0)
        return complain(parser, line, "a section needs a name");
    parser->section.name = strndup(name.text, name.length);
    return parser->section.name ? 0 : -ENOMEM;
}

/* Whether the whole line is text that may reach a terminal; tells what is not. */
static bool line_is_text(Parser *parser) {
    for (size_t i = 0; i < parser->line_length;) {
        unsigned code_point;
        size_t length = utf8_decode(parser->line + i, parser->line_length - i, &code_point);
        if (length == 0) {
            complain(parser, (Span){parser->line + i, 1}, "not valid UTF-8");
            return false;
        }
        if (code_point != '\t' && !code_point_is_printable(code_point)) {
            complain(parser, (Span){parser->line + i, length}, "a control or invisible character");
            return false;
        }
        i += length;
    }
    return true;
}

static int parse_line(Parser *parser) {
    Span line = span_trimmed(parser->line, parser->line_length);

    if (line.length == 0 || line.text[0] == '#')
        return 0;
    if (parser->line_length > ADVICE_LINE_MAX)
        return complain(parser, (Span){parser->line, 1}, "a line of more than %d bytes",
                        ADVICE_LINE_MAX);
    if (!line_is_text(parser))
        return 0;
    if (line.text[0] == '[')
        return parse_header(parser, line);

    const char *equals = memchr(line.text, '=', line.length);
    if (!equals)
        return complain(parser, line, "neither [section], key = value nor a comment");
    return parse_key(parser, line, equals);
}

int advice_parse(AdviceTable **table, const char *name, const char *text, size_t length,
                 Diagnostics *diagnostics) {
    Parser parser = {.diagnostics = diagnostics, .file = name};
    const char *end = text + length;
    int r = 0;

    if (!*table)
        *table = calloc(1, sizeof(AdviceTable));
    if (!*table)
        return -ENOMEM;
    parser.table = *table;

    for (const char *at = text; at < end && r >= 0;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline ? newline : end;
        parser.line = at;
        parser.line_length = (size_t)(line_end - at);
        if (parser.line_length > 0 && line_end[-1] == '\r')
            parser.line_length--;
        parser.line_number++;
        r = parse_line(&parser);
        at = newline ? newline + 1 : end;
    }
    if (r >= 0)
        r = section_end(&parser);
    advice_section_done(&parser.section);
    return r < 0 ? r : 0;
}
