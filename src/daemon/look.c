/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/daemon.h"
#include "model/reach.h"
#include "util/cleanup.h"

/* Watchers receive the new links first, because later changes refer to them. */
static void take_links(Daemon *daemon, const AuditTime *now) {
    if (daemon->all->links_coverage.state != COVERAGE_FULL ||
        !ledger_links_are_other(daemon->ledger, daemon->all->links))
        return;
    daemon->links_generation++;
    if (daemon->bus)
        bus_server_tell_links(daemon->bus, daemon->links_generation);
    ledger_set_links(daemon->ledger, daemon->all->links, now);
}

/* Returns whether no listener is unreachable. */
static bool set_scopes(const Daemon *daemon, Snapshot *snapshot) {
    bool reachable = true;

    snapshot->netns = daemon->netns;
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        Listener *listener = &snapshot->listeners[i];
        listener->scope = listener_scope(listener, daemon->all->links);
        /* A known one was looked up when it appeared. Later changes are reported by events. */
        reachable = reachable && (listener->scope != SCOPE_UNREACHABLE ||
                                  ledger_knows(daemon->ledger, listener->cookie));
    }
    return reachable;
}

/*
 * Sets the scopes of the looked-up listeners. If a new listener has an address that was on no
 * interface at the last dump, the address may be newer than the dump, so the addresses are read
 * again.
 */
static int find_scopes(Daemon *daemon, Snapshot *snapshot) {
    if (set_scopes(daemon, snapshot))
        return 0;
    int r = collector_links(daemon->collector, daemon->all);
    daemon->judge->context.links = daemon->all->links;
    if (r < 0)
        return r;
    AuditTime now = daemon_now();
    take_links(daemon, &now);
    (void)set_scopes(daemon, snapshot);
    return 0;
}

int look_at_all(Daemon *daemon) {
    int r = collector_snapshot(daemon->collector, daemon->all);
    daemon->judge->context.links = daemon->all->links; /* the last ones are freed, also on error */
    if (r < 0)
        return r;

    daemon->netns = daemon->all->netns;
    r = holders_attribute_all(daemon);
    if (r < 0)
        return r;
    /* One in flight between two processes has a holder a moment later; of pid 1 it never has. */
    if (daemon->retry_unknown > 0)
        daemon->retry_unknown--;
    AuditTime now = daemon_now();
    take_links(daemon, &now);
    r = ledger_update(daemon->ledger, daemon->all, LEDGER_ALL, &now);
    snapshot_trim(daemon->all);
    return r;
}

int look_at_udp(Daemon *daemon) {
    snapshot_clear(daemon->some);
    int r = lookup_port(daemon->lookup, PROTO_UDP, 0, daemon->some);
    if (r < 0)
        return r;
    r = find_scopes(daemon, daemon->some);
    if (r >= 0)
        r = holders_attribute(daemon, daemon->some);
    if (r < 0)
        return r;
    AuditTime now = daemon_now();
    r = ledger_update(daemon->ledger, daemon->some, LEDGER_PROTO(PROTO_UDP), &now);
    snapshot_trim(daemon->some);
    return r;
}

int look_at_bound(Daemon *daemon, const Listener *listener, Owner *owner) {
    snapshot_clear(daemon->some);
    int r = snapshot_add(daemon->some, listener);
    if (r < 0)
        return r;
    daemon->some->listeners[0].owner = owner_ref(owner);
    r = find_scopes(daemon, daemon->some);
    if (r < 0)
        return r;
    AuditTime now = daemon_now();
    return ledger_update_some(daemon->ledger, daemon->some, &now);
}

/* The whole group is looked up: another socket of it may be held by another program. */
static Owner *find_owner(Daemon *daemon, const Listener *listener, SearchDepth depth) {
    _cleanup_snapshot_ Snapshot *group = snapshot_new();
    _cleanup_owner_search_ OwnerSearch *search = NULL;

    if (!group ||
        lookup_port(daemon->lookup, listener->endpoint.proto, listener->endpoint.port, group) < 0)
        return NULL;
    if (owner_search_new(&daemon->machine.sources, group, &search) < 0 ||
        owner_search_run(search, depth) < 0)
        return NULL;
    for (size_t i = 0; i < group->n_sockets; i++)
        if (group->sockets[i].cookie == listener->cookie) {
            Owner *owner = group->listeners[group->sockets[i].listener].owner;
            return holders_remember_origin(daemon, listener, owner) < 0 ? NULL : owner_ref(owner);
        }
    return NULL;
}

Owner *look_for_all_holders(Daemon *daemon, const Listener *listener) {
    if (listener->origin != ORIGIN_SOCKET || listener->cookie == 0)
        return NULL;
    return find_owner(daemon, listener, SEARCH_ALL);
}

static bool is_same_place(const Endpoint *a, const Endpoint *b) {
    return a->ifindex == b->ifindex && address_equal(&a->address, &b->address);
}

/*
 * Returns 1 if the socket of that cookie is open at that endpoint, 0, or a negative errno. One that
 * was bound to a device since (SO_BINDTODEVICE) is at another: a full rescan shows it there.
 */
static int find_cookie(Daemon *daemon, const Listener *listener) {
    _cleanup_snapshot_ Snapshot *group = snapshot_new();
    if (!group)
        return -ENOMEM;
    int r = lookup_port(daemon->lookup, listener->endpoint.proto, listener->endpoint.port, group);
    for (size_t i = 0; r == 0 && i < group->n_sockets; i++)
        if (group->sockets[i].cookie == listener->cookie) {
            const Listener *found = &group->listeners[group->sockets[i].listener];
            if (is_same_place(&found->endpoint, &listener->endpoint))
                return 1;
            reconcile_soon(daemon);
        }
    return r;
}

/* Another socket may be open at the same endpoint by now, such as the next probe of a port. */
bool look_is_open(Daemon *daemon, const Listener *listener) {
    uid_t payer = payer_of(daemon, listener->uid);
    usec_t cpu = thread_cpu_now();
    Listener found;

    if (listener->origin != ORIGIN_SOCKET || listener->cookie == 0)
        return true;
    if (lookup_exact(daemon->lookup, &listener->endpoint, &found) > 0 &&
        found.cookie == listener->cookie)
        return true;
    if (!look_budget_has(&daemon->look_budget, payer, monotonic_now()))
        return true;
    int r = find_cookie(daemon, listener);
    look_budget_charge(&daemon->look_budget, payer, thread_cpu_now() - cpu, monotonic_now());
    return r != 0;
}

int look_for_owner(Daemon *daemon, const Listener *listener, Owner **ret) {
    uid_t payer = payer_of(daemon, listener->uid);
    usec_t cpu = thread_cpu_now();

    *ret = NULL;
    if (listener->origin != ORIGIN_SOCKET || listener->cookie == 0 ||
        holders_are_still(daemon, listener->owner))
        return 0;
    if (!look_budget_has(&daemon->look_budget, payer, monotonic_now())) {
        holders_recheck_soon(daemon); /* the full rescan is not charged to the user */
        return -EAGAIN;
    }
    *ret = find_owner(daemon, listener, SEARCH_FIRST);
    look_budget_charge(&daemon->look_budget, payer, thread_cpu_now() - cpu, monotonic_now());
    return 0;
}
