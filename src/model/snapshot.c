/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/* Listeners of which the memory is kept from one look to the next. */
#define TRIM_ABOVE 2048

const char *origin_name(Origin origin) {
    return origin == ORIGIN_FORWARD ? "forward" : "socket";
}

Snapshot *snapshot_new(void) {
    return calloc(1, sizeof(Snapshot));
}

Snapshot *snapshot_free(Snapshot *snapshot) {
    if (!snapshot)
        return NULL;
    snapshot_clear(snapshot);
    link_table_free(snapshot->links);
    free(snapshot->listeners);
    free(snapshot->sockets);
    idmap_done(&snapshot->by_cookie);
    idmap_done(&snapshot->by_endpoint);
    free(snapshot);
    return NULL;
}

static void forget_listeners(Snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        owner_unref(snapshot->listeners[i].owner);
        free(snapshot->listeners[i].tool);
        free(snapshot->listeners[i].advice);
    }
    snapshot->n_listeners = snapshot->n_sockets = 0;
}

void snapshot_trim(Snapshot *snapshot) {
    if (snapshot->listeners_allocated <= TRIM_ABOVE && snapshot->sockets_allocated <= TRIM_ABOVE)
        return;
    forget_listeners(snapshot);
    free(snapshot->listeners);
    free(snapshot->sockets);
    snapshot->listeners = NULL;
    snapshot->sockets = NULL;
    snapshot->listeners_allocated = snapshot->sockets_allocated = 0;
    idmap_done(&snapshot->by_cookie);
    idmap_done(&snapshot->by_endpoint);
    malloc_trim(0);
}

void snapshot_clear(Snapshot *snapshot) {
    forget_listeners(snapshot);
    memset(snapshot->coverage, 0, sizeof(snapshot->coverage));
    snapshot->forwards_coverage = (Coverage){};
    idmap_clear(&snapshot->by_cookie);
    idmap_clear(&snapshot->by_endpoint);
}

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t endpoint_hash(const Endpoint *endpoint) {
    uint64_t words[2];
    memcpy(words, endpoint->address.bytes, sizeof(words));
    uint64_t hash = mix(endpoint->port, words[0]);
    hash = mix(hash, words[1]);
    return mix(hash, (uint64_t)endpoint->ifindex << 8 | (uint64_t)endpoint->proto << 1 |
                         endpoint->v6only);
}

static uint64_t listener_hash(const Listener *listener) {
    uint64_t hash = mix(endpoint_hash(&listener->endpoint), listener->uid);
    return mix(mix(hash, listener->cgroup_id), listener->origin);
}

static bool same_listener(const Listener *a, const Listener *b) {
    return a->uid == b->uid && a->cgroup_id == b->cgroup_id && a->origin == b->origin &&
           endpoint_equal(&a->endpoint, &b->endpoint);
}

/* The choice among several targets depends on data that is not read here. */
static void join_target(Listener *listener, const Listener *found) {
    if (address_equal(&listener->forward_to, &found->forward_to) &&
        listener->forward_port == found->forward_port)
        return;
    listener->forward_to = (Address){};
    listener->forward_port = 0;
}

/*
 * The index of the listener that `found` belongs to, made if there is none. Two of equal hash are
 * kept apart by trying the next hash: as long as the first differs, so will the walk agree on the
 * way to the second.
 */
static int join_listener(Snapshot *snapshot, const Listener *found, uint32_t *ret_index) {
    for (uint64_t hash = listener_hash(found);; hash++) {
        uint32_t *index;
        int r = idmap_add(&snapshot->by_endpoint, hash, (uint32_t)snapshot->n_listeners, &index);
        if (r < 0)
            return r;
        if (r > 0) {
            snapshot->listeners[snapshot->n_listeners++] = (Listener){
                .endpoint = found->endpoint,
                .origin = found->origin,
                .uid = found->uid,
                .inode = found->inode,
                .cookie = found->cookie,
                .cgroup_id = found->cgroup_id,
                .forward_to = found->forward_to,
                .forward_port = found->forward_port,
            };
        } else if (!same_listener(&snapshot->listeners[*index], found)) {
            continue;
        } else {
            join_target(&snapshot->listeners[*index], found);
        }
        *ret_index = *index;
        return r;
    }
}

void snapshot_prefetch(const Snapshot *snapshot, const Listener *found) {
    idmap_prefetch(&snapshot->by_cookie, found->cookie);
    idmap_prefetch(&snapshot->by_endpoint, listener_hash(found));
}

int snapshot_add(Snapshot *snapshot, const Listener *found) {
    int r = ARRAY_RESERVE(snapshot->sockets, snapshot->sockets_allocated, snapshot->n_sockets + 1);
    if (r < 0)
        return r;
    r = ARRAY_RESERVE(snapshot->listeners, snapshot->listeners_allocated,
                      snapshot->n_listeners + 1);
    if (r < 0)
        return r;

    if (found->cookie != 0) {
        r = idmap_add(&snapshot->by_cookie, found->cookie, (uint32_t)snapshot->n_sockets, NULL);
        if (r <= 0)
            return r;
    }
    uint32_t index;
    r = join_listener(snapshot, found, &index);
    if (r < 0)
        return r;
    if (found->origin == ORIGIN_FORWARD)
        return r;
    snapshot->listeners[index].n_sockets++;
    snapshot->sockets[snapshot->n_sockets++] =
        (Socket){.cookie = found->cookie, .inode = found->inode, .listener = index};
    return r;
}

bool snapshot_is_complete(const Snapshot *snapshot) {
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if (snapshot->coverage[proto].state != COVERAGE_FULL && !snapshot->coverage[proto].absent)
            return false;
    return snapshot->links_coverage.state == COVERAGE_FULL &&
           snapshot->forwards_coverage.state == COVERAGE_FULL;
}

void coverage_set(Coverage *coverage, CoverageState state, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(coverage->why, sizeof(coverage->why), format, arguments);
    va_end(arguments);
    coverage->state = state;
    coverage->absent = false;
}

void coverage_format(const Coverage *coverage, char buffer[static COVERAGE_SIZE]) {
    if (coverage->state == COVERAGE_FULL)
        snprintf(buffer, COVERAGE_SIZE, "full");
    else
        snprintf(buffer, COVERAGE_SIZE, "%s: %s",
                 coverage->state == COVERAGE_INCOMPLETE ? "incomplete" : "unavailable",
                 coverage->why);
}

void listener_id(const Listener *listener, const Netns *netns,
                 char buffer[static LISTENER_ID_SIZE]) {
    char where[24] = "";
    if (!netns->host)
        snprintf(where, sizeof(where), "@%" PRIu64, netns->inode);
    if (listener->origin == ORIGIN_FORWARD)
        snprintf(buffer, LISTENER_ID_SIZE, "f%" PRIx64 "%s", endpoint_hash(&listener->endpoint),
                 where);
    else
        snprintf(buffer, LISTENER_ID_SIZE, "s%" PRIx64 "%s", listener->cookie, where);
}
