/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that were told to listen and are not in the kernel's tables yet, or may not be looked
 * for yet. */
#include <errno.h>

#include "daemon/daemon.h"
#include "model/reach.h"
#include "owner/witness.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* When to look again, each counted from the look before. */
static const usec_t retry_delays[] = {200, 1000, 5000, 20000, 100000};
/* The looks before this one ask for the socket itself alone: it is the rare one that is bound to a
 * device and hides behind it, and the whole port costs. */
#define FIRST_THOROUGH 2

/* What waits for the dump of everything is dropped so long after the dump, when its close event, if
 * one was on its way, is here. */
#define DROP_DELAY (USEC_PER_SEC / 10)
/* A dump that begins so long after the event shows the socket. */
#define HASHED_AFTER 1000

static void pending_drop(Daemon *daemon, size_t index) {
    witnessed_free(daemon->pending[index].seen.witness);
    daemon->pending[index] = daemon->pending[--daemon->n_pending];
}

void pending_set_timer(Daemon *daemon) {
    usec_t next = USEC_INFINITY;
    for (size_t i = 0; i < daemon->n_pending; i++)
        if (daemon->pending[i].next < next)
            next = daemon->pending[i].next;
    if (next == USEC_INFINITY) {
        sd_event_source_set_enabled(daemon->pending_timer, SD_EVENT_OFF);
        return;
    }
    sd_event_source_set_time(daemon->pending_timer, next);
    sd_event_source_set_enabled(daemon->pending_timer, SD_EVENT_ONESHOT);
}

uid_t event_payer(Daemon *daemon, const WitnessedEvent *seen) {
    const Witnessed *witnessed = seen->witness;
    return witnessed ? payer_of(daemon, witnessed->holder.uid) : LOOK_OTHERS;
}

static bool has_room(Daemon *daemon, const WitnessedEvent *seen) {
    uid_t uid = event_payer(daemon, seen);
    size_t n_same = 0;

    for (size_t i = 0; i < daemon->n_pending; i++)
        n_same += event_payer(daemon, &daemon->pending[i].seen) == uid;
    return daemon->n_pending < PENDING_MAX && n_same < PENDING_OF_USER;
}

void pending_add(Daemon *daemon, const WitnessedEvent *seen, bool waits) {
    usec_t now = monotonic_now();

    if (!has_room(daemon, seen)) {
        /* The full dump finds it, if it is there to stay. */
        witnessed_free(seen->witness);
        reconcile_soon(daemon);
        return;
    }
    daemon->pending[daemon->n_pending++] = (Pending){
        .seen = *seen,
        .since = now,
        .next = now + (waits ? DROP_DELAY : retry_delays[0]),
        .waits = waits,
    };
    if (waits)
        reconcile_soon(daemon);
}

/* Looks for it once more. Returns whether that was the last time. */
static bool pending_look(Daemon *daemon, Pending *pending, usec_t now) {
    if (pending->waits && pending->since + HASHED_AFTER < daemon->reconciled)
        return true;
    pending->next = now + DROP_DELAY;
    if (pending->waits)
        return false;

    int r = look_at_event(daemon, &pending->seen, pending->tries >= FIRST_THOROUGH);
    if (r == -EAGAIN) {
        pending->waits = true;
        reconcile_soon(daemon);
        return false;
    }
    if (r > 0)
        return true;
    if (++pending->tries == ELEMENTS(retry_delays)) {
        if (r < 0) /* it may be there all the same */
            events_look_again(daemon);
        return true;
    }
    pending->next = now + retry_delays[pending->tries];
    return false;
}

static int on_pending(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;
    usec_t now = monotonic_now();

    (void)source, (void)time;
    for (size_t i = daemon->n_pending; i-- > 0;)
        if (daemon->pending[i].next <= now && pending_look(daemon, &daemon->pending[i], now))
            pending_drop(daemon, i);
    pending_set_timer(daemon);
    daemon_settle(daemon);
    return 0;
}

int pending_open(Daemon *daemon) {
    int r = sd_event_add_time(daemon->loop, &daemon->pending_timer, CLOCK_MONOTONIC,
                              monotonic_now(), 1, on_pending, daemon);
    return r < 0 ? r : sd_event_source_set_enabled(daemon->pending_timer, SD_EVENT_OFF);
}

void pending_close(Daemon *daemon) {
    while (daemon->n_pending > 0)
        pending_drop(daemon, 0);
}

/*
 * It came and went before anybody could look: what the reader saw is all that will be known. If it
 * saw nothing, not even the network namespace is known: a container's would be told as this
 * host's.
 */
static void tell_brief(Daemon *daemon, const WitnessedEvent *listened, const StateEvent *closed) {
    _cleanup_(owner_cleanup) Owner *owner = NULL;
    const Witnessed *witnessed = listened->witness;
    AuditTime now = daemon_now();

    if (!witnessed || witnessed->netns == 0 || closed->port == 0)
        return;
    if (witness_owner(witnessed, daemon->machine.sources.cgroup_fd, &owner) < 0)
        return;
    Listener listener = {
        .endpoint = event_endpoint(closed),
        .uid = witnessed->holder.uid,
        .cgroup_id = listened->event.cgroup_id,
        .n_sockets = 1,
        .owner = owner,
    };
    listener.scope = endpoint_scope(&listener.endpoint, daemon->all->links);
    ledger_witness(daemon->ledger, &listener, (closed->time - listened->event.time) / 1000, &now);
}

/*
 * Whether that close is the end of that listen(). The kernel's address of the socket alone does not
 * say so: events may be lost, and then another socket has the address.
 */
static bool is_end_of(const StateEvent *listened, const StateEvent *closed) {
    return listened->sk == closed->sk && closed->time > listened->time &&
           listened->proto == closed->proto &&
           address_equal(&listened->address, &closed->address) &&
           (listened->port != 0 ? listened->port == closed->port : listened->pid == closed->pid);
}

void pending_close_event(Daemon *daemon, const StateEvent *closed) {
    for (size_t i = 0; i < daemon->n_pending; i++)
        if (is_end_of(&daemon->pending[i].seen.event, closed)) {
            tell_brief(daemon, &daemon->pending[i].seen, closed);
            pending_drop(daemon, i);
            return;
        }
    daemon->closed[daemon->next_closed++ % CLOSED_KEPT] = *closed;
}

void pending_forget(Daemon *daemon, const StateEvent *listened) {
    for (size_t i = daemon->n_pending; i-- > 0;)
        if (daemon->pending[i].seen.event.sk == listened->sk)
            pending_drop(daemon, i);
}

bool pending_was_closed(Daemon *daemon, const WitnessedEvent *seen) {
    for (size_t i = 0; i < CLOSED_KEPT; i++)
        if (is_end_of(&seen->event, &daemon->closed[i])) {
            tell_brief(daemon, seen, &daemon->closed[i]);
            daemon->closed[i] = (StateEvent){};
            witnessed_free(seen->witness);
            return true;
        }
    return false;
}
