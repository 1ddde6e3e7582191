/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/names.h"
#include "policy/policy.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/glob.h"
#include "util/text_stream.h"

/* The matches after `allow tcp port 3000`. Each function prints its matches, or returns false if it
 * does not apply. */
typedef bool (*Way)(const Listener *listener, FILE *out);

/* Limit of different executables in one rule. */
#define EXES_MAX 4

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

/* The same for a key with globs, whose characters are escaped. NULL: a further item of the same
 * list. */
static void print_literal(const char *key, const char *text, FILE *out) {
    _cleanup_free_ char *literal = malloc(strlen(text) * 2 + 1);
    char *end = literal;

    if (!literal) {
        fputs(" \"", out); /* not a valid rule, and therefore rejected */
        return;
    }
    for (; *text; text++) {
        if (strchr("*?[]\\", *text))
            *end++ = '\\';
        *end++ = *text;
    }
    *end = '\0';
    fprintf(out, "%s%s ", key ? " " : ",", key ?: "");
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

static bool is_same_exe(const Holder *a, const Holder *b) {
    return file_id_equal(&a->exe_id, &b->exe_id) && strcmp(a->exe, b->exe) == 0;
}

/* Collects the executables, each once. 0: not all are known and verified, or there are too many. */
static size_t list_exes(const Owner *owner, const Holder *ret[static EXES_MAX]) {
    size_t count = 0;

    if (!owner || !owner->complete || owner->n_holders_seen > owner->n_holders)
        return 0;
    for (size_t i = 0; i < owner->n_holders; i++) {
        const Holder *holder = &owner->holders[i];
        size_t known = 0;
        if (holder->exe_state != EXE_VERIFIED || !holder->exe)
            return 0;
        while (known < count && !is_same_exe(ret[known], holder))
            known++;
        if (known < count)
            continue;
        if (count == EXES_MAX)
            return 0;
        ret[count++] = holder;
    }
    return count;
}

/* An interpreter can run any script, so the user is always named. */
static bool print_exes(const Listener *listener, FILE *out) {
    const Holder *exes[EXES_MAX];
    size_t count = list_exes(listener->owner, exes);

    if (count == 0 || !print_user(listener, out))
        return false;
    for (size_t i = 0; i < count; i++)
        print_literal(i == 0 ? "exe" : NULL, exes[i]->exe, out);
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

static bool starts_with_any(const char *name, const char *const *prefixes) {
    for (; *prefixes; prefixes++)
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
            return true;
    return false;
}

/* Returns whether the unit has the same name after the next login or start: it is not a scope unit
 * (of a session, a terminal, an application) and has no generated name. */
static bool is_lasting(const char *unit) {
    static const char *const transient[] = {"user@", "run-", "dbus-:", NULL};
    const char *dot = strrchr(unit, '.'), *at = strchr(unit, '@');

    if (!dot || (strcmp(dot, ".service") != 0 && strcmp(dot, ".socket") != 0) ||
        starts_with_any(unit, transient))
        return false;
    /* Desktops use generated names: `app-org.kde.konsole@f00d.service`. */
    return strncmp(unit, "app-", 4) != 0 || !at || strcmp(at, "@autostart.service") == 0;
}

/* Units that run the programs of logins if these have no session (no logind, no pam_systemd). */
static bool is_login(const Listener *listener, const char *unit) {
    static const char *const consoles[] = {"getty@",           "serial-getty@", "console-getty.",
                                           "container-getty@", "autovt@",       "emergency.",
                                           "rescue.",          "debug-shell.",  NULL};
    static const char *const servers[] = {"ssh.", "sshd.", "ssh@",  "sshd@",    "cron.", "crond.",
                                          "atd.", "gdm.",  "sddm.", "lightdm.", NULL};
    return starts_with_any(unit, consoles) ||
           (listener->uid != 0 && starts_with_any(unit, servers));
}

static bool print_unit(const Listener *listener, FILE *out) {
    const Owner *owner = listener->owner;
    if (!owner || !owner->unit || owner->user_unit || !is_lasting(owner->unit) ||
        is_login(listener, owner->unit))
        return false;
    return print_unit_name("unit", owner->unit, out);
}

static bool print_user_unit(const Listener *listener, FILE *out) {
    const Owner *owner = listener->owner;
    if (!owner || !owner->user_unit || !is_lasting(owner->user_unit))
        return false;
    return print_unit_name("user-unit", owner->user_unit, out) && print_user(listener, out);
}

static bool print_target(const Listener *listener, FILE *out) {
    const Endpoint to = {.address = address_unmapped(&listener->forward_to),
                         .port = listener->forward_port};
    char target[ENDPOINT_SIZE];

    if (listener->origin != ORIGIN_FORWARD || to.port == 0)
        return false;
    if (to.address.family == 0)
        snprintf(target, sizeof(target), "self:%u", to.port);
    else
        endpoint_format(&to, NULL, target);
    fprintf(out, " target %s", target);
    return true;
}

/* For several targets, which one rule cannot name: the kernel may choose any of them. */
static bool print_forward(const Listener *listener, FILE *out) {
    return listener->origin == ORIGIN_FORWARD && fputs(" origin forward", out) >= 0;
}

/* For known processes without an executable that the matcher could verify. */
static bool print_any_of_user(const Listener *listener, FILE *out) {
    return listener->owner && listener->owner->n_holders > 0 && print_user(listener, out);
}

static void print_until(usec_t until, FILE *out) {
    char text[LOCAL_TIME_SIZE];
    if (until == USEC_INFINITY)
        return;
    format_local_time(until, text);
    fprintf(out, " until %.10sT%s", text, text + LOCAL_TIME_OF_DAY);
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

static int write_rule(const Listener *listener, Way way, usec_t until, const char *note,
                      char **ret) {
    char *text = NULL;
    size_t size;
    FILE *out = text_stream_open(&text, &size);

    if (!out)
        return -ENOMEM;
    fprintf(out, "allow %s port %u", proto_name(listener->endpoint.proto), listener->endpoint.port);
    if (listener->scope != SCOPE_WILDCARD)
        fprintf(out, " scope %s", scope_name(listener->scope));
    bool applies = way(listener, out);
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
    static const Way ways[] = {
        print_target,    print_forward, print_container,   print_unit,
        print_user_unit, print_exes,    print_any_of_user,
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
    return -ENODATA;
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
