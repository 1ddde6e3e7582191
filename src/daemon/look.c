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

static bool is_known(uint64_t cookie, void *userdata) {
    const Daemon *daemon = userdata;
    return ledger_knows(daemon->ledger, cookie);
}

static bool some_owner_unknown(const Snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const Owner *owner = snapshot->listeners[i].owner;
        if (snapshot->listeners[i].origin == ORIGIN_SOCKET &&
            (!owner || owner->attribution == ATTRIBUTION_NONE))
            return true;
    }
    return false;
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
        r = holders_attribute(daemon, daemon->some, NULL);
    if (r < 0)
        return r;
    AuditTime now = daemon_now();
    r = ledger_update(daemon->ledger, daemon->some, LEDGER_PROTO(PROTO_UDP), &now);
    snapshot_trim(daemon->some);
    return r;
}

/* Returns 1 with what is new in daemon->some, 0, or a negative errno. */
static int find_appeared(Daemon *daemon, const StateEvent *event, bool thorough) {
    snapshot_clear(daemon->some);
    int r = lookup_appeared_exact(daemon->lookup, event, is_known, daemon, daemon->some);
    if (r == -EAGAIN || (r == 0 && thorough))
        r = lookup_appeared_at_port(daemon->lookup, event, is_known, daemon, daemon->some);
    return r;
}

static int take_appeared(Daemon *daemon, const WitnessedEvent *seen) {
    int r = find_scopes(daemon, daemon->some);
    if (r >= 0)
        r = holders_attribute(daemon, daemon->some, seen);
    if (r < 0)
        return r;
    if (some_owner_unknown(daemon->some))
        daemon->retry_unknown = 3;
    AuditTime now = daemon_now();
    r = ledger_update_some(daemon->ledger, daemon->some, &now);
    return r < 0 ? r : 1;
}

int look_at_event(Daemon *daemon, const WitnessedEvent *seen, bool thorough) {
    uid_t payer = event_payer(daemon, seen);
    usec_t cpu = thread_cpu_now();

    if (!look_budget_has(&daemon->look_budget, payer, monotonic_now()))
        return -EAGAIN;
    int r = find_appeared(daemon, &seen->event, thorough);
    if (r > 0)
        r = take_appeared(daemon, seen);
    look_budget_charge(&daemon->look_budget, payer, thread_cpu_now() - cpu, monotonic_now());
    return r == -EAGAIN ? -EIO : r;
}

/* Asks for the whole place, and takes what is not there for gone. */
static int look_at_place(Daemon *daemon, const Endpoint *endpoint) {
    snapshot_clear(daemon->some);
    int r = lookup_port(daemon->lookup, endpoint->proto, endpoint->port, daemon->some);
    if (r < 0)
        return r;
    r = find_scopes(daemon, daemon->some);
    if (r >= 0)
        r = holders_attribute(daemon, daemon->some, NULL);
    if (r < 0)
        return r;
    AuditTime now = daemon_now();
    return ledger_update_place(daemon->ledger, daemon->some, endpoint, true, &now);
}

/* The only socket that is known at its place: most often the kernel can be asked for it alone. */
static int look_at_single(Daemon *daemon, const LedgerView *view, const Endpoint *closed) {
    Listener found;
    int r = lookup_exact(daemon->lookup, &view->listener.endpoint, &found);
    if (r > 0 && found.cookie == view->listener.cookie)
        return 0; /* what closed was another, in another network namespace */
    if (r != 0)
        return look_at_place(daemon, closed);
    AuditTime now = daemon_now();
    ledger_close(daemon->ledger, view->listener.cookie, &now);
    return 0;
}

int look_at_close(Daemon *daemon, const StateEvent *event) {
    usec_t cpu = thread_cpu_now(), now = monotonic_now();
    AuditTime audit_now = daemon_now();
    const Endpoint at = event_endpoint(event), *endpoint = &at;
    LedgerView view = {.listener.uid = LOOK_OTHERS};
    uint64_t cookie = 0;

    uint32_t n_known = ledger_count_place(daemon->ledger, endpoint, &cookie);
    if (n_known == 0)
        return 0;
    bool single = ledger_find(daemon->ledger, cookie, &audit_now, &view) && n_known == 1;
    uid_t payer = payer_of(daemon, view.listener.uid);
    if (!look_budget_has(&daemon->look_budget, payer, now))
        return -EAGAIN;
    ledger_set_closed_at(daemon->ledger, event->time / 1000 + (audit_now.boottime - now));
    int r = single ? look_at_single(daemon, &view, endpoint) : look_at_place(daemon, endpoint);
    ledger_set_closed_at(daemon->ledger, 0);
    look_budget_charge(&daemon->look_budget, payer, thread_cpu_now() - cpu, monotonic_now());
    return r == -EAGAIN ? -EIO : r;
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

/* Returns 1 if the socket of that cookie is open, 0, or a negative errno. */
static int find_cookie(Daemon *daemon, const Listener *listener) {
    _cleanup_snapshot_ Snapshot *group = snapshot_new();
    if (!group)
        return -ENOMEM;
    int r = lookup_port(daemon->lookup, listener->endpoint.proto, listener->endpoint.port, group);
    for (size_t i = 0; r == 0 && i < group->n_sockets; i++)
        if (group->sockets[i].cookie == listener->cookie)
            return 1;
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
