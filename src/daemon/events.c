/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "owner/caller_owner.h"
#include "util/cleanup.h"

/* After an event that only a dump of everything can serve, others are waited for a little. */
#define SWEEP_DELAY 5000
/* That dump takes at most a twentieth of a core, however it is asked for. */
#define RECONCILE_SHARE 20

/* --- the dump of everything ----------------------------------------------------------------------
 */

static void set_reconcile(Daemon *daemon, usec_t when, usec_t accuracy) {
    daemon->reconcile_at = when;
    sd_event_source_set_time(daemon->reconcile_timer, when);
    sd_event_source_set_time_accuracy(daemon->reconcile_timer, accuracy);
    sd_event_source_set_enabled(daemon->reconcile_timer, SD_EVENT_ONESHOT);
}

/* When the next one may be: a user can ask for them as fast as the machine can. */
static usec_t earliest_reconcile(const Daemon *daemon, usec_t delay) {
    usec_t when = monotonic_now() + delay;
    return when > daemon->reconcile_not_before ? when : daemon->reconcile_not_before;
}

void reconcile_in(Daemon *daemon, usec_t delay) {
    usec_t when = earliest_reconcile(daemon, delay);
    if (when < daemon->reconcile_at)
        set_reconcile(daemon, when, 1);
}

void reconcile_soon(Daemon *daemon) {
    reconcile_in(daemon, SWEEP_DELAY);
}

/* After a dump that lacked something the next comes soon. */
static void reconcile_next(Daemon *daemon) {
    LedgerStats stats;
    ledger_stats(daemon->ledger, &stats);
    bool again = stats.n_missing > 0;
    set_reconcile(daemon, earliest_reconcile(daemon, again ? CONFIRM_DELAY : RECONCILE_PERIOD),
                  again ? CONFIRM_DELAY : USEC_PER_SEC);
}

static int on_reconcile(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;
    usec_t begun = monotonic_now(), cpu = thread_cpu_now();

    (void)source, (void)time;
    /* The records come first: they name processes that may have exited. */
    sources_read(daemon->sources);
    int r = look_at_all(daemon);
    events_forget_waiting(daemon);
    rules_renew_machine(daemon);
    exes_settle(daemon);
    if (r >= 0)
        daemon->reconciled = begun;
    daemon->reconcile_not_before =
        monotonic_now() + (thread_cpu_now() - cpu) * (RECONCILE_SHARE - 1);
    reconcile_next(daemon);
    events_looked(daemon, r);
    daemon_settle(daemon);
    return 0;
}

/* --- events of the sources -----------------------------------------------------------------------
 */

/*
 * A socket whose endpoint is not in the record: listen() without bind() chooses a port after
 * it, and SCTP has several addresses. The dump of everything shows it; its owner is kept until
 * then.
 */
static void wait_for_dump(Daemon *daemon, uint64_t cookie, Owner *owner) {
    Waiting *waiting = &daemon->waiting[daemon->next_waiting++ % WAITING_MAX];
    owner_unref(waiting->owner);
    *waiting = (Waiting){cookie, owner_ref(owner)};
    reconcile_soon(daemon);
}

Owner *events_owner(const Daemon *daemon, uint64_t cookie) {
    for (size_t i = 0; i < WAITING_MAX; i++)
        if (daemon->waiting[i].owner && daemon->waiting[i].cookie == cookie)
            return daemon->waiting[i].owner;
    return NULL;
}

/* Returns whether a dump found the listener first. Its processes may then be incomplete. */
static bool is_complete(const Daemon *daemon, uint64_t cookie) {
    const Owner *owner = ledger_owner(daemon->ledger, cookie);
    return owner && owner->n_holders > 0;
}

static void on_bound(Daemon *daemon, KernelEvent *event) {
    _cleanup_(owner_cleanup) Owner *owner = NULL;
    Listener *listener = &event->listener;

    if (is_complete(daemon, listener->cookie))
        return;
    AuditTime now = daemon_now();
    usec_t age = now.boottime > event->time ? now.boottime - event->time : 0;
    int r = owner_of_caller(&daemon->machine.sources, &event->caller, now.realtime - age, &owner);
    if (r >= 0) {
        if (listener->endpoint.port == 0 || listener->endpoint.proto == PROTO_SCTP) {
            wait_for_dump(daemon, listener->cookie, owner);
            return;
        }
        r = look_at_bound(daemon, listener, owner);
    }
    if (r < 0)
        events_look_again(daemon);
}

static void on_close(Daemon *daemon, const KernelEvent *event) {
    AuditTime now = daemon_now();
    ledger_set_closed_at(daemon->ledger, event->time);
    ledger_close(daemon->ledger, event->listener.cookie, &now);
    ledger_set_closed_at(daemon->ledger, 0);
}

static void on_socket(KernelEvent *event, void *userdata) {
    Daemon *daemon = userdata;

    switch (event->kind) {
    case RECORD_LISTEN:
    case RECORD_BIND:
        on_bound(daemon, event);
        break;
    case RECORD_CLOSE:
        on_close(daemon, event);
        break;
    case RECORD_DROPPED:
        reconcile_soon(daemon);
        break;
    }
}

static void on_udp_gone(const Destroyed *destroyed, void *userdata) {
    Daemon *daemon = userdata;
    AuditTime now = daemon_now();
    ledger_close(daemon->ledger, destroyed->cookie, &now);
}

static void on_links_changed(void *userdata) {
    reconcile_in(userdata, 0);
}

static void on_forwards_changed(void *userdata) {
    nat_rules_read(userdata);
}

static void on_lost(SourceId id, void *userdata) {
    if (id == SOURCE_FORWARDS)
        nat_rules_read(userdata);
    else
        reconcile_in(userdata, 0);
}

static void poll_in(Daemon *daemon, usec_t delay) {
    sd_event_source_set_time(daemon->poll_timer, monotonic_now() + delay);
    sd_event_source_set_enabled(daemon->poll_timer, SD_EVENT_ONESHOT);
}

static void on_status(SourceId id, const SourceStatus *status, void *userdata) {
    Daemon *daemon = userdata;
    tell_source(daemon, id, status);
    if (id == SOURCE_SOCKETS && status->quality != SOURCE_FULL)
        poll_in(daemon, policy_settings(daemon->policy)->poll);
}

static void on_done(void *userdata) {
    daemon_settle(userdata);
}

static int on_poll(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;
    usec_t cpu = thread_cpu_now();
    LedgerStats stats;

    (void)source, (void)time;
    SourceQuality quality = sources_status(daemon->sources, SOURCE_SOCKETS)->quality;
    if (quality == SOURCE_FULL) /* nothing is polled: the timer stays off */
        return 0;
    int r = quality == SOURCE_LIMITED ? look_at_udp(daemon) : look_at_all(daemon);
    if (r < 0 && r != -EAGAIN)
        events_look_again(daemon);
    ledger_stats(daemon->ledger, &stats);
    usec_t delay = stats.n_missing > 0 ? CONFIRM_DELAY : policy_settings(daemon->policy)->poll;
    usec_t rest = (thread_cpu_now() - cpu) * (RECONCILE_SHARE - 1);
    poll_in(daemon, delay > rest ? delay : rest);
    daemon_settle(daemon);
    return 0;
}

static SourcePeriods periods(const Daemon *daemon) {
    return (SourcePeriods){policy_settings(daemon->policy)->poll, RECONCILE_PERIOD};
}

int events_open(Daemon *daemon) {
    const KernelHandles *passed = passed_program(daemon->passed);
    const SourcesConfig config = {
        .loop = daemon->loop,
        .sys_fd = daemon->machine.sys_fd,
        .cgroup_fd = daemon->machine.sources.cgroup_fd,
        .netns = daemon->netns.inode,
        .handles = daemon->handles,
        .program = passed,
        .failure = passed ? passed_failure(daemon->passed) : NULL,
        .periods = periods(daemon),
        .handlers = {on_socket, on_udp_gone, on_links_changed, on_forwards_changed, on_lost,
                     on_status, on_done, daemon},
    };
    int r = sources_open(&config, &daemon->sources);
    if (r < 0)
        return r;
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        if (sources_status(daemon->sources, id)->quality != SOURCE_FULL)
            tell_source(daemon, id, sources_status(daemon->sources, id));
    return 0;
}

void events_read_left(Daemon *daemon) {
    passed_take_left(daemon->passed, on_socket, daemon);
}

void events_forget_waiting(Daemon *daemon) {
    for (size_t i = 0; i < WAITING_MAX; i++) {
        owner_unref(daemon->waiting[i].owner);
        daemon->waiting[i] = (Waiting){};
    }
}

void events_close(Daemon *daemon) {
    events_forget_waiting(daemon);
    daemon->sources = sources_close(daemon->sources);
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
    daemon->reconcile_at = now + RECONCILE_PERIOD;
    if (r >= 0)
        r = add_timer(daemon, daemon->reconcile_at, USEC_PER_SEC, on_reconcile,
                      &daemon->reconcile_timer);
    return r;
}
