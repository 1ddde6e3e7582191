/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collect/events/link_events.h"
#include "collect/events/ring.h"
#include "collect/events/ruleset_events.h"
#include "collect/small_file.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* The number of datagrams that are received from a socket at a time. */
#define BATCH 256

#define NEVER UINT64_MAX

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
    sd_event_source *timer;
    uint64_t timer_at;            /* ms, or NEVER */
    KernelHandles program;        /* in use; */
    KernelHandles loaded;         /* what of it is our own */
    Ring *ring;                   /* NULL: missing, as are negative fds */
    int socket_fds[SOURCE_COUNT]; /* of the sources that are netlink sockets */
    sd_event_source *io[SOURCE_COUNT];
    Coalesced coalesced[COALESCED_COUNT];
    Destroyed destroyed[BATCH]; /* read, not reported yet */
    size_t n_destroyed;
    uint64_t lost;
};

static uint64_t now_msec(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
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

static void set_status(Sources *sources, SourceId id, const SourceStatus *status) {
    SourceStatus *now = &sources->status[id];
    bool same = now->quality == status->quality && strcmp(now->why, status->why) == 0;

    *now = *status;
    if (!same && sources->opened)
        sources->config.handlers.status(id, now, sources->config.handlers.data);
}

static void retry_later(Sources *sources, SourceId id) {
    uint64_t *after = &sources->retry_after[id];

    sources->retry_at[id] = now_msec() + *after;
    *after = *after * 2 < SOURCES_RETRY_SECONDS_MAX * 1000 ? *after * 2
                                                           : SOURCES_RETRY_SECONDS_MAX * 1000;
}

static void set_missing(Sources *sources, SourceId id, SourceStep step, int error) {
    SourceStatus status;
    source_status_failed(id, step, error, &sources->config.periods, &status);
    set_status(sources, id, &status);
    retry_later(sources, id);
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

/* Calls `handler` when the fd of the source is readable. */
static int watch(Sources *sources, SourceId id, int fd, sd_event_io_handler_t handler) {
    return sd_event_add_io(sources->config.loop, &sources->io[id], fd, EPOLLIN, handler, sources);
}

/* Must be called before the fd of the source is closed. */
static void unwatch(Sources *sources, SourceId id) {
    sources->io[id] = sd_event_source_disable_unref(sources->io[id]);
}

static int on_ring(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* --- the program in the kernel -------------------------------------------------------------------
 */

static void no_program(Sources *sources, const KernelFailure *failure) {
    SourceStatus status;
    source_status_no_program(failure, is_locked_down(sources), &sources->config.periods, &status);
    set_status(sources, SOURCE_SOCKETS, &status);
}

static void close_ring(Sources *sources) {
    unwatch(sources, SOURCE_SOCKETS);
    sources->ring = ring_close(sources->ring);
    kernel_handles_close(&sources->loaded);
}

static int open_ring(Sources *sources) {
    const KernelHandles *program = &sources->program;
    int r = ring_open(program->fds[KERNEL_RING], program->fds[KERNEL_DROPPED], &sources->ring);
    return r < 0 ? r : watch(sources, SOURCE_SOCKETS, program->fds[KERNEL_RING], on_ring);
}

/* Takes what was passed, or loads it. `failure` says what is missing. */
static int get_program(Sources *sources, KernelFailure *failure) {
    const SourcesConfig *config = &sources->config;

    *failure = (KernelFailure){};
    if (config->failure)
        *failure = *config->failure;
    if (config->program) {
        sources->program = *config->program;
        return kernel_handles_work(config->program) ? 0 : failure->error ?: -ENOENT;
    }
    int r =
        kernel_open_events((uint32_t)config->netns, config->cgroup_fd, &sources->loaded, failure);
    sources->program = sources->loaded;
    return r;
}

static void try_program(Sources *sources) {
    KernelFailure failure;
    int r = get_program(sources, &failure);
    if (r < 0) {
        no_program(sources, &failure);
        if (sources->config.program) /* no other will be passed */
            sources->retry_at[SOURCE_SOCKETS] = NEVER;
        else
            retry_later(sources, SOURCE_SOCKETS);
        return;
    }
    r = open_ring(sources);
    if (r < 0) {
        close_ring(sources);
        set_missing(sources, SOURCE_SOCKETS, STEP_MAP, r);
        return;
    }
    set_present(sources, SOURCE_SOCKETS);
    if (failure.error < 0)
        no_program(sources, &failure);
    tell_lost(sources, SOURCE_SOCKETS);
}

/* Where the records of one read go. */
typedef struct RingReader {
    void (*socket)(KernelEvent *event, void *data);
    void *data;
    unsigned n_bad; /* records that could not be used */
} RingReader;

static int take_record(const void *record, size_t size, void *data) {
    RingReader *reader = data;
    KernelEvent event;
    int r = kernel_event_parse(record, size, &event);

    if (r > 0) {
        reader->socket(&event, reader->data);
        caller_done(&event.caller);
    }
    reader->n_bad += r < 0;
    return 0;
}

/*
 * All that there is: a UDP socket's end, which another source reports, must not come before its
 * begin. What comes meanwhile is for the next time.
 */
static void dispatch_ring(Sources *sources) {
    RingReader reader = {sources->config.handlers.socket, sources->config.handlers.data, 0};

    if (!sources->ring)
        return;
    int r = ring_read(sources->ring, take_record, &reader);
    uint64_t lost = ring_take_dropped(sources->ring) + reader.n_bad;
    sources->lost += lost;
    if (r < 0) {
        close_ring(sources);
        set_missing(sources, SOURCE_SOCKETS, STEP_READ, r);
    }
    if (lost > 0 || r < 0)
        tell_lost(sources, SOURCE_SOCKETS);
}

int sources_read_left(const KernelHandles *program, void (*socket)(KernelEvent *event, void *data),
                      void *data) {
    RingReader reader = {socket, data, 0};
    Ring *ring;

    int r = ring_open(program->fds[KERNEL_RING], program->fds[KERNEL_DROPPED], &ring);
    if (r < 0)
        return r;
    r = ring_read(ring, take_record, &reader);
    ring_close(ring);
    return r;
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
        r = watch(sources, id, fd, on_socket);
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
    unwatch(sources, id);
    close(sources->socket_fds[id]);
    sources->socket_fds[id] = -1;
    set_missing(sources, id, STEP_READ, error);
    tell_lost(sources, id);
}

static void take_destroyed(const Destroyed *destroyed, void *data) {
    Sources *sources = data;
    if (sources->n_destroyed < BATCH)
        sources->destroyed[sources->n_destroyed++] = *destroyed;
}

static void read_destroyed(Sources *sources) {
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

static void tell_destroyed(Sources *sources) {
    for (size_t i = 0; i < sources->n_destroyed; i++)
        sources->config.handlers.udp_gone(&sources->destroyed[i], sources->config.handlers.data);
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
    uint64_t next = NEVER;
    for (size_t i = 0; i < COALESCED_COUNT; i++)
        if (sources->coalesced[i].at < next)
            next = sources->coalesced[i].at;
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        if (sources->retry_at[id] < next)
            next = sources->retry_at[id];

    if (next == sources->timer_at)
        return;
    sources->timer_at = next;
    (void)sd_event_source_set_time(sources->timer, next == NEVER ? UINT64_MAX : next * 1000);
    (void)sd_event_source_set_enabled(sources->timer,
                                      next == NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void dispatch_timer(Sources *sources) {
    uint64_t now = now_msec();

    for (size_t i = 0; i < COALESCED_COUNT; i++)
        if (now >= sources->coalesced[i].at)
            report_changed(sources, &sources->coalesced[i]);
    for (SourceId id = 0; id < SOURCE_COUNT; id++) {
        if (now < sources->retry_at[id])
            continue;
        if (id == SOURCE_SOCKETS)
            try_program(sources);
        else
            try_socket(sources, id);
    }
}

/* --- the whole -----------------------------------------------------------------------------------
 */

void sources_read(Sources *sources) {
    /* Read closed UDP sockets before the records of new ones, and report them afterwards, so that
     * no socket is reported as closed before it is known. */
    sources->n_destroyed = 0;
    read_destroyed(sources);
    dispatch_ring(sources);
    tell_destroyed(sources);
}

static int end_round(Sources *sources) {
    arm_timer(sources);
    sources->config.handlers.done(sources->config.handlers.data);
    return 0;
}

static int on_ring(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    Sources *sources = userdata;

    (void)source, (void)fd, (void)revents;
    dispatch_ring(sources);
    return end_round(sources);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    Sources *sources = userdata;

    (void)source, (void)revents;
    if (fd == sources->socket_fds[SOURCE_UDP_GONE])
        sources_read(sources);
    for (size_t i = 0; i < COALESCED_COUNT; i++)
        if (fd == sources->socket_fds[sources->coalesced[i].id])
            dispatch_coalesced(sources, &sources->coalesced[i]);
    return end_round(sources);
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
    Sources *sources = userdata;

    (void)source, (void)time;
    sources->timer_at = NEVER;
    dispatch_timer(sources);
    return end_round(sources);
}

int sources_open(const SourcesConfig *config, Sources **ret) {
    _cleanup_sources_ Sources *sources = calloc(1, sizeof(*sources));

    if (!sources)
        return -ENOMEM;
    sources->config = *config;
    sources->timer_at = NEVER;
    kernel_handles_init(&sources->program);
    kernel_handles_init(&sources->loaded);
    sources->coalesced[COALESCED_LINKS] =
        (Coalesced){link_events_open, link_events_read, SOURCE_LINKS, SOURCES_LINKS_MSEC, NEVER, 0};
    sources->coalesced[COALESCED_FORWARDS] = (Coalesced){
        ruleset_events_open, ruleset_events_read, SOURCE_FORWARDS, SOURCES_FORWARDS_MSEC, NEVER, 0};
    for (SourceId id = 0; id < SOURCE_COUNT; id++) {
        sources->socket_fds[id] = -1;
        sources->retry_at[id] = NEVER;
        sources->retry_after[id] = SOURCES_RETRY_SECONDS * 1000;
    }

    int r = sd_event_add_time(config->loop, &sources->timer, CLOCK_BOOTTIME, UINT64_MAX, 1,
                              on_timer, sources);
    if (r >= 0)
        r = sd_event_source_set_enabled(sources->timer, SD_EVENT_OFF);
    if (r < 0)
        return r;
    try_program(sources);
    for (SourceId id = SOURCE_UDP_GONE; id < SOURCE_COUNT; id++)
        try_socket(sources, id);
    arm_timer(sources);
    sources->opened = true;
    *ret = TAKE_PTR(sources);
    return 0;
}

Sources *sources_close(Sources *sources) {
    if (!sources)
        return NULL;
    close_ring(sources);
    for (SourceId id = 0; id < SOURCE_COUNT; id++) {
        unwatch(sources, id);
        cleanup_close(&sources->socket_fds[id]);
    }
    sd_event_source_disable_unref(sources->timer);
    free(sources);
    return NULL;
}

void sources_set_periods(Sources *sources, const SourcePeriods *periods) {
    sources->config.periods = *periods;
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        source_status_set_periods(id, periods, &sources->status[id]);
}

const SourceStatus *sources_status(const Sources *sources, SourceId id) {
    return &sources->status[id];
}

uint64_t sources_lost(const Sources *sources) {
    return sources->lost;
}
