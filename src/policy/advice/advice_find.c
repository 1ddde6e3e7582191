/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The advice for a listener: which section is for it, and its text filled in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/advice/advice_table.h"
#include "policy/advice/restartable.h"
#include "util/cleanup.h"
#include "util/glob.h"
#include "util/memory.h"

/* What is looked at of the processes that hold the listener: they may be many, and hostile. */
#define PROCESSES_MAX 4
#define WORDS_MAX     128  /* words of a command line */
#define NAMES_MAX     8    /* of these, what could be the program's name */
#define NAME_SIZE     64   /* a longer one is no tool's that we know */
#define COMMAND_SIZE  2048 /* of the joined command line */

/* A process as the sections' keys see it. */
typedef struct Process {
    const char *exe; /* basename, or NULL */
    char names[NAMES_MAX][NAME_SIZE];
    size_t n_names;
    char command[COMMAND_SIZE]; /* words joined by blanks */
    char container_port[8];     /* of docker-proxy, or empty */
} Process;

/* What the section that matched was matched by. */
typedef struct Match {
    const Listener *listener;
    const Process *process; /* or NULL */
    const char *script;     /* or NULL */
} Match;

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Adds a name, without the colon of a retitled process (`gunicorn: master`). */
static void process_add_name(Process *process, const char *name, size_t length) {
    if (length > 0 && name[length - 1] == ':')
        length--;
    if (length == 0 || length >= NAME_SIZE || process->n_names == NAMES_MAX)
        return;
    memcpy(process->names[process->n_names], name, length);
    process->names[process->n_names++][length] = '\0';
}

static void process_add_path(Process *process, const char *path, size_t length) {
    const char *slash = memrchr(path, '/', length);
    size_t skipped = slash ? (size_t)(slash - path) + 1 : 0;
    process_add_name(process, path + skipped, length - skipped);
}

/*
 * A process that retitles itself leaves one string with blanks in it (`next-server (v14.2.3)`,
 * `redis-server 0.0.0.0:6379`): its first words are taken for arguments.
 */
static void process_add_title(Process *process, const char *title) {
    for (size_t i = 0; i < NAMES_MAX && *title; i++) {
        size_t length = strcspn(title, " ");
        process_add_path(process, title, length);
        title += length + strspn(title + length, " ");
    }
}

/* `-container-port 3000`, the way in which docker-proxy is told it. */
static void process_note_port(Process *process, const char *option, const char *value) {
    if (!process->exe || strcmp(process->exe, "docker-proxy") != 0)
        return;
    if (strcmp(option, "-container-port") == 0 && strlen(value) < sizeof(process->container_port))
        snprintf(process->container_port, sizeof(process->container_port), "%s", value);
}

/*
 * The names by which the process could be known: what is no option among its arguments, by its last
 * part. That takes in Python's modules (`-m http.server`).
 */
static void process_add_arguments(Process *process, char *const *cmdline) {
    for (size_t i = 0; i < WORDS_MAX && cmdline[i]; i++) {
        if (*cmdline[i] != '-')
            process_add_path(process, cmdline[i], strlen(cmdline[i]));
        else if (cmdline[i + 1])
            process_note_port(process, cmdline[i], cmdline[i + 1]);
    }
}

static void process_join_command(Process *process, char *const *cmdline) {
    size_t used = 0;

    for (size_t i = 0; i < WORDS_MAX && cmdline[i]; i++) {
        size_t length = strlen(cmdline[i]);
        if (length + 2 > COMMAND_SIZE - used)
            length = COMMAND_SIZE - used - 2;
        if (i > 0)
            process->command[used++] = ' ';
        memcpy(process->command + used, cmdline[i], length);
        used += length;
        if (used + 2 >= COMMAND_SIZE)
            break;
    }
    process->command[used] = '\0';
}

static void process_init(Process *process, const Holder *holder) {
    *process = (Process){.exe = holder->exe ? base_name(holder->exe) : NULL};
    if (!holder->cmdline || !holder->cmdline[0])
        return;
    if (!holder->cmdline[1] && strchr(holder->cmdline[0], ' '))
        process_add_title(process, holder->cmdline[0]);
    else
        process_add_arguments(process, holder->cmdline);
    process_join_command(process, holder->cmdline);
}

static bool any_matches(char *const *patterns, const char *text) {
    for (; *patterns && text; patterns++)
        if (glob_matches(*patterns, text, GLOB_NAME))
            return true;
    return false;
}

/* Whether the keys about the process hold for this one. */
static bool section_takes_process(const AdviceSection *section, const Process *process,
                                  const char **ret_script) {
    const char *script = NULL;

    if (section->exe && !any_matches(section->exe, process->exe))
        return false;
    if (section->arguments && !any_matches(section->arguments, process->command))
        return false;
    for (size_t i = 0; section->script && i < process->n_names && !script; i++)
        if (any_matches(section->script, process->names[i]))
            script = process->names[i];
    if (section->script && !script)
        return false;
    *ret_script = script;
    return true;
}

static bool section_takes_port(const AdviceSection *section, uint16_t port) {
    for (size_t i = 0; i < section->n_ports; i++)
        if (section->ports[i].first <= port && port <= section->ports[i].last)
            return true;
    return section->n_ports == 0;
}

/* Whether the keys about the listener and its owner as a whole hold. */
static bool section_takes_listener(const AdviceSection *section, const Listener *listener) {
    const Owner *owner = listener->owner;

    if (!section_takes_port(section, listener->endpoint.port))
        return false;
    if (section->protos && !(section->protos & 1U << listener->endpoint.proto))
        return false;
    if (section->containers && !(owner && section->containers & 1U << owner->runtime))
        return false;
    if (section->unit && !(owner && any_matches(section->unit, owner->unit)))
        return false;
    return !section->user_unit || (owner && any_matches(section->user_unit, owner->user_unit));
}

static bool section_matches(const AdviceSection *section, const Process *processes,
                            size_t n_processes, Match *match) {
    if (!section_takes_listener(section, match->listener))
        return false;
    match->process = n_processes > 0 ? processes : NULL;
    match->script = NULL;
    if (!section->exe && !section->script && !section->arguments)
        return true;
    for (size_t i = 0; i < n_processes; i++)
        if (section_takes_process(section, &processes[i], &match->script)) {
            match->process = &processes[i];
            return true;
        }
    return false;
}

/*
 * Advice is pasted into a shell, and these names are a process's or a user's to choose: only what
 * is one plain word to any shell, and no option, may stand in it.
 */
static bool text_is_plain_word(const char *text) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789._+@:/%-";
    return !string_is_empty(text) && *text != '-' && text[strspn(text, plain)] == '\0';
}

/* What stands for the placeholder, written to `buffer` or borrowed; NULL: not known. */
static const char *placeholder_value(Placeholder placeholder, const Match *match,
                                     char buffer[static ADDRESS_SIZE]) {
    const Owner *owner = match->listener->owner;
    const Process *process = match->process;

    switch (placeholder) {
    case PLACEHOLDER_ADDRESS:
        address_format(&match->listener->endpoint.address, buffer);
        return buffer;
    case PLACEHOLDER_PORT:
        snprintf(buffer, ADDRESS_SIZE, "%u", match->listener->endpoint.port);
        return buffer;
    case PLACEHOLDER_CONTAINER:
        if (owner && owner->container_name)
            return owner->container_name;
        if (!owner || !owner->container_id)
            return NULL;
        snprintf(buffer, ADDRESS_SIZE, "%.12s", owner->container_id);
        return buffer;
    case PLACEHOLDER_CONTAINER_PORT:
        if (match->listener->origin != ORIGIN_FORWARD)
            return process ? process->container_port : NULL;
        snprintf(buffer, ADDRESS_SIZE, "%u", match->listener->forward_port);
        return buffer;
    case PLACEHOLDER_EXE:
        return process ? process->exe : NULL;
    case PLACEHOLDER_SCRIPT:
        return match->script;
    case PLACEHOLDER_UNIT:
        return owner && unit_is_restartable(owner->unit) ? owner->unit : NULL;
    case PLACEHOLDER_USER_UNIT:
        return owner ? owner->user_unit : NULL;
    case PLACEHOLDER_COUNT:
        break;
    }
    return NULL;
}

/* The text with its placeholders filled in. Returns 1, 0 when one of them can't be, -ENOMEM. */
static int advice_fill(const char *advice, const Match *match, char **ret) {
    _cleanup_free_ char *text = NULL;
    size_t size = 0, at = 0, start, length;
    Placeholder placeholder;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;

    while (placeholder_next(advice, at, &start, &length, &placeholder)) {
        char buffer[ADDRESS_SIZE];
        const char *value = placeholder_value(placeholder, match, buffer);
        if (!text_is_plain_word(value)) {
            fclose(out);
            return 0;
        }
        fprintf(out, "%.*s%s", (int)(start - at), advice + at, value);
        at = start + length;
    }
    fputs(advice + at, out);
    if (fclose(out) != 0)
        return -ENOMEM;
    *ret = TAKE_PTR(text);
    return 1;
}

int advice_find_section(const AdviceTable *table, const Listener *listener, const char **ret_name,
                        char **ret) {
    const Owner *owner = listener->owner;
    _cleanup_free_ Process *processes = NULL;
    size_t n_processes = owner ? owner->n_holders : 0;

    if (n_processes > PROCESSES_MAX)
        n_processes = PROCESSES_MAX;
    if (n_processes > 0 && !(processes = calloc(n_processes, sizeof(Process))))
        return -ENOMEM;
    for (size_t i = 0; i < n_processes; i++)
        process_init(&processes[i], &owner->holders[i]);

    for (size_t i = 0; table && i < table->n_sections; i++) {
        const AdviceSection *section = &table->sections[i];
        Match match = {.listener = listener};
        if (!section_matches(section, processes, n_processes, &match))
            continue;
        int r = advice_fill(section->advice, &match, ret);
        if (r < 0)
            return r;
        if (r > 0) {
            if (ret_name)
                *ret_name = section->name;
            return 0;
        }
    }
    if (ret_name)
        *ret_name = NULL;
    *ret = NULL;
    return 0;
}

int advice_find(const AdviceTable *table, const Listener *listener, char **ret) {
    return advice_find_section(table, listener, NULL, ret);
}
