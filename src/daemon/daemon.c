/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include "ctl/print/terminal.h"
#include "util/cleanup.h"
#include "util/escape.h"

AuditTime daemon_now(void) {
    return (AuditTime){.boottime = clock_now(CLOCK_BOOTTIME), .realtime = realtime_now()};
}

/* Enough for a record of all fields at their longest, and what making it takes. */
#define RESERVE_SIZE (256 * 1024)

bool daemon_spend(Daemon *daemon) {
    bool had_it = daemon->reserve;
    free(daemon->reserve);
    daemon->reserve = NULL;
    return had_it;
}

void daemon_save_up(Daemon *daemon) {
    if (!daemon->reserve)
        daemon->reserve = malloc(RESERVE_SIZE);
}

static int say_errno(int error, const char *what) {
    fprintf(stderr, "sockauditd: %s: %s\n", what, strerror(-error));
    return error;
}

void daemon_settle(Daemon *daemon) {
    AuditTime now = daemon_now();
    usec_t next = ledger_next_deadline(daemon->ledger, &now);

    notify_status_soon(daemon);
    daemon_save_up(daemon);
    if (next == USEC_INFINITY) {
        sd_event_source_set_enabled(daemon->ledger_timer, SD_EVENT_OFF);
    } else {
        sd_event_source_set_time(daemon->ledger_timer, next);
        sd_event_source_set_enabled(daemon->ledger_timer, SD_EVENT_ONESHOT);
    }
    state_save_soon(daemon);
}

static int on_ledger_timer(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;
    AuditTime now = daemon_now();

    (void)source, (void)time;
    ledger_tick(daemon->ledger, &now);
    daemon_settle(daemon);
    return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    Daemon *daemon = userdata;

    (void)source;
    /* Behind the terminal's `^C`, the shell's prompt is to begin a line. */
    if (info->ssi_signo == SIGINT && daemon->options.foreground && isatty(STDOUT_FILENO))
        fputc('\n', stdout);
    return sd_event_exit(daemon->loop, 0);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    Daemon *daemon = userdata;
    _cleanup_free_ char *text = NULL;

    (void)source, (void)info;
    notify_reloading();
    (void)rules_reload(daemon, &text); /* it tells what is wrong itself */
    notify_ready(daemon);
    return 0;
}

/* The wall clock was set: `until` is a date, what it means for a timer is another now. */
static int on_clock_set(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    const struct itimerspec never = {.it_value.tv_sec = (time_t)(USEC_INFINITY / USEC_PER_SEC / 2)};
    uint64_t ticks;

    (void)revents;
    if (read(fd, &ticks, sizeof(ticks)) < 0 && errno == ECANCELED)
        on_ledger_timer(source, 0, userdata);
    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0
               ? -errno
               : 0;
}

static int watch_clock(Daemon *daemon) {
    sd_event_source *source = NULL;
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = sd_event_add_io(daemon->loop, &source, fd, EPOLLIN, on_clock_set, daemon);
    if (r < 0) {
        close(fd);
        return r;
    }
    sd_event_source_set_io_fd_own(source, 1);
    sd_event_source_set_floating(source, 1);
    r = on_clock_set(source, fd, 0, daemon);
    sd_event_source_unref(source);
    return r;
}

/* What its environment says of it may be nonsense, where no service manager made that. */
static int watch_dog(Daemon *daemon) {
    int r = sd_event_set_watchdog(daemon->loop, true);
    if (r != -EINVAL && r != -ERANGE)
        return r;
    (void)say_errno(r, "Ignoring invalid $WATCHDOG_USEC or $WATCHDOG_PID");
    return 0;
}

static int open_loop(Daemon *daemon) {
    sigset_t signals;

    /* Blocked before a thread is started: a helper thread must not receive them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    int r;
    if ((r = -pthread_sigmask(SIG_BLOCK, &signals, NULL)) < 0 ||
        (r = sd_event_default(&daemon->loop)) < 0 ||
        (r = name_helper_new(daemon->loop, &daemon->names)) < 0 ||
        (r = sd_event_add_signal(daemon->loop, NULL, SIGTERM, on_stop, daemon)) < 0 ||
        (r = sd_event_add_signal(daemon->loop, NULL, SIGINT, on_stop, daemon)) < 0 ||
        (r = sd_event_add_signal(daemon->loop, NULL, SIGHUP, on_hangup, daemon)) < 0 ||
        (r = watch_dog(daemon)) < 0 ||
        (r = sd_event_add_time(daemon->loop, &daemon->ledger_timer, CLOCK_BOOTTIME, 0, 10000,
                               on_ledger_timer, daemon)) < 0)
        return r;
    return sd_event_source_set_enabled(daemon->ledger_timer, SD_EVENT_OFF);
}

static int open_rooms(Daemon *daemon) {
    int r = machine_open(&daemon->machine, daemon->handles);
    if (r < 0)
        return r;
    /* Loaded once: else each search would do it. Where it may not be loaded, /proc is walked. */
    daemon->machine.sources.is_service = daemon->passed != NULL;
    if (daemon->passed)
        passed_take_iterators(daemon->passed, &daemon->machine.sources);
    else
        owner_sources_load(&daemon->machine.sources);
    r = collector_open(daemon->machine.proc_fd, daemon->machine.sys_fd, daemon->handles,
                       &daemon->collector);
    if (r >= 0)
        r = lookup_open(daemon->handles, &daemon->lookup);
    if (r < 0)
        return r;
    daemon->all = snapshot_new();
    daemon->some = snapshot_new();
    if (!daemon->all || !daemon->some)
        return -ENOMEM;
    /* Once before there is a ledger: it has to know of which namespace it is. */
    r = collector_snapshot(daemon->collector, daemon->all);
    daemon->netns = daemon->all->netns;
    return r;
}

static int open_ledger(Daemon *daemon) {
    AuditTime now = daemon_now();
    payers_load(daemon);
    const LedgerConfig config = {
        .netns = daemon->netns,
        .judge = &daemon->judge->judge,
        .sink = tell_change,
        .sink_userdata = daemon,
        .payer = payer_of,
        .payer_userdata = daemon,
    };
    return ledger_new(&config, &now, &daemon->ledger);
}

static int open_foreground(Daemon *daemon) {
    int r = greet_watch_reader(daemon);
    if (r >= 0 && !daemon->options.json)
        r = greet(daemon);
    return r < 0 ? say_errno(r, "Failed to write to standard output") : 0;
}

/* The sources come before the first look: what begins to listen between is told twice, not never.
 */
static int open_all(Daemon *daemon) {
    /* Before anything is opened: what is told to be passed, and is not, would be that. */
    int r = passed_receive(&daemon->passed);
    if (r < 0)
        return say_errno(r, "Failed to receive all sockets of the fd store");
    daemon->handles = passed_sockets(daemon->passed);
    r = open_loop(daemon);
    if (r < 0)
        return say_errno(r, "Failed to create the event loop");
    r = open_rooms(daemon);
    if (r < 0)
        return say_errno(r, "Failed to read the sockets of this machine");
    if (daemon->options.foreground) {
        Terminal terminal = terminal_look();
        daemon->look = (LineLook){.colour = terminal.colour, .utf8 = terminal.utf8};
    } else {
        r = journal_new("/run/systemd/journal/socket", &daemon->journal);
        if (r < 0)
            return say_errno(r, "Failed to connect to the journal");
    }
    r = rules_open(daemon);
    if (r < 0)
        return say_errno(r, "Failed to load rules");
    r = open_ledger(daemon);
    if (r < 0)
        return say_errno(r, "Failed to create the ledger");
    /* Before anything is written: another one may run already. Nobody is served before the loop. */
    r = serve_open(daemon);
    if (r < 0)
        return r;
    state_open(daemon);
    r = events_start_polls(daemon);
    if (r >= 0)
        r = events_open(daemon);
    if (r < 0)
        return say_errno(r, "Failed to subscribe to kernel events");
    r = nat_rules_open(daemon);
    if (r < 0)
        return say_errno(r, "Failed to prepare reading the NAT rules");
    r = look_at_all(daemon);
    if (r < 0)
        return say_errno(r, "Failed to read the sockets of this machine");
    AuditTime now = daemon_now();
    ledger_assume_settled(daemon->ledger, &now);
    events_read_left(daemon);
    events_looked(daemon, r);
    r = watch_clock(daemon);
    if (r < 0)
        return say_errno(r, "Failed to watch the clock");
    return daemon->options.foreground ? open_foreground(daemon) : 0;
}

int daemon_new(const DaemonOptions *options, Daemon **ret) {
    _cleanup_daemon_ Daemon *daemon = calloc(1, sizeof(*daemon));
    if (!daemon)
        return say_errno(-ENOMEM, "Failed to start");
    daemon->options = *options;
    daemon->state_fd = daemon->state_log_fd = -1;
    daemon->retry_unknown = 3;
    daemon->unsure_since = UNSURE_NONE;
    daemon->started = realtime_now();
    daemon->started_monotonic = monotonic_now();
    daemon_save_up(daemon);
    int r = open_all(daemon);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(daemon);
    return 0;
}

int daemon_run(Daemon *daemon) {
    daemon_settle(daemon);
    notify_ready(daemon);
    int r = sd_event_loop(daemon->loop);
    notify_stopping();
    return r < 0 ? say_errno(r, "Event loop failed") : r;
}

Daemon *daemon_free(Daemon *daemon) {
    if (!daemon)
        return NULL;
    daemon->bus = bus_server_free(daemon->bus);
    events_close(daemon);
    daemon->nat_rules = nat_rules_free(daemon->nat_rules);
    if (daemon->ledger)
        state_save_now(daemon);
    sd_event_source_unref(daemon->ledger_timer);
    sd_event_source_unref(daemon->poll_timer);
    sd_event_source_unref(daemon->reconcile_timer);
    sd_event_source_unref(daemon->save_timer);
    sd_event_source_unref(daemon->flush_timer);
    sd_event_source_unref(daemon->status_timer);
    ledger_free(daemon->ledger);
    rules_close(daemon);
    subuids_done(&daemon->subuids);
    journal_free(daemon->journal);
    snapshot_free(daemon->all);
    snapshot_free(daemon->some);
    lookup_close(daemon->lookup);
    collector_free(daemon->collector);
    machine_close(&daemon->machine);
    passed_free(daemon->passed);
    cleanup_close(&daemon->state_fd);
    cleanup_close(&daemon->state_log_fd);
    name_helper_free(daemon->names);
    sd_event_unref(daemon->loop);
    free(daemon->reserve);
    free(daemon);
    return NULL;
}
