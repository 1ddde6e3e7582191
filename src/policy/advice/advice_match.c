/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/advice/advice_match.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "util/glob.h"
#include "util/memory.h"

/* Replaces the listener's port as a whole number, in patterns and command lines. */
#define PORT_MARK '\x01'

/* Known options are not longer. */
#define OPTION_SIZE 512

static bool any_matches(char *const *patterns, const char *text) {
    for (; *patterns && text; patterns++)
        if (glob_matches(*patterns, text, GLOB_NAME))
            return true;
    return false;
}

static void add_name(AdviceProcess *process, const char *name, size_t length) {
    if (length == 0 || length >= ADVICE_NAME_SIZE || process->n_names == ADVICE_NAMES_MAX)
        return;
    memcpy(process->names[process->n_names], name, length);
    process->names[process->n_names++][length] = '\0';
}

/* The last part of a path, or the first word of a title without the colon of `gunicorn: master`. */
static void add_path(AdviceProcess *process, const char *path, size_t length) {
    const char *slash = memrchr(path, '/', length);
    size_t skipped = slash ? (size_t)(slash - path) + 1 : 0;
    if (length > skipped && path[length - 1] == ':')
        length--;
    add_name(process, path + skipped, length - skipped);
}

/* The names of the program, not of the interpreter. */
static void add_names(AdviceProcess *process) {
    const Holder *holder = process->holder;
    const Program *program = &process->program;

    /* The class of Java's MODULE/CLASS. */
    if (program->script)
        add_path(process, program->script, strlen(program->script));
    if (program->title)
        add_path(process, program->title, strcspn(program->title, " "));
    else if (!program->interpreter && holder->cmdline && holder->cmdline[0])
        add_path(process, holder->cmdline[0], strlen(holder->cmdline[0]));
    if (holder->comm)
        add_name(process, holder->comm, strlen(holder->comm));
}

static void join_command(AdviceProcess *process) {
    char *const *cmdline = process->holder->cmdline;
    size_t used = 0;

    for (size_t i = 0; cmdline && i < ADVICE_WORDS_MAX && cmdline[i]; i++) {
        size_t length = strlen(cmdline[i]);
        if (length + 2 > ADVICE_COMMAND_SIZE - used)
            length = ADVICE_COMMAND_SIZE - used - 2;
        if (i > 0)
            process->command[used++] = ' ';
        memcpy(process->command + used, cmdline[i], length);
        used += length;
        if (used + 2 >= ADVICE_COMMAND_SIZE)
            break;
    }
    process->command[used] = '\0';
}

/* Copies the text, with each number that is the port replaced by the mark. `out` has room for the
 * text. */
static void mark_port(const char *text, uint16_t port, char *out) {
    char number[8];
    size_t n_digits = (size_t)snprintf(number, sizeof(number), "%u", port);

    while (*text) {
        size_t digits = isdigit((unsigned char)*text) ? strspn(text, "0123456789") : 0;
        if (digits == n_digits && memcmp(text, number, n_digits) == 0) {
            *out++ = PORT_MARK;
        } else {
            /* A byte that is not a digit, or a whole number. */
            size_t length = digits > 0 ? digits : 1;
            memcpy(out, text, length);
            out += length;
        }
        text += digits > 0 ? digits : 1;
    }
    *out = '\0';
}

void advice_case_init(AdviceCase *ret, const Listener *listener) {
    const Owner *owner = listener->owner;

    ret->listener = listener;
    ret->n_processes = owner ? owner->n_holders : 0;
    if (ret->n_processes > ADVICE_PROCESSES_MAX)
        ret->n_processes = ADVICE_PROCESSES_MAX;
    for (size_t i = 0; i < ret->n_processes; i++) {
        AdviceProcess *process = &ret->processes[i];
        process->holder = &owner->holders[i];
        process->exe = process->holder->exe ? path_base_name(process->holder->exe) : NULL;
        process->n_names = 0;
        program_init(&process->program, process->holder);
        add_names(process);
        join_command(process);
        mark_port(process->command, listener->endpoint.port, process->command_port);
    }
}

/* Copies the pattern, with each `{port}` replaced by the mark. Returns whether there is one. */
static bool mark_pattern(const char *pattern, char marked[static ADVICE_LINE_MAX + 1]) {
    static const char port[] = "{port}";
    const char *at = pattern, *found;
    size_t used = 0;

    for (; (found = strstr(at, port)); at = found + sizeof(port) - 1) {
        memcpy(marked + used, at, (size_t)(found - at));
        used += (size_t)(found - at);
        marked[used++] = PORT_MARK;
    }
    snprintf(marked + used, ADVICE_LINE_MAX + 1 - used, "%s", at);
    return at != pattern;
}

/* A pattern with `{port}` is compared with the text in which the port is marked. */
static bool arguments_match(char *const *patterns, const AdviceProcess *process) {
    for (; *patterns; patterns++) {
        char marked[ADVICE_LINE_MAX + 1];
        const char *command =
            mark_pattern(*patterns, marked) ? process->command_port : process->command;
        if (glob_matches(marked, command, GLOB_NAME))
            return true;
    }
    return false;
}

/* Compares one argument, or two consecutive ones if the pattern has a space. */
static bool word_matches(const char *pattern, bool has_port, char *const *word, uint16_t port) {
    char text[OPTION_SIZE], marked[OPTION_SIZE];
    const char *next = strchr(pattern, ' ') ? word[1] : NULL;
    int length = snprintf(text, sizeof(text), "%s%s%s", *word, next ? " " : "", next ?: "");

    if (length >= OPTION_SIZE)
        return false;
    if (!has_port)
        return glob_matches(pattern, text, GLOB_NAME);
    mark_port(text, port, marked);
    return glob_matches(pattern, marked, GLOB_NAME);
}

/* A title has no separate arguments. */
static bool option_matches(char *const *patterns, const AdviceProcess *process, uint16_t port) {
    char *const *cmdline = process->holder->cmdline;

    for (; cmdline && cmdline[0] && !process->program.title && *patterns; patterns++) {
        char marked[ADVICE_LINE_MAX + 1];
        bool has_port = mark_pattern(*patterns, marked);
        for (size_t i = 1; i < ADVICE_WORDS_MAX && cmdline[i]; i++)
            if (word_matches(marked, has_port, cmdline + i, port))
                return true;
    }
    return false;
}

static bool takes_name(const AdviceSection *section, const AdviceProcess *process) {
    for (size_t i = 0; i < process->n_names; i++)
        if (any_matches(section->script, process->names[i]))
            return true;
    return false;
}

/* Returns whether the keys for the process match this one. */
static bool takes_process(const AdviceSection *section, const AdviceProcess *process,
                          uint16_t port) {
    if (section->exe && !any_matches(section->exe, process->exe))
        return false;
    if (section->script && !takes_name(section, process))
        return false;
    if (section->package &&
        (!process->program.package[0] || !any_matches(section->package, process->program.package)))
        return false;
    if (section->option && !option_matches(section->option, process, port))
        return false;
    return !section->arguments || arguments_match(section->arguments, process);
}

static bool takes_port(const AdviceSection *section, uint16_t port) {
    for (size_t i = 0; i < section->n_ports; i++)
        if (section->ports[i].first <= port && port <= section->ports[i].last)
            return true;
    return section->n_ports == 0;
}

static bool is_activated(const Owner *owner) {
    for (size_t i = 0; owner && i < owner->n_holders; i++)
        if (holder_is_activated(&owner->holders[i]))
            return true;
    return false;
}

static bool takes_origin(const AdviceSection *section, const Listener *listener) {
    unsigned origins = 1U << ADVICE_ORIGIN_SOCKET;

    if (listener->origin == ORIGIN_FORWARD)
        origins = 1U << ADVICE_ORIGIN_FORWARD;
    else if (listener->owner && listener->owner->unheld)
        origins |= 1U << ADVICE_ORIGIN_KERNEL;
    else if (is_activated(listener->owner))
        origins |= 1U << ADVICE_ORIGIN_ACTIVATED;
    return section->origins == 0 || (section->origins & origins) != 0;
}

/* Returns whether the keys for the listener and its owner match. */
static bool takes_listener(const AdviceSection *section, const Listener *listener) {
    const Owner *owner = listener->owner;

    if (!takes_port(section, listener->endpoint.port) || !takes_origin(section, listener))
        return false;
    if (section->protos && !(section->protos & 1U << listener->endpoint.proto))
        return false;
    if (section->containers && !(owner && section->containers & 1U << owner->runtime))
        return false;
    if (section->unit && !(owner && any_matches(section->unit, owner->unit)))
        return false;
    return !section->user_unit || (owner && any_matches(section->user_unit, owner->user_unit));
}

/* Returns the process that the placeholders of a section without keys for the process are about. */
static const AdviceProcess *default_process(const AdviceSection *section, const AdviceCase *tried) {
    bool activated = section->origins & 1U << ADVICE_ORIGIN_ACTIVATED;
    for (size_t i = 0; i < tried->n_processes; i++)
        if (!activated || holder_is_activated(tried->processes[i].holder))
            return &tried->processes[i];
    return NULL;
}

bool advice_section_matches(const AdviceSection *section, const AdviceCase *tried,
                            const AdviceProcess **ret_process) {
    if (!takes_listener(section, tried->listener))
        return false;
    *ret_process = default_process(section, tried);
    if (!section->exe && !section->script && !section->package && !section->arguments &&
        !section->option)
        return true;
    for (size_t i = 0; i < tried->n_processes; i++)
        if (takes_process(section, &tried->processes[i], tried->listener->endpoint.port)) {
            *ret_process = &tried->processes[i];
            return true;
        }
    return false;
}

/* `*` matches every program. */
static bool names_something(char *const *patterns) {
    for (; patterns && *patterns; patterns++)
        if (strcmp(*patterns, "*") == 0)
            return false;
    return patterns != NULL;
}

bool advice_section_recognises(const AdviceSection *section, const AdviceProcess *process) {
    if (!process)
        return false;
    if (names_something(section->script) || names_something(section->package) ||
        names_something(section->arguments) || names_something(section->option))
        return true;
    return names_something(section->exe) &&
           (section->n_ports == 0 || !program_is_interpreted(&process->program));
}
