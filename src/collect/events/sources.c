/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "collect/events/cpu_list.h"
#include "collect/events/link_events.h"
#include "collect/events/perf_cgroup.h"
#include "collect/events/ruleset_events.h"
#include "collect/small_file.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* A dispatch takes at most so many events, and datagrams a socket. */
#define BATCH 256

#define NEVER UINT64_MAX

/* The entries of the epoll set; the sources are first. */
enum {
    EVENT_TIMER = SOURCE_COUNT,
    EVENT_CLOCK, /* cancelled when the clock is set, and when the machine resumes */
};

/* Changes that are reported without detail: immediately, then at most once per `period`. */
typedef struct Coalesced {
    int (*open)(const NetHandles *handles);
    int (*read)(int fd, unsigned budget, bool *ret_changed);
    SourceId id;
    uint64_t period;       /* ms */
    uint64_t at, reported; /* ms: next report (NEVER: no change), last report */
} Coalesced;

enum { COALESCED_LINKS, COALESCED_FORWARDS, COALESCED_COUNT };

struct Sources {
    SourcesConfig config;
    SourceStatus status[SOURCE_COUNT];
    uint64_t retry_at[SOURCE_COUNT];    /* ms of CLOCK_BOOTTIME, or NEVER */
    uint64_t retry_after[SOURCE_COUNT]; /* ms: the next delay */
    bool opened;                        /* the handlers may be called */
    int epoll_fd, timer_fd, clock_fd;
    Readers *readers;             /* NULL: missing, as are negative fds */
    int socket_fds[SOURCE_COUNT]; /* of the sources that are netlink sockets */
    Coalesced coalesced[COALESCED_COUNT];
    uint64_t check_at; /* ms: when to check the rings */
    uint64_t slept;    /* ms of suspend since boot */
    uint64_t lost;
    bool stuck;
};

static uint64_t clock_msec(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now_msec(void) {
    return clock_msec(CLOCK_BOOTTIME);
}

static uint64_t slept_msec(void) {
    uint64_t monotonic = clock_msec(CLOCK_MONOTONIC), boottime = now_msec();
    return boottime > monotonic ? boottime - monotonic : 0;
}

/* --- status and retries --------------------------------------------------------------------------
 */

static bool is_locked_down(const Sources *sources) {
    _cleanup_free_ char *text = NULL;
    size_t length;
    return small_file_read(sources->config.sys_fd, "kernel/security/lockdown", &text, &length) >=
               0 &&
           lockdown_is_confidential(text);
}

static bool events_are_worn(const Sources *sources) {
    return sources->config.events && sources->config.events->worn;
}

static void set_status(Sources *sources, SourceId id, const SourceStatus *status) {
    SourceStatus *now = &sources->status[id];
    bool same = now->quality == status->quality && strcmp(now->why, status->why) == 0;

    *now = *status;
    /* Used up is not missing: there are others in a moment. */
    if (!same && sources->opened && !events_are_worn(sources))
        sources->config.handlers.status(id, now, sources->config.handlers.data);
}

static void set_failed(Sources *sources, SourceId id, SourceStep step, int error) {
    SourceStatus status;
    source_status_failed(id, step, error, is_locked_down(sources), &sources->config.periods,
                         &status);
    set_status(sources, id, &status);
}

static void set_missing(Sources *sources, SourceId id, SourceStep step, int error) {
    uint64_t *after = &sources->retry_after[id];

    set_failed(sources, id, step, error);
    sources->retry_at[id] = now_msec() + *after;
    *after = *after * 2 < SOURCES_RETRY_SECONDS_MAX * 1000 ? *after * 2
                                                           : SOURCES_RETRY_SECONDS_MAX * 1000;
}

static void set_present(Sources *sources, SourceId id) {
    const SourceStatus full = {.quality = SOURCE_FULL};

    set_status(sources, id, &full);
    sources->retry_at[id] = NEVER;
    sources->retry_after[id] = SOURCES_RETRY_SECONDS * 1000;
}

static void tell_lost(Sources *sources, SourceId id) {
    if (sources->opened)
        sources->config.handlers.lost(id, sources->config.handlers.data);
}

static int watch(Sources *sources, int fd, uint32_t what) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};
    return epoll_ctl(sources->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* --- the tracepoint ------------------------------------------------------------------------------
 */

static int find_tracefs(const Sources *sources) {
    if (sources->config.tracefs_fd < 0)
        return tracefs_open(sources->config.sys_fd);
    int fd = fcntl(sources->config.tracefs_fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static void close_readers(Sources *sources) {
    if (sources->readers) {
        (void)epoll_ctl(sources->epoll_fd, EPOLL_CTL_DEL, readers_fd(sources->readers), NULL);
        sources->lost += readers_take_lost(sources->readers);
        sources->stuck = readers_close(sources->readers) < 0 || sources->stuck;
    }
    sources->readers = NULL;
    sources->check_at = NEVER;
}

/*
 * Makes the rings those of the CPUs that are online, and the status what they are. Returns 1 when
 * events may have been missed, 0, or a negative errno with the step that failed: no ring is there.
 */
static int update_rings(Sources *sources, SourceStep *ret_step) {
    _cleanup_free_ unsigned *cpus = NULL;
    size_t n_cpus;

    *ret_step = STEP_SET_CPUS;
    int r = cpu_list_online(sources->config.sys_fd, &cpus, &n_cpus);
    if (r < 0)
        return r;
    *ret_step = STEP_OPEN_RING;
    r = readers_set_cpus(sources->readers, cpus, n_cpus);
    ReadersState state = readers_state(sources->readers);
    if (state.n_rings == 0)
        return r < 0 ? r : -ENODEV;

    /* Once, as it is: present first and limited then would be told as two changes each time. */
    sources->retry_at[SOURCE_TCP] = NEVER;
    sources->retry_after[SOURCE_TCP] = SOURCES_RETRY_SECONDS * 1000;
    if (r < 0)
        set_failed(sources, SOURCE_TCP, STEP_SOME_CPUS, r);
    else if (state.n_threads < state.n_rings && !sources->config.no_threads)
        set_failed(sources, SOURCE_TCP, STEP_SCHEDULE, state.no_thread_reason);
    else
        set_present(sources, SOURCE_TCP);
    sources->check_at = now_msec() + SOURCES_CHECK_SECONDS * 1000;
    return r != 0;
}

static int open_readers(Sources *sources, SourceStep *ret_step) {
    ReadersConfig config = {
        .witness = sources->config.witness,
        .events = sources->config.events,
        .no_threads = sources->config.no_threads,
        .no_cgroups = !perf_cgroup_is_v2(sources->config.proc_fd),
    };
    _cleanup_close_ int tracefs_fd = -1;

    *ret_step = STEP_FIND_TRACEFS;
    int r = tracefs_fd = find_tracefs(sources);
    if (r < 0)
        return r;
    *ret_step = STEP_READ_FORMAT;
    r = tracepoint_read_format(tracefs_fd, &config.format);
    if (r < 0)
        return r;
    *ret_step = STEP_OPEN_RING;
    r = readers_open(&config, &sources->readers);
    if (r >= 0)
        r = watch(sources, readers_fd(sources->readers), SOURCE_TCP);
    return r < 0 ? r : update_rings(sources, ret_step);
}

static void try_tcp(Sources *sources) {
    SourceStep step;
    int r = open_readers(sources, &step);
    if (r < 0) {
        close_readers(sources);
        set_missing(sources, SOURCE_TCP, step, r);
        return;
    }
    tell_lost(sources, SOURCE_TCP);
}

/* After a suspend the rings of the CPUs that were taken down are dead; and so they are, one by one,
 * after a CPU went and came back. */
static void check_readers(Sources *sources) {
    uint64_t slept = slept_msec();
    bool changed = slept > sources->slept + 10;
    SourceStep step;

    if (!sources->readers)
        return;
    if (changed)
        readers_drop_all(sources->readers);
    else
        changed = readers_drop_dead(sources->readers) > 0;
    sources->slept = slept;
    int r = update_rings(sources, &step);
    if (r < 0) {
        close_readers(sources);
        set_missing(sources, SOURCE_TCP, step, r);
    }
    if (changed || r != 0)
        tell_lost(sources, SOURCE_TCP);
}

static void dispatch_tcp(Sources *sources) {
    WitnessedEvent event;

    if (!sources->readers)
        return;
    readers_dispatch(sources->readers);
    for (int i = 0; i < BATCH; i++) {
        if (readers_next(sources->readers, &event) == 0)
            break;
        sources->config.handlers.state(&event, sources->config.handlers.data);
    }
    readers_rearm(sources->readers);

    uint64_t lost = readers_take_lost(sources->readers);
    sources->lost += lost;
    if (lost > 0)
        tell_lost(sources, SOURCE_TCP);
}

/* --- the netlink sockets -------------------------------------------------------------------------
 */

static int open_socket(const Sources *sources, SourceId id) {
    for (size_t i = 0; i < COALESCED_COUNT; i++)
        if (sources->coalesced[i].id == id)
            return sources->coalesced[i].open(sources->config.handles);
    return destroy_open(sources->config.handles);
}

static void try_socket(Sources *sources, SourceId id) {
    int fd = open_socket(sources, id), r = fd;

    if (fd >= 0) {
        r = watch(sources, fd, id);
        if (r < 0)
            close(fd);
    }
    if (r == -EPROTONOSUPPORT && id == SOURCE_FORWARDS) {
        /* Without nfnetlink, nothing is forwarded until a module is loaded. */
        sources->retry_at[id] = now_msec() + SOURCES_RETRY_SECONDS_MAX * 1000;
        return;
    }
    if (r < 0) {
        set_missing(sources, id, STEP_SOCKET, r);
        return;
    }
    sources->socket_fds[id] = fd;
    set_present(sources, id);
    tell_lost(sources, id);
}

static void socket_broke(Sources *sources, SourceId id, int error) {
    close(sources->socket_fds[id]); /* removes it from the epoll set */
    sources->socket_fds[id] = -1;
    set_missing(sources, id, STEP_READ, error);
    tell_lost(sources, id);
}

static void take_destroyed(const Destroyed *destroyed, void *data) {
    Sources *sources = data;
    sources->config.handlers.udp_gone(destroyed, sources->config.handlers.data);
}

static void dispatch_destroy(Sources *sources) {
    int fd = sources->socket_fds[SOURCE_UDP_GONE];
    if (fd < 0)
        return;
    int r = destroy_read(fd, BATCH, take_destroyed, sources);
    if (r == -ENOBUFS) {
        sources->lost++;
        tell_lost(sources, SOURCE_UDP_GONE);
    } else if (r < 0)
        socket_broke(sources, SOURCE_UDP_GONE, r);
}

static void report_changed(Sources *sources, Coalesced *coalesced) {
    const SourcesHandlers *handlers = &sources->config.handlers;

    coalesced->at = NEVER;
    coalesced->reported = now_msec();
    if (coalesced->id == SOURCE_LINKS)
        handlers->links_changed(handlers->data);
    else
        handlers->forwards_changed(handlers->data);
}

static void dispatch_coalesced(Sources *sources, Coalesced *coalesced) {
    int fd = sources->socket_fds[coalesced->id];
    bool changed = false;

    if (fd < 0)
        return;
    int r = coalesced->read(fd, BATCH, &changed);
    if (r < 0)
        socket_broke(sources, coalesced->id, r);
    else if (changed && coalesced->at == NEVER) {
        if (now_msec() >= coalesced->reported + coalesced->period)
            report_changed(sources, coalesced);
        else
            coalesced->at = coalesced->reported + coalesced->period;
    }
}

/* --- the timer -----------------------------------------------------------------------------------
 */

static void arm_timer(Sources *sources) {
    uint64_t next = sources->check_at;
    for (size_t i = 0; i < COALESCED_COUNT; i++)
        if (sources->coalesced[i].at < next)
            next = sources->coalesced[i].at;
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        if (sources->retry_at[id] < next)
            next = sources->retry_at[id];

    struct itimerspec at = {};
    if (next != NEVER) {
        at.it_value.tv_sec = (time_t)(next / 1000);
        at.it_value.tv_nsec = (long)(next % 1000) * 1000000 + 1; /* zero would disarm it */
    }
    (void)timerfd_settime(sources->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void dispatch_timer(Sources *sources) {
    uint64_t now = now_msec(), ignored;

    (void)!read(sources->timer_fd, &ignored, sizeof(ignored));
    for (size_t i = 0; i < COALESCED_COUNT; i++)
        if (now >= sources->coalesced[i].at)
            report_changed(sources, &sources->coalesced[i]);
    if (now >= sources->check_at)
        check_readers(sources);
    for (SourceId id = 0; id < SOURCE_COUNT; id++) {
        if (now < sources->retry_at[id])
            continue;
        if (id == SOURCE_TCP)
            try_tcp(sources);
        else
            try_socket(sources, id);
    }
}

/* A timer that never ends, cancelled when the clock jumps, as it does after a suspend. */
static void arm_clock(Sources *sources) {
    const struct itimerspec never = {.it_value.tv_sec = (time_t)INT32_MAX};
    (void)timerfd_settime(sources->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
                          NULL);
}

static void dispatch_clock(Sources *sources) {
    uint64_t ignored;

    if (read(sources->clock_fd, &ignored, sizeof(ignored)) < 0 && errno == EAGAIN)
        return;
    arm_clock(sources);
    check_readers(sources);
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static int sources_prepare(Sources *sources) {
    sources->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sources->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    sources->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (sources->epoll_fd < 0 || sources->timer_fd < 0 || sources->clock_fd < 0)
        return -errno;
    int r = watch(sources, sources->timer_fd, EVENT_TIMER);
    return r < 0 ? r : watch(sources, sources->clock_fd, EVENT_CLOCK);
}

int sources_open(const SourcesConfig *config, Sources **ret) {
    _cleanup_sources_ Sources *sources = calloc(1, sizeof(*sources));

    if (!sources)
        return -ENOMEM;
    sources->config = *config;
    sources->epoll_fd = sources->timer_fd = sources->clock_fd = -1;
    sources->coalesced[COALESCED_LINKS] =
        (Coalesced){link_events_open, link_events_read, SOURCE_LINKS, SOURCES_LINKS_MSEC, NEVER, 0};
    sources->coalesced[COALESCED_FORWARDS] = (Coalesced){
        ruleset_events_open, ruleset_events_read, SOURCE_FORWARDS, SOURCES_FORWARDS_MSEC, NEVER, 0};
    sources->check_at = NEVER;
    sources->slept = slept_msec();
    for (SourceId id = 0; id < SOURCE_COUNT; id++) {
        sources->socket_fds[id] = -1;
        sources->retry_at[id] = NEVER;
        sources->retry_after[id] = SOURCES_RETRY_SECONDS * 1000;
    }

    int r = sources_prepare(sources);
    if (r < 0)
        return r;
    arm_clock(sources);
    try_tcp(sources);
    for (SourceId id = SOURCE_UDP_GONE; id < SOURCE_COUNT; id++)
        try_socket(sources, id);
    arm_timer(sources);
    sources->opened = true;
    if (sources->config.events)
        sources->config.events->started = true;
    *ret = TAKE_PTR(sources);
    return 0;
}

int sources_close(Sources *sources) {
    if (!sources)
        return 0;
    close_readers(sources);
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        cleanup_close(&sources->socket_fds[id]);
    cleanup_close(&sources->timer_fd);
    cleanup_close(&sources->clock_fd);
    cleanup_close(&sources->epoll_fd);
    int r = sources->stuck ? -EBUSY : 0;
    free(sources);
    return r;
}

int sources_fd(const Sources *sources) {
    return sources->epoll_fd;
}

int sources_dispatch(Sources *sources) {
    struct epoll_event events[EVENT_CLOCK + 1];

    int n = epoll_wait(sources->epoll_fd, events, ELEMENTS(events), 0);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++)
        switch (events[i].data.u32) {
        case SOURCE_TCP:
            break;
        case SOURCE_UDP_GONE:
            dispatch_destroy(sources);
            break;
        case SOURCE_LINKS:
            dispatch_coalesced(sources, &sources->coalesced[COALESCED_LINKS]);
            break;
        case SOURCE_FORWARDS:
            dispatch_coalesced(sources, &sources->coalesced[COALESCED_FORWARDS]);
            break;
        case EVENT_TIMER:
            dispatch_timer(sources);
            break;
        case EVENT_CLOCK:
            dispatch_clock(sources);
            break;
        }
    /* Always: that a ring has something may have been told to who polled our fd, and to us no more
     * (trace_ring_fd()). It costs a look at memory a ring. */
    dispatch_tcp(sources);
    arm_timer(sources);
    return events_are_worn(sources) ? -ESTALE : 0;
}

void sources_set_periods(Sources *sources, const SourcePeriods *periods) {
    sources->config.periods = *periods;
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        source_status_set_periods(id, periods, &sources->status[id]);
}

const SourceStatus *sources_status(const Sources *sources, SourceId id) {
    return &sources->status[id];
}

ReadersState sources_readers(const Sources *sources) {
    return sources->readers ? readers_state(sources->readers) : (ReadersState){};
}

uint64_t sources_lost(const Sources *sources) {
    return sources->lost;
}
