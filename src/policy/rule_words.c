/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/rule_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/program.h"
#include "policy/ruleset.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

/* The matches of the rule by key; NULL: the rule does not have the key. */
typedef struct Parts {
    const Match *of[KEY_COUNT];
    usec_t until;
    const char *until_text;
} Parts;

/* The keys that a suggested rule may have, without `not`. */
static bool take_parts(const Rule *rule, Parts *ret) {
    const unsigned known = 1u << KEY_PROTO | 1u << KEY_PORT | 1u << KEY_SCOPE | 1u << KEY_USER |
                           1u << KEY_EXE | 1u << KEY_UNIT | 1u << KEY_USER_UNIT |
                           1u << KEY_CONTAINER | 1u << KEY_TARGET | 1u << KEY_ORIGIN;

    *ret = (Parts){.until = rule->until, .until_text = rule->until_text};
    for (uint32_t i = 0; i < rule->n_matches; i++) {
        const Match *match = &rule->matches[i];
        if (match->negated || !(known & 1u << match->key))
            return false;
        ret->of[match->key] = match;
    }
    return rule->info.action == ACTION_ALLOW && ret->of[KEY_PROTO] && ret->of[KEY_PORT];
}

/* Prints the value without the escapes of globs. */
static void print_pattern(const Pattern *pattern, FILE *out) {
    _cleanup_free_ char *plain = strdup(pattern->text);
    char *end = plain;

    for (const char *c = pattern->text; plain && *c; c++) {
        if (pattern->is_glob && *c == '\\' && c[1])
            c++;
        *end++ = *c;
    }
    if (plain)
        *end = '\0';
    _cleanup_free_ char *escaped = text_escape_string(plain);
    fputs(escaped ?: "?", out);
}

static void print_user(const Parts *parts, FILE *out) {
    const Match *match = parts->of[KEY_USER];

    if (!match)
        return;
    const Account *account = &match->items[0].account;
    _cleanup_free_ char *name = text_escape_string(account->name);
    if (name)
        fprintf(out, " of user %s", name);
    else
        fprintf(out, " of user %u", account->id);
}

/* `Python`; NULL: native programs, or several languages. */
static const char *interpreter_of(const Match *exes) {
    static const char *const names[][2] = {
        {"python", "Python"}, {"node", "Node.js"}, {"deno", "Deno"},
        {"bun", "Bun"},       {"ruby", "Ruby"},    {"java", "Java"},
        {"php", "PHP"},       {"perl", "Perl"},    {"shell", "shell"},
    };
    const char *found = NULL;

    for (uint32_t i = 0; i < exes->n_items; i++) {
        const Holder holder = {.exe = (char *)exes->items[i].pattern.text};
        Program program;
        program_init(&program, &holder);
        if (!program.interpreter || (found && strcmp(found, program.interpreter) != 0))
            return NULL;
        found = program.interpreter;
    }
    for (size_t i = 0; found && i < ELEMENTS(names); i++)
        if (strcmp(names[i][0], found) == 0)
            return names[i][1];
    return NULL;
}

static void print_programs(const Parts *parts, FILE *out) {
    const Match *exes = parts->of[KEY_EXE];
    const char *interpreter = interpreter_of(exes);

    fprintf(out, "any %s%sprogram", interpreter ?: "", interpreter ? " " : "");
    print_user(parts, out);
    fputs(interpreter ? " (" : " that runs ", out);
    for (uint32_t i = 0; i < exes->n_items; i++) {
        fputs(i > 0 ? " or " : "", out);
        print_pattern(&exes->items[i].pattern, out);
    }
    fputs(interpreter ? ")" : "", out);
}

/* Prints the user of the rule. Returns false if there is none. */
static bool print_subject(const Parts *parts, FILE *out) {
    if (parts->of[KEY_CONTAINER]) {
        fputs("the container ", out);
        print_pattern(&parts->of[KEY_CONTAINER]->items[0].container.pattern, out);
    } else if (parts->of[KEY_UNIT]) {
        fputs("the unit ", out);
        print_pattern(&parts->of[KEY_UNIT]->items[0].pattern, out);
    } else if (parts->of[KEY_USER_UNIT]) {
        fputs("the unit ", out);
        print_pattern(&parts->of[KEY_USER_UNIT]->items[0].pattern, out);
        print_user(parts, out);
    } else if (parts->of[KEY_EXE]) {
        print_programs(parts, out);
    } else if (parts->of[KEY_USER]) {
        fputs("any program", out);
        print_user(parts, out);
    } else {
        return false;
    }
    return true;
}

static void print_port(const Parts *parts, FILE *out) {
    for (const char *c = proto_name(parts->of[KEY_PROTO]->items[0].proto); *c; c++)
        fputc(toupper((unsigned char)*c), out);
    fprintf(out, " port %u", parts->of[KEY_PORT]->items[0].port.first);
}

static bool print_sentence(const Parts *parts, FILE *out) {
    const Match *target = parts->of[KEY_TARGET];

    if (target || parts->of[KEY_ORIGIN]) {
        print_port(parts, out);
        fputs(" may be forwarded", out);
    } else {
        if (!print_subject(parts, out))
            return false;
        fputs(" may listen on ", out);
        print_port(parts, out);
    }
    if (!target && parts->of[KEY_ORIGIN])
        fputs(" to any target", out);
    if (target && target->items[0].target.address.family == 0) {
        fputs(" to this host", out);
        if (target->items[0].target.port != 0)
            fprintf(out, ", port %u", target->items[0].target.port);
    } else if (target) {
        const Endpoint to = {.address = target->items[0].target.address,
                             .port = target->items[0].target.port};
        char text[ENDPOINT_SIZE];
        endpoint_format(&to, NULL, text);
        fprintf(out, " to %s", text);
    }
    if (parts->of[KEY_SCOPE])
        fprintf(out, " (scope %s)", scope_name(parts->of[KEY_SCOPE]->items[0].scope));
    if (parts->until != USEC_INFINITY && parts->until_text)
        fprintf(out, " until %s", parts->until_text);
    return true;
}

int rule_words(const char *rule, char **ret) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;
    _cleanup_free_ char *text = NULL;
    Parts parts;
    size_t size;

    if (!diagnostics)
        return -ENOMEM;
    int r = policy_parse(NULL, rule, strlen(rule), diagnostics, &policy);
    if (r < 0)
        return r == -ENOMEM ? r : -EINVAL;
    if (policy->n_rules != 1 || !take_parts(&policy->rules[0], &parts))
        return -EINVAL;
    FILE *out = text_stream_open(&text, &size);
    if (!out)
        return -ENOMEM;
    bool said = print_sentence(&parts, out);
    if (fclose(out) != 0)
        return -ENOMEM;
    if (!said)
        return -EINVAL;
    *ret = TAKE_PTR(text);
    return 0;
}
