/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/readers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "collect/events/reader.h"
#include "util/cleanup.h"
#include "util/memory.h"

struct Readers {
    ReadersConfig config;
    Reader **readers; /* by CPU, ascending */
    size_t n_readers, readers_allocated;
    int epoll_fd; /* of wake_fd, and of the rings that have no thread */
    int wake_fd;
    uint64_t lost; /* of rings that are closed */
    int no_thread_reason;
    bool stuck; /* a thread was left behind */
};

static int epoll_add(int epoll_fd, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int readers_open(const ReadersConfig *config, Readers **ret) {
    _cleanup_readers_ Readers *readers = calloc(1, sizeof(*readers));

    if (!readers)
        return -ENOMEM;
    readers->config = *config;
    readers->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    readers->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (readers->wake_fd < 0 || readers->epoll_fd < 0)
        return -errno;
    int r = epoll_add(readers->epoll_fd, readers->wake_fd);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(readers);
    return 0;
}

static int monotonic_msec(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)(now.tv_sec % 1000000 * 1000 + now.tv_nsec / 1000000);
}

/* Closes the reader, whose place in the array is the caller's to mend. */
static void close_one(Readers *readers, Reader *reader, int patience_msec) {
    if (!reader->threaded)
        (void)epoll_ctl(readers->epoll_fd, EPOLL_CTL_DEL, trace_ring_fd(reader->ring), NULL);
    uint64_t lost = atomic_exchange(&reader->lost, 0);
    int n = reader_close(reader, patience_msec);
    if (n < 0)
        readers->stuck = true;
    readers->lost += lost + (n > 0 ? (uint64_t)n : 0);
}

void readers_drop_all(Readers *readers) {
    int deadline = monotonic_msec() + READERS_STOP_MSEC;

    for (size_t i = 0; i < readers->n_readers; i++)
        reader_stop(readers->readers[i]);
    for (size_t i = 0; i < readers->n_readers; i++) {
        int left = deadline - monotonic_msec();
        if (left < 0 || left > READERS_STOP_MSEC)
            left = 0;
        close_one(readers, readers->readers[i], left);
    }
    readers->n_readers = 0;
}

int readers_close(Readers *readers) {
    if (!readers)
        return 0;
    readers_drop_all(readers);
    int r = readers->stuck ? -EBUSY : 0;
    cleanup_close(&readers->epoll_fd);
    cleanup_close(&readers->wake_fd);
    free(readers->readers);
    free(readers);
    return r;
}

static void remove_at(Readers *readers, size_t index) {
    close_one(readers, readers->readers[index], READERS_STOP_MSEC);
    readers->n_readers--;
    memmove(&readers->readers[index], &readers->readers[index + 1],
            (readers->n_readers - index) * sizeof(*readers->readers));
}

/* Opens the reader of a CPU at its place in the array. Returns 0 or a negative errno. */
static int insert_at(Readers *readers, size_t index, unsigned cpu) {
    Reader *reader;
    int reason;

    int r = ARRAY_RESERVE(readers->readers, readers->readers_allocated, readers->n_readers + 1);
    if (r < 0)
        return r;
    r = reader_open(&readers->config, cpu, readers->wake_fd, &reader, &reason);
    if (r < 0)
        return r;
    if (!reader->threaded) {
        r = epoll_add(readers->epoll_fd, trace_ring_fd(reader->ring));
        if (r < 0) {
            (void)reader_close(reader, 0);
            return r;
        }
        if (readers->no_thread_reason == 0)
            readers->no_thread_reason = reason;
    }
    memmove(&readers->readers[index + 1], &readers->readers[index],
            (readers->n_readers - index) * sizeof(*readers->readers));
    readers->readers[index] = reader;
    readers->n_readers++;
    return 0;
}

int readers_set_cpus(Readers *readers, const unsigned *cpus, size_t n) {
    bool changed = false;
    size_t at = 0;
    int error = 0;

    for (size_t i = 0; i < n || at < readers->n_readers;) {
        unsigned here =
            at < readers->n_readers ? trace_ring_cpu(readers->readers[at]->ring) : (unsigned)-1;
        if (i < n && here == cpus[i]) {
            at++;
            i++;
        } else if (i >= n || here < cpus[i]) {
            remove_at(readers, at);
            changed = true;
        } else {
            int r = insert_at(readers, at, cpus[i++]);
            if (r >= 0) {
                at++;
                changed = true;
            } else if (r != -ENODEV && r != -ENXIO && error == 0)
                error = r;
        }
    }
    if (changed) /* what came before the epoll fd knew the ring was told to nobody */
        (void)eventfd_write(readers->wake_fd, 1);
    return error < 0 ? error : changed;
}

size_t readers_drop_dead(Readers *readers) {
    size_t n_dead = 0;

    for (size_t i = readers->n_readers; i > 0; i--)
        if (!trace_ring_is_alive(readers->readers[i - 1]->ring)) {
            remove_at(readers, i - 1);
            n_dead++;
        }
    return n_dead;
}

int readers_fd(const Readers *readers) {
    return readers->epoll_fd;
}

/* A ring whose event has ended would wake us for ever. */
static void forget_ended(const Readers *readers) {
    struct epoll_event events[16];

    int n = epoll_wait(readers->epoll_fd, events, ELEMENTS(events), 0);
    for (int i = 0; i < n; i++)
        if (events[i].events & (EPOLLHUP | EPOLLERR))
            (void)epoll_ctl(readers->epoll_fd, EPOLL_CTL_DEL, events[i].data.fd, NULL);
}

/*
 * A ring's fd tells of a record but once, and may have told it already, when our epoll fd was
 * polled: so the rings themselves are asked, which costs a look at memory each.
 */
void readers_dispatch(Readers *readers) {
    bool more = false;
    eventfd_t ignored;

    (void)eventfd_read(readers->wake_fd, &ignored);
    forget_ended(readers);
    for (size_t i = 0; i < readers->n_readers; i++) {
        Reader *reader = readers->readers[i];
        if (reader->threaded || !trace_ring_has_records(reader->ring))
            continue;
        reader_read(reader);
        more = more || reader->more;
    }
    if (more)
        (void)eventfd_write(readers->wake_fd, 1);
}

int readers_next(Readers *readers, WitnessedEvent *ret) {
    const WitnessedEvent *oldest = NULL;
    EventQueue *queue = NULL;

    for (size_t i = 0; i < readers->n_readers; i++) {
        const WitnessedEvent *event = event_queue_peek(readers->readers[i]->queue);
        if (event && (!oldest || event->event.time < oldest->event.time)) {
            oldest = event;
            queue = readers->readers[i]->queue;
        }
    }
    if (!oldest)
        return 0;
    *ret = *oldest;
    event_queue_pop(queue);
    return 1;
}

void readers_rearm(Readers *readers) {
    for (size_t i = 0; i < readers->n_readers; i++)
        if (event_queue_peek(readers->readers[i]->queue)) {
            (void)eventfd_write(readers->wake_fd, 1);
            return;
        }
}

uint64_t readers_take_lost(Readers *readers) {
    uint64_t lost = readers->lost;

    readers->lost = 0;
    for (size_t i = 0; i < readers->n_readers; i++)
        lost += atomic_exchange(&readers->readers[i]->lost, 0);
    return lost;
}

ReadersState readers_state(const Readers *readers) {
    ReadersState state = {
        .n_rings = readers->n_readers,
        .no_thread_reason = readers->no_thread_reason,
        .counts_lost = readers->n_readers > 0,
        .tells_cgroups = readers->n_readers > 0,
    };
    for (size_t i = 0; i < readers->n_readers; i++) {
        const Reader *reader = readers->readers[i];
        state.n_threads += reader->threaded;
        state.counts_lost = state.counts_lost && trace_ring_counts_lost(reader->ring);
        state.tells_cgroups = state.tells_cgroups && trace_ring_tells_cgroups(reader->ring);
    }
    return state;
}
