/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/sentence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/program.h"
#include "model/reach.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

/* So many ways in are named; who has more of them wants `show` or --json. */
#define WAYS_TOLD 3

/* Longer paths are shortened to the last part. */
#define FOLDER_MAX 80

/* Longer than the kernel's limit for the name of a process. */
#define COMM_MAX 64

const Holder *listener_holder(const Listener *listener) {
    const Owner *owner = listener->owner;

    if (!owner || owner->n_holders == 0)
        return NULL;
    for (size_t i = 0; i < owner->n_holders; i++)
        if (owner->holders[i].pid != 1)
            return &owner->holders[i];
    return &owner->holders[0];
}

char *listener_endpoint(const Listener *listener, const LinkTable *links) {
    const Link *device =
        listener->endpoint.ifindex ? link_table_find(links, listener->endpoint.ifindex) : NULL;
    char text[ENDPOINT_SIZE], target[ENDPOINT_SIZE], both[2 * ENDPOINT_SIZE + 8];

    endpoint_format(&listener->endpoint, device ? device->name : NULL, text);
    if (listener->origin != ORIGIN_FORWARD || listener->forward_to.family == 0)
        return text_escape_string(text);
    Endpoint to = {.address = listener->forward_to, .port = listener->forward_port};
    endpoint_format(&to, NULL, target);
    snprintf(both, sizeof(both), "%s to %s", text, target);
    return text_escape_string(both);
}

static void print_container(const Owner *owner, FILE *out) {
    if (!owner || owner->runtime == RUNTIME_NONE)
        return;
    const char *name = owner->container_name ?: owner->container_id;
    _cleanup_free_ char *escaped = text_escape_string(name);
    /* Twelve digits of an id are what docker and podman show. */
    fprintf(out, ", %s container", container_runtime_name(owner->runtime));
    if (escaped)
        fprintf(out, " %.*s", owner->container_name ? 256 : 12, escaped);
}

/* A user without a name is `uid 4711`. An unknown user has no number. */
static void print_user(const Listener *listener, const char *user, const char *before, FILE *out) {
    _cleanup_free_ char *escaped = text_escape_string(user);
    if (escaped)
        fprintf(out, "%s%s", before, escaped);
    else if (listener->uid == (uint32_t)-1)
        fputs("an unknown user", out);
    else
        fprintf(out, "uid %u", listener->uid);
}

/* Returns whether it is a system service, whose working directory is not shown. */
static bool is_system_unit(const char *unit) {
    const char *suffix = unit ? strrchr(unit, '.') : NULL;
    return suffix && (strcmp(suffix, ".service") == 0 || strcmp(suffix, ".socket") == 0) &&
           strncmp(unit, "user@", strlen("user@")) != 0;
}

/* Returns the unit if it is more specific than the process, or NULL. */
static const char *telling_unit(const Owner *owner) {
    const char *suffix = owner->user_unit ? strrchr(owner->user_unit, '.') : NULL;

    if (is_system_unit(owner->unit))
        return owner->unit;
    return suffix && (strcmp(suffix, ".service") == 0 || strcmp(suffix, ".socket") == 0)
               ? owner->user_unit
               : NULL;
}

/* A tool with the name of its interpreter (`Node`) adds no information. */
static bool tool_says_more(const char *tool, const Program *program, const char *name) {
    return tool && (!name || strcasecmp(tool, name) != 0) &&
           (!program->interpreter || strcasecmp(tool, program->interpreter) != 0);
}

/* Returns whether the name of the process is generic. */
static bool name_says_nothing(const char *name, const Program *program) {
    static const char *const names[] = {"systemd", "init", "master", "main", "server", "daemon"};

    return !name || name[0] == '(' || program->interpreter ||
           string_find(name, names, ELEMENTS(names)) >= 0;
}

/*
 * Newer versions of Node name their first thread, and therefore the process, MainThread. A title is
 * truncated to 15 bytes (`next-server (v1`); its first word, copied to `buffer`, is the name.
 */
static const char *name_of(const Holder *holder, const Program *program,
                           char buffer[static COMM_MAX]) {
    const char *comm = holder->comm;
    size_t length = comm ? strcspn(comm, " ") : 0;

    if (holder->exe && comm && strcmp(comm, "MainThread") == 0)
        return path_base_name(holder->exe);
    if (!program->title || length == 0 || length >= COMM_MAX || comm[length] == '\0')
        return comm;
    memcpy(buffer, comm, length);
    buffer[length - (length > 1 && comm[length - 1] == ':')] = '\0';
    return buffer;
}

/* `Vite (node, `, `node server.js (`, `systemd for cups.socket (`. */
static void print_process(const Listener *listener, const Holder *holder, FILE *out) {
    char buffer[COMM_MAX] = "";
    Program program;

    program_init(&program, holder);
    const char *name = name_of(holder, &program, buffer);
    const char *unit = telling_unit(listener->owner);
    _cleanup_free_ char *shown = text_escape_string(name ?: "a process");
    if (tool_says_more(listener->tool, &program, name)) {
        _cleanup_free_ char *tool = text_escape_string(listener->tool);
        fprintf(out, "%s (%s, ", tool ?: "?", shown ?: "?");
        return;
    }
    fputs(shown ?: "?", out);
    if (program.script) {
        const char *script = program.is_module ? program.script : path_base_name(program.script);
        _cleanup_free_ char *escaped = text_escape_string(script);
        fprintf(out, " %s", escaped ?: "?");
    }
    if (unit && name_says_nothing(name, &program)) {
        _cleanup_free_ char *escaped = text_escape_string(unit);
        fprintf(out, " for %s", escaped ?: "?");
    }
    fputs(" (", out);
}

/*
 * Prints the working directory of a program that a user started: `~/shop` if it is below the home
 * directory, and only the last part of a long path.
 */
static void print_folder(const Listener *listener, const Holder *holder, const char *user,
                         FILE *out) {
    const char *cwd = holder->cwd, *tilde = "";
    char home[256];

    if (string_is_empty(cwd) || strcmp(cwd, "/") == 0 || is_system_unit(listener->owner->unit) ||
        listener->owner->runtime != RUNTIME_NONE)
        return;
    int length = snprintf(home, sizeof(home), "%s%s",
                          user && strcmp(user, "root") != 0 ? "/home/" : "/", user ?: "");
    if (user && length < (int)sizeof(home) && strncmp(cwd, home, (size_t)length) == 0 &&
        (cwd[length] == '/' || cwd[length] == '\0')) {
        cwd += length;
        tilde = "~";
    }
    const char *last = strrchr(cwd, '/');
    if (strlen(cwd) > FOLDER_MAX && last) {
        cwd = last;
        tilde = "…";
    }
    _cleanup_free_ char *escaped = text_escape_string(cwd);
    fprintf(out, ", %s%s", tilde, escaped ?: "");
}

/* Warns that the path leads to another file on the host. In its own mount namespace, a process can
 * show any path. In a container, this is usual and not reported. */
static void print_doubt(const Listener *listener, const Holder *holder, FILE *out) {
    if (holder->exe_state != EXE_UNVERIFIED || holder->exe_deleted || !holder->exe ||
        listener->owner->runtime != RUNTIME_NONE)
        return;
    _cleanup_free_ char *escaped = text_escape_string(holder->exe);
    fprintf(out, ", not the file %s", escaped ?: "of that name");
}

/* Returns the number of processes. */
static size_t print_subject(const Listener *listener, const char *user, FILE *out) {
    const Holder *holder = listener_holder(listener);
    const Owner *owner = listener->owner;

    if (listener->origin == ORIGIN_FORWARD) {
        fputs("the kernel", out);
        return 1;
    }
    if (!holder) {
        const char *unit = owner ? owner->unit ?: owner->user_unit : NULL;
        _cleanup_free_ char *escaped = text_escape_string(unit);
        bool unheld = owner && owner->unheld;
        fprintf(out, "%s (",
                escaped ?: (unheld ? "a socket that no process holds" : "an unknown process"));
        print_user(listener, user, "user ", out);
        print_container(owner, out);
        fputc(')', out);
        return 1;
    }
    print_process(listener, holder, out);
    /* It was passed on, or who made it has become another: the process is not that user's. */
    bool is_others = holder->uid != (uid_t)-1 && holder->uid != listener->uid;
    fprintf(out, "pid %d, %s", (int)holder->pid, is_others ? "socket of " : "");
    print_user(listener, user, is_others ? "" : "user ", out);
    print_container(owner, out);
    print_folder(listener, holder, is_others ? NULL : user, out);
    print_doubt(listener, holder, out);
    fputc(')', out);
    if (owner->n_holders_seen > 1)
        fprintf(out, " and %zu more process%s", owner->n_holders_seen - 1,
                owner->n_holders_seen == 2 ? "" : "es");
    return owner->n_holders_seen;
}

static bool way_is_told(const Way *way, Scope scope) {
    return way->scope == scope && way->link && way->link->kind != LINK_LOOPBACK;
}

/* The widest ways first: a link-local address is no news beside a public one. */
static void print_ways(const Listener *listener, const LinkTable *links, FILE *out) {
    size_t n_told = 0, n_more = 0;
    unsigned scopes = 0;
    Way way;

    for (ReachIterator i = {}; reach_next(&i, &listener->endpoint, links, &way);)
        scopes |= 1u << way.scope;
    for (Scope scope = SCOPE_COUNT; scope-- > SCOPE_LINK_LOCAL;)
        for (ReachIterator i = {};
             scopes & 1u << scope && reach_next(&i, &listener->endpoint, links, &way);) {
            if (!way_is_told(&way, scope))
                continue;
            if (n_told == WAYS_TOLD) {
                n_more++;
                continue;
            }
            char address[ADDRESS_SIZE];
            _cleanup_free_ char *name = text_escape_string(way.link->name);
            address_format(&way.address, address);
            fprintf(out, "%s %s %s", n_told++ ? "," : ", reachable at", name ?: "?", address);
        }
    if (n_more > 0)
        fprintf(out, " and %zu more address%s", n_more, n_more == 1 ? "" : "es");
    if (n_told == 0)
        fputs(links ? ", which no interface answers on now"
                    : ", reachable from where could not be read",
              out);
}

char *listener_sentence(const Listener *listener, const LinkTable *links, const char *user) {
    char *text = NULL;
    size_t size;
    _cleanup_free_ char *endpoint = listener_endpoint(listener, links);
    FILE *out = endpoint ? text_stream_open(&text, &size) : NULL;
    if (!out)
        return NULL;

    Proto proto = listener->endpoint.proto;
    bool is_one = print_subject(listener, user, out) == 1;
    fprintf(out, " %s %s%s%s",
            listener->origin == ORIGIN_FORWARD ? "forwards"
            : is_one                           ? "listens on"
                                               : "listen on",
            proto == PROTO_TCP ? "" : proto_name(proto), proto == PROTO_TCP ? "" : " ", endpoint);
    if (listener->scope == SCOPE_LOOPBACK)
        fputs(", reachable from this machine only", out);
    else if (listener->scope == SCOPE_UNREACHABLE)
        fputs(", an address that no interface has now", out);
    else if (listener->scope == SCOPE_MULTICAST)
        fputs(", a multicast group", out);
    else
        print_ways(listener, links, out);

    fclose(out);
    return text;
}

char *holder_chain(const Holder *holder) {
    static const char arrow[] = " → ";
    const Ancestors *ancestors = holder_ancestors(holder);
    if (!ancestors || !holder->comm)
        return NULL;
    char *chain =
        malloc(ancestors->n * (ANCESTOR_NAME_SIZE + sizeof(arrow)) + strlen(holder->comm) + 1);
    char *end = chain;
    for (size_t i = ancestors->n; chain && i-- > 0;)
        end = stpcpy(stpcpy(end, ancestors->items[i].name), arrow);
    if (chain)
        stpcpy(end, holder->comm);
    return chain;
}
