/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who holds what: searched for once for each socket, and kept. But a parent exits and leaves its
 * socket to a worker, a process passes it on or runs another program, systemd hands it to a
 * service; nothing tells of that. So at the dumps of everything those who are known are looked at
 * again, and now and then all of /proc is searched for others.
 */
#include <errno.h>

#include "daemon/daemon.h"
#include "owner/process.h"
#include "owner/recheck.h"
#include "util/cleanup.h"
#include "util/idmap.h"

/* So many listeners at a time; of more, others the next time. */
#define RECHECK_MAX 2048
/* Of the time, these parts go into looking again, and into searching all of /proc: 0.05 % and
 * 0.025 % of a core. */
#define RECHECK_PART  2000
#define THOROUGH_PART 4000

/*
 * Gives every listener whose sockets are all known the owner that is known, so that the search is
 * for the new ones alone: fds are walked once for each socket (KERNEL.md 13).
 */
static void keep_known_owners(Daemon *daemon, Snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        Listener *listener = &snapshot->listeners[i];
        Owner *owner = listener->cookie ? ledger_owner(daemon->ledger, listener->cookie) : NULL;
        Owner *told = listener->cookie && !owner ? events_owner(daemon, listener->cookie) : NULL;
        if (told)
            listener->owner = owner_ref(told);
        else if (owner && (owner->attribution != ATTRIBUTION_NONE || daemon->retry_unknown == 0))
            listener->owner = owner_ref(owner);
    }
    for (size_t i = 0; i < snapshot->n_sockets; i++) {
        Listener *listener = &snapshot->listeners[snapshot->sockets[i].listener];
        if (!ledger_knows(daemon->ledger, snapshot->sockets[i].cookie) &&
            !events_owner(daemon, snapshot->sockets[i].cookie))
            listener->owner = owner_unref(listener->owner);
    }
}

static bool all_are_known(const Snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        if (!snapshot->listeners[i].owner)
            return false;
    return true;
}

int holders_remember_origin(const Daemon *daemon, const Listener *listener, Owner *owner) {
    /* Without cgroup ids it is that of its holders, who may be others now. */
    if (!listener->cookie || !listener->cgroup_id || daemon->machine.sources.cgroup_fd < 0)
        return 0;
    return owner_remember_origin(owner, ledger_owner(daemon->ledger, listener->cookie));
}

static int search(Daemon *daemon, Snapshot *snapshot, SearchDepth depth) {
    _cleanup_owner_search_ OwnerSearch *search = NULL;

    if (all_are_known(snapshot))
        return 0;
    int r = owner_search_new(&daemon->machine.sources, snapshot, &search);
    if (r >= 0)
        r = owner_search_run(search, depth);
    for (size_t i = 0; i < snapshot->n_listeners && r >= 0; i++)
        r = holders_remember_origin(daemon, &snapshot->listeners[i], snapshot->listeners[i].owner);
    return r;
}

/* A socket that joined a reuseport group: who held the others holds them still, most often, and it,
 * too. Without this each that joins would cost a walk over /proc. The owners that were kept are the
 * ledger's own. */
static int hint_known(Daemon *daemon, const Snapshot *snapshot, OwnerSearch *search) {
    const Owner *last = NULL;

    for (size_t i = 0; i < snapshot->n_sockets; i++) {
        const Listener *listener = &snapshot->listeners[snapshot->sockets[i].listener];
        const Owner *owner = ledger_owner(daemon->ledger, snapshot->sockets[i].cookie);
        if (!owner || owner == listener->owner || owner == last)
            continue;
        last = owner;
        for (size_t j = 0; j < owner->n_holders; j++) {
            int r = owner_search_hint(search, owner->holders[j].pid);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int holders_attribute(Daemon *daemon, Snapshot *snapshot) {
    _cleanup_owner_search_ OwnerSearch *search = NULL;

    keep_known_owners(daemon, snapshot);
    if (all_are_known(snapshot))
        return 0;
    int r = owner_search_new(&daemon->machine.sources, snapshot, &search);
    if (r >= 0)
        r = hint_known(daemon, snapshot, search);
    if (r >= 0)
        r = owner_search_run(search, SEARCH_FIRST);
    return r;
}

/* --- looked at again ---------------------------------------------------------------------------
 */

/* Which listeners of the snapshot: `n` of them from `first` on, and again from the begin. */
typedef struct Window {
    Snapshot *snapshot;
    size_t first, n;
    IdMap inodes; /* of their sockets → listener */
    size_t at;    /* the listener that is looked at */
} Window;

static bool is_inside(const Window *window, size_t listener) {
    size_t n_all = window->snapshot->n_listeners;
    return (listener + n_all - window->first) % n_all < window->n &&
           window->snapshot->listeners[listener].origin == ORIGIN_SOCKET;
}

static bool is_of_listener(void *userdata, uint32_t inode) {
    const Window *window = userdata;
    const uint32_t *listener = idmap_find(&window->inodes, inode);
    return listener && *listener == window->at;
}

/* Drops the owners of those whose holders are others now. Returns 0 or -ENOMEM. */
static int recheck_window(Daemon *daemon, Window *window) {
    OwnerRecheck recheck = {
        .proc_fd = daemon->machine.proc_fd, .is_its = is_of_listener, .userdata = window};
    Snapshot *snapshot = window->snapshot;

    for (size_t i = 0; i < snapshot->n_sockets; i++) {
        const Socket *socket = &snapshot->sockets[i];
        if (is_inside(window, socket->listener) &&
            idmap_add(&window->inodes, socket->inode, socket->listener, NULL) < 0)
            return -ENOMEM;
    }
    for (window->at = 0; window->at < snapshot->n_listeners; window->at++) {
        Listener *listener = &snapshot->listeners[window->at];
        Owner *now = NULL;
        if (!is_inside(window, window->at) || !listener->owner || listener->owner->n_holders == 0)
            continue;
        int r = owner_recheck(&recheck, listener->owner, &now);
        if (r < 0)
            return r;
        owner_unref(listener->owner);
        listener->owner = now;
    }
    return 0;
}

static void forget_window(const Window *window) {
    for (size_t i = 0; i < window->snapshot->n_listeners; i++) {
        Listener *listener = &window->snapshot->listeners[i];
        if (is_inside(window, i))
            listener->owner = owner_unref(listener->owner);
    }
}

/* Looks again at a window of what is known, or searches for all its holders. */
static int recheck(Daemon *daemon, bool thorough) {
    Snapshot *all = daemon->all;
    Window window = {.snapshot = all, .n = all->n_listeners};
    int r = 0;

    if (all->n_listeners == 0)
        return 0;
    window.first = daemon->recheck_at % all->n_listeners;
    if (window.n > RECHECK_MAX)
        window.n = RECHECK_MAX;
    if (thorough)
        forget_window(&window);
    else
        r = recheck_window(daemon, &window);
    idmap_done(&window.inodes);
    if (r >= 0)
        r = search(daemon, all, thorough ? SEARCH_ALL : SEARCH_FIRST);
    /* A thorough search leaves the turn to the others when it is done. */
    daemon->recheck_at = window.first + window.n;
    return r;
}

int holders_attribute_all(Daemon *daemon) {
    usec_t now = monotonic_now(), cpu = thread_cpu_now();

    keep_known_owners(daemon, daemon->all);
    if (now < daemon->recheck_next)
        return search(daemon, daemon->all, SEARCH_FIRST);
    /* The iterator reports all processes at once, as fast as a single one. */
    bool by_kernel = daemon->machine.sources.processes;
    /* At the start there is nothing to look at again. */
    bool first = daemon->recheck_next == 0;
    bool thorough = !first && (by_kernel || now >= daemon->thorough_next);
    int r = first ? search(daemon, daemon->all, SEARCH_FIRST) : recheck(daemon, thorough);
    cpu = thread_cpu_now() - cpu;
    now = monotonic_now();
    if (first || thorough)
        daemon->thorough_next = now + (first ? RECONCILE_PERIOD / 2 : THOROUGH_PART * cpu);
    bool search_next = !by_kernel && (first || thorough);
    daemon->recheck_next = now + (search_next ? USEC_PER_SEC : RECHECK_PART * cpu);
    return r;
}

bool holders_are_still(const Daemon *daemon, const Owner *owner) {
    return owner && owner->n_holders > 0 &&
           processes_are_still(&daemon->machine.sources, owner->holders, owner->n_holders);
}

void holders_recheck_soon(Daemon *daemon) {
    daemon->recheck_next = 1;
    daemon->retry_unknown = 3;
    reconcile_soon(daemon);
}

void holders_doubt(Daemon *daemon) {
    daemon->recheck_next = 1;
    daemon->thorough_next = 0;
    reconcile_soon(daemon);
}
