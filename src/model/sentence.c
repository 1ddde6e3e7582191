/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/sentence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/reach.h"
#include "util/cleanup.h"
#include "util/escape.h"

/* So many ways in are named; who has more of them wants `show` or --json. */
#define WAYS_TOLD 3

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

static void print_user(const Listener *listener, const char *user, FILE *out) {
    _cleanup_free_ char *escaped = text_escape_string(user);
    if (escaped)
        fputs(escaped, out);
    else
        fprintf(out, "uid %u", listener->uid);
}

static void print_subject(const Listener *listener, const char *user, FILE *out) {
    const Holder *holder = listener_holder(listener);
    const Owner *owner = listener->owner;

    if (listener->origin == ORIGIN_FORWARD) {
        fputs("the kernel", out);
        return;
    }
    if (!holder) {
        const char *unit = owner ? owner->unit ?: owner->user_unit : NULL;
        _cleanup_free_ char *escaped = text_escape_string(unit);
        bool unheld = owner && owner->unheld;
        fprintf(out, "%s (",
                escaped ?: (unheld ? "a socket that no process holds" : "an unknown process"));
        print_user(listener, user, out);
        print_container(owner, out);
        fputc(')', out);
        return;
    }
    _cleanup_free_ char *comm = text_escape_string(holder->comm);
    fprintf(out, "%s (pid %d, ", comm ?: "a process", (int)holder->pid);
    /* It was passed on, or who made it has become another: the process is not that user's. */
    if (holder->uid != (uid_t)-1 && holder->uid != listener->uid)
        fputs("socket of ", out);
    print_user(listener, user, out);
    print_container(owner, out);
    fputc(')', out);
    if (owner->n_holders_seen > 1)
        fprintf(out, " and %zu more", owner->n_holders_seen - 1);
}

static bool way_is_told(const Way *way, Scope scope) {
    return way->scope == scope && way->link && way->link->kind != LINK_LOOPBACK;
}

/* The widest ways first: a link-local address is no news beside a public one. */
static void print_ways(const Listener *listener, const LinkTable *links, FILE *out) {
    size_t n_told = 0, n_more = 0;
    Way way;

    for (Scope scope = SCOPE_COUNT; scope-- > SCOPE_LINK_LOCAL;)
        for (ReachIterator i = {}; reach_next(&i, &listener->endpoint, links, &way);) {
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
        fprintf(out, " and %zu more", n_more);
    if (n_told == 0)
        fputs(links ? ", which no interface answers on now"
                    : ", reachable from where could not be read",
              out);
}

char *listener_sentence(const Listener *listener, const LinkTable *links, const char *user) {
    char *text = NULL;
    size_t size;
    _cleanup_free_ char *endpoint = listener_endpoint(listener, links);
    FILE *out = endpoint ? open_memstream(&text, &size) : NULL;
    if (!out)
        return NULL;

    Proto proto = listener->endpoint.proto;
    print_subject(listener, user, out);
    fprintf(out, " %s %s%s%s", listener->origin == ORIGIN_FORWARD ? "forwards" : "listens on",
            proto == PROTO_TCP ? "" : proto_name(proto), proto == PROTO_TCP ? "" : " ", endpoint);
    if (listener->scope == SCOPE_LOOPBACK)
        fputs(", reachable from this machine only", out);
    else if (listener->scope == SCOPE_MULTICAST)
        fputs(", a multicast group", out);
    else
        print_ways(listener, links, out);

    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
