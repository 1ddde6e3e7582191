/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <syslog.h>

#include "daemon/daemon.h"
#include "model/reach.h"
#include "owner/witness.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* At the event the socket is most often not in the kernel's tables yet: when to look again. */
static const usec_t retry_delays[] = {1000, 5000, 20000, 100000};

static int take_witness(const StateEvent *event, void *context, void **ret) {
    const Machine *machine = context;
    Witnessed *witnessed;
    int r = witness_take(machine->proc_fd, machine->sources.root_fd, (pid_t)event->pid, &witnessed);
    if (r == 0)
        *ret = witnessed;
    return r;
}

static void release_witness(void *record, void *context) {
    (void)context;
    witnessed_free(record);
}

static void pending_drop(Daemon *daemon, size_t index) {
    witnessed_free(daemon->pending[index].seen.witness);
    daemon->pending[index] = daemon->pending[--daemon->n_pending];
}

static void pending_set_timer(Daemon *daemon) {
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

static void pending_add(Daemon *daemon, const WitnessedEvent *seen) {
    if (daemon->n_pending == PENDING_MAX) {
        /* The full dump that follows finds it, if it is there to stay. */
        witnessed_free(seen->witness);
        daemon->n_pending_dropped++;
        sd_event_source_set_time_relative(daemon->reconcile_timer, CONFIRM_DELAY);
        return;
    }
    daemon->pending[daemon->n_pending++] =
        (Pending){.seen = *seen, .next = monotonic_now() + retry_delays[0]};
}

static int on_pending(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;

    (void)source;
    for (size_t i = daemon->n_pending; i-- > 0;) {
        Pending *pending = &daemon->pending[i];
        if (pending->next > time)
            continue;
        if (look_at_event(daemon, &pending->seen) > 0 || ++pending->tries == ELEMENTS(retry_delays))
            pending_drop(daemon, i);
        else
            pending->next = time + retry_delays[pending->tries];
    }
    pending_set_timer(daemon);
    daemon_settle(daemon);
    return 0;
}

/* A network namespace of a container is not this host's: what is published is (KERNEL.md 28). */
static bool is_elsewhere(const Daemon *daemon, const WitnessedEvent *seen) {
    const Witnessed *witnessed = seen->witness;
    return witnessed && witnessed->netns != 0 && daemon->netns.inode != 0 &&
           witnessed->netns != daemon->netns.inode;
}

static Endpoint event_endpoint(const StateEvent *event) {
    return (Endpoint){.proto = event->proto, .port = event->port, .address = event->address};
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

    if (!witnessed || witnessed->netns == 0 || closed->port == 0) {
        daemon->n_unseen++;
        return;
    }
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

static void on_listen(Daemon *daemon, const WitnessedEvent *seen) {
    if (is_elsewhere(daemon, seen)) {
        witnessed_free(seen->witness);
        return;
    }
    if (look_at_event(daemon, seen) > 0)
        witnessed_free(seen->witness);
    else
        pending_add(daemon, seen);
}

static void on_close(Daemon *daemon, const StateEvent *event) {
    Endpoint endpoint = event_endpoint(event);

    for (size_t i = 0; i < daemon->n_pending; i++)
        if (daemon->pending[i].seen.event.sk == event->sk) {
            tell_brief(daemon, &daemon->pending[i].seen, event);
            pending_drop(daemon, i);
            return;
        }
    look_at_close(daemon, &endpoint);
}

static void on_state(const WitnessedEvent *seen, void *userdata) {
    Daemon *daemon = userdata;

    if (seen->event.kind == STATE_EVENT_LISTEN) {
        on_listen(daemon, seen);
    } else {
        on_close(daemon, &seen->event);
        witnessed_free(seen->witness);
    }
    pending_set_timer(daemon);
}

static void on_udp_gone(const Destroyed *destroyed, void *userdata) {
    Daemon *daemon = userdata;
    AuditTime now = daemon_now();
    ledger_close(daemon->ledger, destroyed->cookie, &now);
}

static void reconcile_soon(Daemon *daemon) {
    sd_event_source_set_time(daemon->reconcile_timer, monotonic_now());
    sd_event_source_set_enabled(daemon->reconcile_timer, SD_EVENT_ONESHOT);
}

static void on_links_changed(void *userdata) {
    reconcile_soon(userdata);
}

static void on_lost(SourceId id, void *userdata) {
    (void)id;
    reconcile_soon(userdata);
}

static void on_status(SourceId id, const SourceStatus *status, void *userdata) {
    tell_source(userdata, id, status);
}

static int on_sources(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    Daemon *daemon = userdata;

    (void)source, (void)fd, (void)revents;
    int r = sources_dispatch(daemon->sources);
    daemon_settle(daemon);
    return r < 0 && r != -ENOMEM ? r : 0;
}

/* After a dump that lacked something, or had more than the ledger could take, the next comes soon.
 */
static usec_t next_reconcile(const Daemon *daemon) {
    LedgerStats stats;
    ledger_stats(daemon->ledger, &stats);
    return monotonic_now() + (stats.n_missing > 0 ? CONFIRM_DELAY : RECONCILE_PERIOD);
}

static int on_reconcile(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;

    (void)time;
    int r = look_at_all(daemon);
    if (r < 0 && r != -ENOMEM)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "the sockets could not be dumped: %s; the next try is in %u s", strerror(-r),
                       (unsigned)(RECONCILE_PERIOD / USEC_PER_SEC));
    sd_event_source_set_time(source, next_reconcile(daemon));
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    daemon_settle(daemon);
    return 0;
}

static int on_poll(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;
    LedgerStats stats;

    (void)time;
    look_at_udp(daemon);
    if (sources_status(daemon->sources, SOURCE_TCP)->quality == SOURCE_MISSING)
        look_at_all(daemon);
    ledger_stats(daemon->ledger, &stats);
    sd_event_source_set_time(
        source, monotonic_now() +
                    (stats.n_missing > 0 ? CONFIRM_DELAY : policy_settings(daemon->policy)->poll));
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    daemon_settle(daemon);
    return 0;
}

static SourcePeriods periods(const Daemon *daemon) {
    return (SourcePeriods){policy_settings(daemon->policy)->poll, RECONCILE_PERIOD};
}

int events_open(Daemon *daemon) {
    const SourcesConfig config = {
        .proc_fd = daemon->machine.proc_fd,
        .sys_fd = daemon->machine.sys_fd,
        .tracefs_fd = -1,
        .periods = periods(daemon),
        .witness = {take_witness, release_witness, &daemon->machine},
        .handlers = {on_state, on_udp_gone, on_links_changed, on_lost, on_status, daemon},
    };
    int r = sources_open(&config, &daemon->sources);
    if (r < 0)
        return r;
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        if (sources_status(daemon->sources, id)->quality != SOURCE_FULL)
            tell_source(daemon, id, sources_status(daemon->sources, id));
    return sd_event_add_io(daemon->loop, NULL, sources_fd(daemon->sources), EPOLLIN, on_sources,
                           daemon);
}

void events_close(Daemon *daemon) {
    while (daemon->n_pending > 0)
        pending_drop(daemon, 0);
    (void)sources_close(daemon->sources);
    daemon->sources = NULL;
}

void events_set_poll(Daemon *daemon) {
    const SourcePeriods now = periods(daemon);
    if (!daemon->sources)
        return;
    sources_set_periods(daemon->sources, &now);
    sd_event_source_set_time(daemon->poll_timer, monotonic_now() + now.poll);
}

/* The accuracy lets the kernel wake up for several timers at once. */
static int add_timer(Daemon *daemon, usec_t when, usec_t accuracy, sd_event_time_handler_t handler,
                     sd_event_source **ret) {
    return sd_event_add_time(daemon->loop, ret, CLOCK_MONOTONIC, when, accuracy, handler, daemon);
}

int events_start_polls(Daemon *daemon) {
    usec_t now = monotonic_now();
    int r = add_timer(daemon, now + policy_settings(daemon->policy)->poll, USEC_PER_SEC / 10,
                      on_poll, &daemon->poll_timer);
    if (r >= 0)
        r = add_timer(daemon, now + RECONCILE_PERIOD, USEC_PER_SEC, on_reconcile,
                      &daemon->reconcile_timer);
    if (r >= 0)
        r = add_timer(daemon, now, 100, on_pending, &daemon->pending_timer);
    if (r >= 0)
        r = sd_event_source_set_enabled(daemon->pending_timer, SD_EVENT_OFF);
    return r;
}
