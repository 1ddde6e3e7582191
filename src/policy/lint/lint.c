/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/lint/lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/language/parser.h"
#include "policy/lint/lint_cover.h"
#include "policy/match/match.h"
#include "util/cleanup.h"
#include "util/escape.h"

typedef struct Linter {
    const Policy *policy;
    const LintContext *context;
    Diagnostics *diagnostics;
} Linter;

__attribute__((format(printf, 3, 4))) static int warn(const Linter *linter, const Place *place,
                                                      const char *format, ...) {
    SourcePlace source = place_source(place);
    va_list arguments;

    va_start(arguments, format);
    diagnostics_addv(linter->diagnostics, DIAGNOSTIC_WARNING, &source, format, arguments);
    va_end(arguments);
    return 0;
}

/* The path itself, or the directory above a glob's first part that is one; freed by the caller. */
static char *exe_place(const Pattern *pattern) {
    size_t length = strlen(pattern->text);
    if (pattern->is_glob) {
        length = strcspn(pattern->text, "*?[\\");
        while (length > 1 && pattern->text[length - 1] != '/')
            length--;
        if (length > 1)
            length--;
    }
    return strndup(pattern->text, length);
}

/* What others than root can change is told here; returns whether the file is missing. */
static int lint_exe(const Linter *linter, const Item *item) {
    const LintContext *context = linter->context;
    _cleanup_free_ char *path = NULL, *place = NULL;

    if (!context->path_is_safe)
        return 0;
    path = exe_place(&item->pattern);
    if (!path)
        return -ENOMEM;
    int r = context->path_is_safe(context->userdata, path, &place);
    if (r == 0)
        return 0;
    if (r == -ENOENT || r == -ENOTDIR)
        return 1;
    if (!place)
        return warn(linter, &item->place, "cannot check who can write %s: %s", show(path).text,
                    strerror(r < 0 ? -r : r));
    if (strcmp(place, path) == 0)
        return warn(linter, &item->place,
                    "users other than root can write %s, and so use this rule", show(path).text);
    return warn(linter, &item->place, "users other than root can write %s, and so replace %s",
                show(place).text, show(path).text);
}

/* 1: what the item names does not exist; 0: it does, or can't be told; or a negative errno. */
static int lint_item(const Linter *linter, KeyId key, const Item *item) {
    const LintContext *context = linter->context;

    if (item->untold)
        return warn(linter, &item->place,
                    "the name service does not respond: the %s is unresolved and matches "
                    "nothing",
                    key_table[key].name);
    switch (key) {
    case KEY_USER:
    case KEY_GROUP:
        return !item->account.known;
    case KEY_INTERFACE:
        return context->links && !item->pattern.is_glob &&
               !link_table_find_name(context->links, item->pattern.text);
    case KEY_UNIT:
        return context->unit_exists && !item->pattern.is_glob &&
               context->unit_exists(context->userdata, item->pattern.text) == 0;
    case KEY_TOOL:
        return context->advice && !item->pattern.is_glob &&
               !advice_has_section(context->advice, item->pattern.text);
    case KEY_EXE:
        return lint_exe(linter, item);
    default:
        return 0;
    }
}

static int warn_missing(const Linter *linter, const Match *match) {
    static const char *const many[KEY_COUNT] = {
        [KEY_USER] = "users", [KEY_GROUP] = "groups", [KEY_INTERFACE] = "interfaces",
        [KEY_UNIT] = "units", [KEY_TOOL] = "tools",   [KEY_EXE] = "files",
    };
    const Item *item = &match->items[0];

    if (match->n_items > 1)
        return warn(linter, &match->place, "none of these %s exists here", many[match->key]);
    switch (match->key) {
    case KEY_USER:
    case KEY_GROUP:
        return warn(linter, &item->place, "no %s is named %s here: this matches no one",
                    match->key == KEY_USER ? "user" : "group", show(item->account.name).text);
    case KEY_INTERFACE:
        return warn(linter, &item->place, "no interface is named %s at the moment",
                    show(item->pattern.text).text);
    case KEY_TOOL:
        return warn(linter, &item->place, "no section of the advice files is named %s",
                    show(item->pattern.text).text);
    case KEY_UNIT:
        return warn(linter, &item->place, "no unit is named %s here",
                    show(item->pattern.text).text);
    default: {
        _cleanup_free_ char *path = exe_place(&item->pattern);
        return path ? warn(linter, &item->place, "%s does not exist here", show(path).text)
                    : -ENOMEM;
    }
    }
}

/* Packages bring rules for what may be installed or not. */
static bool is_vendors(const Linter *linter, const Rule *rule) {
    const char *vendor = linter->context->vendor;
    return vendor && rule->info.file && strncmp(rule->info.file, vendor, strlen(vendor)) == 0;
}

/* A list names alternatives: one of them is enough. */
static int lint_match(const Linter *linter, const Rule *rule, const Match *match) {
    uint32_t n_missing = 0;

    for (uint32_t i = 0; i < match->n_items; i++) {
        int r = lint_item(linter, match->key, &match->items[i]);
        if (r < 0)
            return r;
        n_missing += r > 0;
    }
    if (n_missing < match->n_items || n_missing == 0 || is_vendors(linter, rule))
        return 0;
    return warn_missing(linter, match);
}

/* Whether an earlier rule always decides in this one's place. */
static int lint_shadow(const Linter *linter, const Rule *rule) {
    const Policy *policy = linter->policy;

    for (const Rule *other = policy->rules; other < rule; other++) {
        if (rule_is_expired(other, linter->context->now) || !rule_covers(other, rule))
            continue;
        if (!other->info.file || !rule->info.file || strcmp(other->info.file, rule->info.file) == 0)
            return warn(linter, &rule->place,
                        "never decides: the rule in line %u matches all that it does",
                        other->info.line);
        _cleanup_free_ char *file = text_escape_string(other->info.file);
        return warn(linter, &rule->place,
                    "never decides: the rule in %s:%u matches all that it does", file ?: "",
                    other->info.line);
    }
    return 0;
}

static int lint_rule(const Linter *linter, const Rule *rule) {
    int r = 0;

    if (rule_is_expired(rule, linter->context->now))
        r = warn(linter, &rule->until_place, "the rule has expired: it matches nothing now");
    else
        r = lint_shadow(linter, rule);
    for (uint32_t i = 0; r == 0 && i < rule->n_matches; i++)
        r = lint_match(linter, rule, &rule->matches[i]);
    return r;
}

/* In one file it is an error; files of different authors must not be able to break each other. */
static int lint_ids(const Linter *linter) {
    const Policy *policy = linter->policy;
    _cleanup_(words_done) Words ids = {};

    for (uint32_t i = 0; i < policy->n_rules; i++) {
        const Rule *rule = &policy->rules[i];
        uint32_t first;
        int r = rule->info.id ? words_add(&ids, rule->info.id, i, &first) : 1;
        if (r == 0) {
            const RuleInfo *other = &policy->rules[first].info;
            _cleanup_free_ char *file = text_escape_string(other->file);
            r = warn(linter, &rule->id_place, "the id %s is taken by %s:%u",
                     show(rule->info.id).text, file ?: "", other->line);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int policy_lint(const Policy *policy, const LintContext *context, Diagnostics *diagnostics) {
    const Linter linter = {policy, context, diagnostics};
    int r = 0;

    for (size_t i = 0; r == 0 && i < policy->n_rules; i++)
        r = lint_rule(&linter, &policy->rules[i]);
    for (size_t i = 0; r == 0 && i < policy->n_lets; i++)
        if (!policy->lets[i]->used)
            r = warn(&linter, &policy->lets[i]->place, "%s is never used",
                     show(policy->lets[i]->name).text);
    return r < 0 ? r : lint_ids(&linter);
}

int policy_lint_accounts(const Policy *policy, Diagnostics *diagnostics) {
    const LintContext context = {};
    const Linter linter = {policy, &context, diagnostics};
    int r = 0;

    for (size_t i = 0; r == 0 && i < policy->n_rules; i++)
        for (uint32_t j = 0; r == 0 && j < policy->rules[i].n_matches; j++) {
            const Match *match = &policy->rules[i].matches[j];
            if (match->key == KEY_USER || match->key == KEY_GROUP)
                r = lint_match(&linter, &policy->rules[i], match);
        }
    return r;
}
