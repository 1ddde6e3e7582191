/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The placeholders of an advice. It is pasted into a shell, and what fills them is a process's or a
 * user's to choose: what could do harm there is not filled in, and a later section is tried.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/advice/advice_match.h"
#include "policy/advice/restartable.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/glob.h"
#include "util/memory.h"

/* Longer arguments are not repeated. */
#define ARGUMENTS_SIZE_MAX 300

/* Long enough for an address and a port, and for the script's path. */
#define VALUE_SIZE 512

const char *const placeholder_names[PLACEHOLDER_COUNT] = {
    [PLACEHOLDER_ADDRESS] = "address",
    [PLACEHOLDER_ARGUMENTS] = "arguments",
    [PLACEHOLDER_CONFIG] = "config",
    [PLACEHOLDER_CONTAINER] = "container",
    [PLACEHOLDER_CONTAINER_PORT] = "container-port",
    [PLACEHOLDER_EXE] = "exe",
    [PLACEHOLDER_LOOPBACK] = "loopback",
    [PLACEHOLDER_LOOPBACK_HOST] = "loopback-host",
    [PLACEHOLDER_PORT] = "port",
    [PLACEHOLDER_PROGRAM] = "program",
    [PLACEHOLDER_PROTOCOL] = "protocol",
    [PLACEHOLDER_SCRIPT] = "script",
    [PLACEHOLDER_SERVICE] = "service",
    [PLACEHOLDER_TARGET] = "target",
    [PLACEHOLDER_TARGET_PORT] = "target-port",
    [PLACEHOLDER_UNIT] = "unit",
    [PLACEHOLDER_USER_UNIT] = "user-unit",
};

bool placeholder_next(const char *text, size_t from, size_t *ret_start, size_t *ret_length,
                      Placeholder *ret_placeholder) {
    for (const char *brace = text + from; (brace = strchr(brace, '{')); brace++) {
        size_t length = strspn(brace + 1, "abcdefghijklmnopqrstuvwxyz-");
        if (length == 0 || brace[length + 1] != '}')
            continue;
        Placeholder found = 0;
        while (found < PLACEHOLDER_COUNT && (strlen(placeholder_names[found]) != length ||
                                             strncmp(placeholder_names[found], brace + 1, length)))
            found++;
        *ret_start = (size_t)(brace - text);
        *ret_length = length + 2;
        *ret_placeholder = found;
        return true;
    }
    return false;
}

#define PLAIN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+@:/%-"

/* Whether it is one plain word to any shell, and no option. */
static bool is_plain_word(const char *text) {
    return !string_is_empty(text) && *text != '-' && text[strspn(text, PLAIN_CHARACTERS)] == '\0';
}

/* Whether a file below that path is no one's to edit: installed, or made by a build. */
static bool path_is_generated(const char *path) {
    static const char *const folders[] = {"node_modules", ".bin",          "dist",
                                          "build",        "site-packages", "dist-packages"};

    if (strncmp(path, "/usr/", 5) == 0)
        return true;
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        for (size_t i = 0; i < ELEMENTS(folders); i++) {
            size_t length = strlen(folders[i]);
            if (strncmp(part, folders[i], length) == 0 && part[length] == '/')
                return true;
        }
    return false;
}

/* The script as a file to edit: from the working directory on, where it is below that. */
static const char *editable_script(const AdviceProcess *process) {
    const char *script = process->program.script, *cwd = process->holder->cwd;

    if (!script || process->program.is_module)
        return NULL;
    /* The working directory may itself be a package's. */
    if (path_is_generated(script) || (script[0] != '/' && cwd && path_is_generated(cwd)))
        return NULL;
    size_t length = cwd ? strlen(cwd) : 0;
    if (length > 1 && strncmp(script, cwd, length) == 0 && script[length] == '/')
        script += length + 1;
    return strncmp(script, "./", 2) == 0 ? script + 2 : script;
}

/* `-container-port 3000`, as docker-proxy is called. */
static const char *docker_proxy_port(const AdviceProcess *process) {
    char *const *cmdline = process->holder->cmdline;

    if (!process->exe || strcmp(process->exe, "docker-proxy") != 0)
        return NULL;
    for (size_t i = 0; cmdline && i < ADVICE_WORDS_MAX && cmdline[i]; i++)
        if (strcmp(cmdline[i], "-container-port") == 0)
            return cmdline[i + 1];
    return NULL;
}

/* `-c /etc/tool.conf`, `--config=/etc/tool.conf`: the first file of the command line below /etc. */
static const char *config_file(const AdviceProcess *process) {
    char *const *cmdline = process->holder->cmdline;

    for (size_t i = 1; cmdline && i < ADVICE_WORDS_MAX && cmdline[i - 1] && cmdline[i]; i++) {
        const char *path = strstr(cmdline[i], "/etc/");
        if (path && (path == cmdline[i] || path[-1] == '='))
            return path;
    }
    return NULL;
}

/* The service of a socket unit, by its name: `cups.service` of `cups.socket`. */
static const char *unit_service(const char *unit, char buffer[static VALUE_SIZE]) {
    const char *end = unit ? strrchr(unit, '.') : NULL;
    if (!unit_is_restartable(unit) || strcmp(end, ".socket") != 0)
        return NULL;
    int length = snprintf(buffer, VALUE_SIZE, "%.*s.service", (int)(end - unit), unit);
    return length < VALUE_SIZE ? buffer : NULL;
}

static const char *print_port(uint16_t port, char buffer[static VALUE_SIZE]) {
    snprintf(buffer, VALUE_SIZE, "%u", port);
    return buffer;
}

/* What the placeholder stands for in the listener itself; NULL: not known. */
static const char *listener_value(Placeholder placeholder, const Listener *listener,
                                  char buffer[static VALUE_SIZE]) {
    const Endpoint *endpoint = &listener->endpoint;
    bool is_forward = listener->origin == ORIGIN_FORWARD;

    switch (placeholder) {
    case PLACEHOLDER_ADDRESS:
        address_format(&endpoint->address, buffer);
        return buffer;
    case PLACEHOLDER_LOOPBACK:
        return endpoint_takes_ipv4(endpoint) ? "127.0.0.1" : "::1";
    case PLACEHOLDER_LOOPBACK_HOST:
        return endpoint_takes_ipv4(endpoint) ? "127.0.0.1" : "[::1]";
    case PLACEHOLDER_PORT:
        return print_port(endpoint->port, buffer);
    case PLACEHOLDER_PROTOCOL:
        return proto_name(endpoint->proto);
    case PLACEHOLDER_TARGET: {
        const Endpoint target = {.address = listener->forward_to, .port = listener->forward_port};
        if (!is_forward || listener->forward_to.family == 0)
            return NULL;
        endpoint_format(&target, NULL, buffer);
        return buffer;
    }
    case PLACEHOLDER_TARGET_PORT:
        return is_forward && listener->forward_port ? print_port(listener->forward_port, buffer)
                                                    : NULL;
    default:
        return NULL;
    }
}

/* The same for who holds it. */
static const char *owner_value(Placeholder placeholder, const Listener *listener,
                               const AdviceProcess *process, char buffer[static VALUE_SIZE]) {
    const Owner *owner = listener->owner;

    switch (placeholder) {
    case PLACEHOLDER_CONFIG:
        return process ? config_file(process) : NULL;
    case PLACEHOLDER_CONTAINER:
        if (owner && owner->container_name)
            return owner->container_name;
        if (!owner || !owner->container_id)
            return NULL;
        snprintf(buffer, VALUE_SIZE, "%.12s", owner->container_id);
        return buffer;
    case PLACEHOLDER_CONTAINER_PORT:
        if (listener->origin == ORIGIN_FORWARD)
            return listener_value(PLACEHOLDER_TARGET_PORT, listener, buffer);
        return process ? docker_proxy_port(process) : NULL;
    case PLACEHOLDER_EXE:
        return process ? process->exe : NULL;
    case PLACEHOLDER_PROGRAM:
        return process ? process->program.script : NULL;
    case PLACEHOLDER_SCRIPT:
        return process ? editable_script(process) : NULL;
    case PLACEHOLDER_SERVICE:
        return unit_service(owner ? owner->unit : NULL, buffer);
    case PLACEHOLDER_UNIT:
        return owner && unit_is_restartable(owner->unit) ? owner->unit : NULL;
    case PLACEHOLDER_USER_UNIT:
        return owner && unit_is_restartable(owner->user_unit) ? owner->user_unit : NULL;
    default:
        return listener_value(placeholder, listener, buffer);
    }
}

/* Whether nobody else chose the text; brackets of IPv6 are no plain word. */
static bool value_is_ours(Placeholder placeholder) {
    return placeholder == PLACEHOLDER_LOOPBACK || placeholder == PLACEHOLDER_LOOPBACK_HOST ||
           placeholder == PLACEHOLDER_TARGET;
}

/* How much of the command line an option takes that the advice gives another value, or none. */
typedef enum Taken {
    TAKEN_NOTHING,
    TAKEN_WORD,      /* `--host=ADDRESS`, `-bADDRESS`, a word that is no option */
    TAKEN_WITH_NEXT, /* `--host ADDRESS` */
} Taken;

/* `{port}` is the listener's. */
static bool word_matches(const char *pattern, const char *word, uint16_t port) {
    static const char placeholder[] = "{port}";
    const char *found = strstr(pattern, placeholder);
    char filled[ADVICE_LINE_MAX + 1];

    if (!found)
        return glob_matches(pattern, word, GLOB_NAME);
    snprintf(filled, sizeof(filled), "%.*s%u%s", (int)(found - pattern), pattern, port,
             found + sizeof(placeholder) - 1);
    return glob_matches(filled, word, GLOB_NAME);
}

static Taken replaced(const AdviceSection *section, const char *word, uint16_t port) {
    for (char *const *one = section->drops; one && *one; one++)
        if (strcmp(*one, word) == 0)
            return TAKEN_WORD;
    for (char *const *one = section->replaces; one && *one; one++) {
        size_t length = strlen(*one);
        if (**one != '-') {
            if (*word != '-' && word_matches(*one, word, port))
                return TAKEN_WORD;
            continue;
        }
        if (strcmp(*one, word) == 0)
            return TAKEN_WITH_NEXT;
        /* `--host=X`; a short option's value may follow its letter. */
        if (strncmp(*one, word, length) == 0 && (word[length] == '=' || length == 2))
            return TAKEN_WORD;
    }
    return TAKEN_NOTHING;
}

/* Whether the word may be a secret, which advice must not carry into the journal. */
static bool may_be_secret(const char *word) {
    static const char *const marks[] = {"pass", "pwd", "token", "secret", "key", "auth", "cred"};
    const char *scheme = strstr(word, "://");

    for (size_t i = 0; i < ELEMENTS(marks); i++)
        if (strcasestr(word, marks[i]))
            return true;
    return scheme && strchr(scheme, '@');
}

/*
 * Writes the word so that every shell takes it for one, in single quotes if need be. Returns false
 * for one that no quotes make safe in all of them, or that no terminal should get.
 */
static bool print_word(const char *word, FILE *out) {
    if (*word && word[strspn(word, PLAIN_CHARACTERS "=,")] == '\0') {
        fputs(word, out);
        return true;
    }
    for (size_t at = 0, left = strlen(word); left > 0;) {
        unsigned code_point;
        size_t length = utf8_decode(word + at, left, &code_point);
        if (length == 0 || !code_point_is_printable(code_point) || strchr("'\\!", word[at]))
            return false;
        at += length;
        left -= length;
    }
    fprintf(out, "'%s'", word);
    return true;
}

/*
 * Writes what was typed behind the script, but for what the section replaces. Returns whether it
 * could: it is not known of a process with a title.
 */
static bool print_arguments(const AdviceSection *section, const AdviceCase *tried,
                            const AdviceProcess *process, FILE *out) {
    char *const *cmdline = process ? process->holder->cmdline : NULL;
    long start = ftell(out);
    bool first = true;

    if (!cmdline || process->program.title || !cmdline[0])
        return false;
    for (char *const *word = cmdline + process->program.arguments; *word; word++) {
        Taken taken = replaced(section, *word, tried->listener->endpoint.port);
        if (taken == TAKEN_WITH_NEXT && word[1] && *word[1] != '-')
            word++;
        if (taken != TAKEN_NOTHING)
            continue;
        if (!first)
            fputc(' ', out);
        first = false;
        if (may_be_secret(*word) || !print_word(*word, out) ||
            ftell(out) - start > ARGUMENTS_SIZE_MAX)
            return false;
    }
    return true;
}

/* Writes the text with its placeholders filled in; returns whether all could be. */
static bool print_filled(const AdviceSection *section, const AdviceCase *tried,
                         const AdviceProcess *process, FILE *out) {
    const char *advice = section->advice;
    size_t at = 0, start, length;
    Placeholder placeholder;

    while (placeholder_next(advice, at, &start, &length, &placeholder)) {
        char buffer[VALUE_SIZE];
        fprintf(out, "%.*s", (int)(start - at), advice + at);
        at = start + length;
        if (placeholder == PLACEHOLDER_ARGUMENTS) {
            long before = ftell(out);
            if (!print_arguments(section, tried, process, out))
                return false;
            /* No arguments, no second blank. */
            if (ftell(out) == before && advice[at] == ' ')
                at++;
            continue;
        }
        const char *value = owner_value(placeholder, tried->listener, process, buffer);
        if (!value || (!value_is_ours(placeholder) && !is_plain_word(value)))
            return false;
        fputs(value, out);
    }
    fputs(advice + at, out);
    return true;
}

int advice_fill(const AdviceSection *section, const AdviceCase *tried, const AdviceProcess *process,
                char **ret) {
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;

    bool filled = print_filled(section, tried, process, out);
    if (fclose(out) != 0)
        return -ENOMEM;
    if (!filled)
        return 0;
    /* Nothing was typed behind the last word. */
    while (size > 0 && text[size - 1] == ' ')
        text[--size] = '\0';
    *ret = TAKE_PTR(text);
    return 1;
}
