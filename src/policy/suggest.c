/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/names.h"
#include "policy/policy.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/glob.h"

/* Who may do it: what stands behind `allow tcp port 3000`. Each prints its matches, or returns
 * false when it does not apply. */
typedef bool (*Who)(const Listener *listener, FILE *out);

static bool is_plain(const char *text) {
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "._/:@+-") == strlen(text);
}

/* As a word, or as a string with its two escapes. */
static void print_item(const char *text, FILE *out) {
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++)
        fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    fputc('"', out);
}

/* The same for a key that takes globs: what would be one is taken literally. */
static void print_literal(const char *key, const char *text, FILE *out) {
    _cleanup_free_ char *literal = malloc(strlen(text) * 2 + 1);
    char *end = literal;

    if (!literal) {
        fprintf(out, " %s \"", key); /* no rule, and so not taken */
        return;
    }
    for (; *text; text++) {
        if (strchr("*?[]\\", *text))
            *end++ = '\\';
        *end++ = *text;
    }
    *end = '\0';
    fprintf(out, " %s ", key);
    print_item(literal, out);
}

static bool print_user(const Listener *listener, FILE *out) {
    if (listener->origin == ORIGIN_FORWARD || listener->uid == (uint32_t)-1)
        return false;
    _cleanup_free_ char *name = names_of_user(listener->uid);
    fputs(" user ", out);
    if (name && is_plain(name))
        fputs(name, out);
    else
        fprintf(out, "%u", listener->uid);
    return true;
}

static bool print_container(const Listener *listener, FILE *out) {
    const Owner *owner = listener->owner;
    if (!owner || owner->runtime == RUNTIME_NONE || !(owner->container_name ?: owner->container_id))
        return false;
    print_literal("container", owner->container_name ?: owner->container_id, out);
    return true;
}

/* The file that every holder runs, or NULL. */
static const char *only_exe(const Owner *owner) {
    if (!owner || !owner->complete || owner->n_holders == 0 ||
        owner->n_holders_seen > owner->n_holders)
        return NULL;
    for (size_t i = 0; i < owner->n_holders; i++) {
        const Holder *holder = &owner->holders[i];
        if (holder->exe_state != EXE_VERIFIED || !holder->exe ||
            !file_id_equal(&holder->exe_id, &owner->holders[0].exe_id) ||
            strcmp(holder->exe, owner->holders[0].exe) != 0)
            return NULL;
    }
    return owner->holders[0].exe;
}

/* An interpreter runs anybody's script: the user is named, too. */
static bool print_exe(const Listener *listener, FILE *out) {
    const char *exe = only_exe(listener->owner);
    if (!exe)
        return false;
    print_literal("exe", exe, out);
    print_user(listener, out);
    return true;
}

/* In a unit's name a backslash stands for itself (`dev-x\x2dy.device`), and no unit has a glob's
 * other characters. */
static bool print_unit_name(const char *key, const char *name, FILE *out) {
    if (strpbrk(name, "*?["))
        return false;
    fprintf(out, " %s ", key);
    print_item(name, out);
    return true;
}

static bool print_unit(const Listener *listener, FILE *out) {
    const Owner *owner = listener->owner;
    if (!owner || !owner->unit || owner->user_unit)
        return false;
    return print_unit_name("unit", owner->unit, out);
}

static bool print_user_unit(const Listener *listener, FILE *out) {
    const Owner *owner = listener->owner;
    if (!owner || !owner->user_unit)
        return false;
    return print_unit_name("user-unit", owner->user_unit, out) && print_user(listener, out);
}

static bool print_forward(const Listener *listener, FILE *out) {
    return listener->origin == ORIGIN_FORWARD && fputs(" origin forward", out) >= 0;
}

static void print_until(usec_t until, FILE *out) {
    time_t seconds = (time_t)(until / USEC_PER_SEC);
    char text[32];
    struct tm tm;
    if (until != USEC_INFINITY && localtime_r(&seconds, &tm) &&
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) > 0)
        fprintf(out, " until %s", text);
}

/* A note is one line of text. */
static void print_note(const char *note, FILE *out) {
    _cleanup_free_ char *escaped = text_escape_string(note);
    if (!escaped || !*escaped)
        return;
    fputs(" note \"", out);
    for (const char *c = escaped; *c; c++)
        fprintf(out, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    fputc('"', out);
}

static int write_rule(const Listener *listener, Who who, usec_t until, const char *note,
                      char **ret) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -ENOMEM;
    fprintf(out, "allow %s port %u", proto_name(listener->endpoint.proto), listener->endpoint.port);
    if (listener->scope != SCOPE_WILDCARD)
        fprintf(out, " scope %s", scope_name(listener->scope));
    bool applies = who(listener, out);
    print_until(until, out);
    print_note(note, out);
    if (fclose(out) != 0 || !applies) {
        free(text);
        return applies ? -ENOMEM : -EINVAL;
    }
    *ret = text;
    return 0;
}

/* Whether it is one rule of the language, and nothing more. */
static int check_rule(const char *text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;

    if (!diagnostics)
        return -ENOMEM;
    int r = policy_parse("suggestion", text, strlen(text), diagnostics, &policy);
    if (r == -ENOMEM)
        return r;
    return r < 0 || policy_n_rules(policy) != 1 || strchr(text, '\n') ? -EINVAL : 0;
}

int rule_suggest(const Listener *listener, usec_t until, const char *note, char **ret) {
    static const Who ways[] = {
        print_container, print_exe, print_unit, print_user_unit, print_forward, print_user,
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        _cleanup_free_ char *text = NULL;
        int r = write_rule(listener, ways[i], until, note, &text);
        if (r == 0)
            r = check_rule(text);
        if (r == 0)
            *ret = TAKE_PTR(text);
        if (r != -EINVAL)
            return r;
    }
    return -EINVAL;
}

static bool has_line(const char *text, size_t length, const char *line) {
    size_t wanted = strlen(line);
    for (size_t at = 0; at < length;) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t n = newline ? (size_t)(newline - text) - at : length - at;
        if (n == wanted && memcmp(text + at, line, n) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

/* Whether what follows the text would be read as part of its last line. */
static bool goes_on(const char *text, size_t length) {
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    return length > 0 && text[length - 1] == '\\';
}

int rules_append(const char *text, size_t length, const char *line, char **ret,
                 size_t *ret_length) {
    bool found = has_line(text, length, line);
    size_t line_length = strlen(line), at = length;
    char *joined = malloc(length + line_length + 4);

    if (!joined)
        return -ENOMEM;
    if (length > 0)
        memcpy(joined, text, length);
    if (!found) {
        if (length > 0 && text[length - 1] != '\n')
            joined[at++] = '\n';
        if (goes_on(text, length))
            joined[at++] = '\n';
        memcpy(joined + at, line, line_length);
        at += line_length;
        joined[at++] = '\n';
    }
    joined[at] = '\0';
    *ret = joined;
    *ret_length = at;
    return !found;
}
