/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "owner/witness.h"

/* After an event that only a dump of everything can serve, others are waited for a little. */
#define SWEEP_DELAY 5000
/* A thread that floods another namespace is asked for its own no oftener than so. */
#define ELSEWHERE_FOR (USEC_PER_SEC / 10)
/* That dump takes at most a twentieth of a core, however it is asked for. */
#define RECONCILE_SHARE 20

/*
 * Whether it began after the event, and so has the pid of one that is gone by now. Its start is
 * told in clock ticks: another that began within the same one can't be told from it.
 */
static bool began_later(const Witnessed *witnessed, const StateEvent *event) {
    long ticks = sysconf(_SC_CLK_TCK);
    usec_t asleep = daemon_now().boottime - monotonic_now(); /* what the event's clock left out */
    return ticks > 0 &&
           witnessed->holder.start * USEC_PER_SEC / (uint64_t)ticks > event->time / 1000 + asleep;
}

static int take_witness(const StateEvent *event, void *context, void **ret) {
    const Machine *machine = context;
    Witnessed *witnessed;
    int r = witness_take(machine->proc_fd, machine->sources.root_fd, (pid_t)event->pid,
                         (pid_t)event->tid, &witnessed);
    if (r < 0)
        return r;
    if (began_later(witnessed, event)) {
        witnessed_free(witnessed);
        return -ESRCH;
    }
    *ret = witnessed;
    return 0;
}

static void release_witness(void *record, void *context) {
    (void)context;
    witnessed_free(record);
}

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
    int r = look_at_all(daemon);
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

/* --- what the sources tell -----------------------------------------------------------------------
 */

/* A network namespace of a container is not this host's: what is published is (KERNEL.md 28). */
static bool is_elsewhere(const Daemon *daemon, uint64_t netns) {
    return netns != 0 && daemon->netns.inode != 0 && netns != daemon->netns.inode;
}

Endpoint event_endpoint(const StateEvent *event) {
    return (Endpoint){.proto = event->proto, .port = event->port, .address = event->address};
}

/*
 * One of so many that nobody looked at its process: only a dump of everything is worth while, and
 * that serves all of them. What a container does in its own namespace leads to none.
 */
static void on_unwitnessed(Daemon *daemon, const StateEvent *event) {
    usec_t now = monotonic_now();

    if (event->tid == daemon->elsewhere_tid && now < daemon->elsewhere_at + ELSEWHERE_FOR)
        return;
    if (daemon->reconcile_at <= earliest_reconcile(daemon, SWEEP_DELAY))
        return;
    if (!is_elsewhere(
            daemon, witness_netns(daemon->machine.proc_fd, (pid_t)event->pid, (pid_t)event->tid))) {
        reconcile_soon(daemon);
        return;
    }
    daemon->elsewhere_tid = event->tid;
    daemon->elsewhere_at = now;
}

static void on_listen(Daemon *daemon, const WitnessedEvent *seen) {
    const Witnessed *witnessed = seen->witness;

    pending_forget(daemon, &seen->event);
    if (seen->witness_error == -EAGAIN) {
        on_unwitnessed(daemon, &seen->event);
        return;
    }
    if (witnessed && is_elsewhere(daemon, witnessed->netns)) {
        witnessed_free(seen->witness);
        return;
    }
    if (pending_was_closed(daemon, seen))
        return;
    int r = look_at_event(daemon, seen, false);
    if (r > 0)
        witnessed_free(seen->witness);
    else
        pending_add(daemon, seen, r == -EAGAIN);
}

/* Closes are not witnessed, but those of other namespaces are at places where nothing is known, or
 * what is known still is. */
static void on_close(Daemon *daemon, const StateEvent *event) {
    pending_close_event(daemon, event);
    /* The look for an earlier event may have found the socket, although its own event is pending.
     */
    int r = look_at_close(daemon, event);
    if (r == -EAGAIN)
        reconcile_soon(daemon);
    else if (r < 0)
        events_look_again(daemon);
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

static void on_links_changed(void *userdata) {
    reconcile_in(userdata, 0);
}

static void on_forwards_changed(void *userdata) {
    reconcile_in(userdata, 0);
}

static void on_lost(SourceId id, void *userdata) {
    (void)id;
    reconcile_in(userdata, 0);
}

static void on_status(SourceId id, const SourceStatus *status, void *userdata) {
    tell_source(userdata, id, status);
}

static int on_sources(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    Daemon *daemon = userdata;

    (void)source, (void)fd, (void)revents;
    int r = sources_dispatch(daemon->sources);
    daemon_settle(daemon);
    if (r == -ESTALE)
        return sd_event_exit(daemon->loop, EXIT_WORN);
    return r < 0 && r != -ENOMEM ? r : 0;
}

static int on_poll(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;
    usec_t cpu = thread_cpu_now();
    LedgerStats stats;

    (void)time;
    int r = look_at_udp(daemon);
    if (r >= 0 && sources_status(daemon->sources, SOURCE_TCP)->quality == SOURCE_MISSING)
        r = look_at_all(daemon);
    if (r < 0 && r != -EAGAIN)
        events_look_again(daemon);
    ledger_stats(daemon->ledger, &stats);
    usec_t delay = stats.n_missing > 0 ? CONFIRM_DELAY : policy_settings(daemon->policy)->poll;
    usec_t rest = (thread_cpu_now() - cpu) * (RECONCILE_SHARE - 1);
    sd_event_source_set_time(source, monotonic_now() + (delay > rest ? delay : rest));
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
        .handles = daemon->handles,
        .events = &daemon->passed_events,
        .periods = periods(daemon),
        .witness = {take_witness, release_witness, &daemon->machine},
        .handlers = {on_state, on_udp_gone, on_links_changed, on_forwards_changed, on_lost,
                     on_status, daemon},
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
    pending_close(daemon);
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
    daemon->reconcile_at = now + RECONCILE_PERIOD;
    if (r >= 0)
        r = add_timer(daemon, daemon->reconcile_at, USEC_PER_SEC, on_reconcile,
                      &daemon->reconcile_timer);
    return r < 0 ? r : pending_open(daemon);
}
