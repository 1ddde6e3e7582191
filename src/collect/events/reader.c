/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

/* The witness reads files into buffers on its stack. */
#define READER_STACK_SIZE (512 * 1024)

/* µs: while events come that are over their share, nobody is woken for each of them. The ring has
 * room for what comes meanwhile a hundred times. */
#define FLOODED_SLEEP 500

static uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void wake_loop(const Reader *reader) {
    /* It fails only when 2^64 wake-ups wait: then the loop is awake. */
    (void)eventfd_write(reader->wake_fd, 1);
}

/* What a program may use of the budget is counted a cgroup; 1 is the root, where cgroup v2 does not
 * hold the processes: there a process stands for the program. */
static uint64_t budget_key(const StateEvent *event) {
    return event->cgroup_id > 1 ? event->cgroup_id : (uint64_t)event->pid << 32;
}

static void take_event(const StateEvent *event, void *data) {
    Reader *reader = data;
    WitnessedEvent witnessed = {.event = *event};

    if (reader->no_cgroups)
        witnessed.event.cgroup_id = 0;
    if (event->kind == STATE_EVENT_LISTEN && reader->witness.take) {
        reader->flooded =
            !witness_budget_take(&reader->budget, budget_key(&witnessed.event), monotonic_ns());
        if (reader->flooded)
            witnessed.witness_error = -EAGAIN;
        else
            witnessed.witness_error =
                reader->witness.take(&witnessed.event, reader->witness.context, &witnessed.witness);
        if (witnessed.witness_error < 0)
            witnessed.witness = NULL;
    }
    if (!event_queue_push(reader->queue, &witnessed)) {
        if (witnessed.witness)
            reader->witness.release(witnessed.witness, reader->witness.context);
        atomic_fetch_add(&reader->lost, 1);
    }
    wake_loop(reader);
}

void reader_read(Reader *reader) {
    TraceRead read;

    int r = trace_ring_read(reader->ring, READER_BATCH, take_event, reader, &read);
    /* An event that can't be asked what it lost may have lost something. */
    uint64_t lost = read.lost + read.n_malformed + (r < 0 ? 1 : 0);
    reader->more = read.more;
    if (lost > 0) {
        atomic_fetch_add(&reader->lost, lost);
        wake_loop(reader);
    }
}

/* Returns how many events were still in the queue. */
static int reader_release(Reader *reader) {
    const WitnessedEvent *left;
    int n_left = 0;

    while (reader->queue && (left = event_queue_peek(reader->queue))) {
        if (left->witness)
            reader->witness.release(left->witness, reader->witness.context);
        event_queue_pop(reader->queue);
        n_left++;
    }
    trace_ring_close(reader->ring);
    event_queue_free(reader->queue);
    cleanup_close(&reader->wake_fd);
    cleanup_close(&reader->stop_fd);
    cleanup_close(&reader->done_fd);
    free(reader);
    return n_left;
}

static void *reader_run(void *data) {
    Reader *reader = data;
    struct pollfd fds[] = {
        {.fd = trace_ring_fd(reader->ring), .events = POLLIN},
        {.fd = reader->stop_fd, .events = POLLIN},
    };

    while (!atomic_load(&reader->stopping)) {
        if (poll(fds, 2, -1) < 0)
            continue; /* EINTR or ENOMEM */
        if (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
            fds[0].fd = -1; /* the CPU went: it would spin */
        /* poll() tells of a record but once: the ring must be emptied (perf_poll()). */
        do
            reader_read(reader);
        while (reader->more && !atomic_load(&reader->stopping));
        if (reader->flooded)
            usleep(FLOODED_SLEEP);
        reader->flooded = false;
    }
    (void)eventfd_write(reader->done_fd, 1);
    if (atomic_exchange(&reader->left, true))
        reader_release(reader);
    return NULL;
}

static int attributes_fill(pthread_attr_t *attributes, unsigned cpu) {
    const struct sched_param priority = {.sched_priority = 1};
    size_t size = CPU_ALLOC_SIZE(cpu + 1);
    cpu_set_t *set = CPU_ALLOC(cpu + 1);

    if (!set)
        return -ENOMEM;
    CPU_ZERO_S(size, set);
    CPU_SET_S(cpu, size, set);
    int r = pthread_attr_setaffinity_np(attributes, size, set);
    CPU_FREE(set);
    if (r == 0)
        r = pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED);
    if (r == 0)
        r = pthread_attr_setschedpolicy(attributes, SCHED_FIFO);
    if (r == 0)
        r = pthread_attr_setschedparam(attributes, &priority);
    if (r == 0)
        r = pthread_attr_setstacksize(attributes, READER_STACK_SIZE);
    return -r;
}

/* pthread_create() fails with EPERM where SCHED_FIFO, with EINVAL where the CPU is not granted. */
static int thread_start(Reader *reader, unsigned cpu) {
    pthread_attr_t attributes;
    sigset_t all, before;

    int r = -pthread_attr_init(&attributes);
    if (r < 0)
        return r;
    r = attributes_fill(&attributes, cpu);
    if (r >= 0) {
        /* Signals are the loop's. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = -pthread_create(&reader->thread, &attributes, reader_run, reader);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    return r;
}

static int reader_start(Reader *reader, unsigned cpu) {
    reader->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    reader->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reader->stop_fd < 0 || reader->done_fd < 0)
        return -errno;
    int r = thread_start(reader, cpu);
    reader->threaded = r >= 0;
    return r;
}

static int open_ring(const ReadersConfig *config, unsigned cpu, size_t pages, TraceRing **ret) {
    TraceFeatures features;
    int fd = config->events ? event_handles_use(config->events, cpu, &features) : -ENOENT;

    if (fd == -ENOENT)
        return trace_ring_open(&config->format, cpu, pages, ret);
    return fd < 0 ? fd : trace_ring_adopt(&config->format, cpu, pages, fd, &features, ret);
}

int reader_open(const ReadersConfig *config, unsigned cpu, int wake_fd, Reader **ret,
                int *ret_reason) {
    size_t pages = config->ring_pages > 0 ? config->ring_pages : TRACE_RING_PAGES;
    Reader *reader = calloc(1, sizeof(*reader));
    int r = 0;

    if (!reader)
        return -ENOMEM;
    reader->witness = config->witness;
    reader->no_cgroups = config->no_cgroups;
    reader->wake_fd = reader->stop_fd = reader->done_fd = -1;
    reader->queue = event_queue_new(READER_QUEUE_SIZE);
    if (!reader->queue)
        r = -ENOMEM;
    if (r >= 0) {
        reader->wake_fd = fcntl(wake_fd, F_DUPFD_CLOEXEC, 0);
        r = reader->wake_fd < 0 ? -errno : 0;
    }
    if (r >= 0)
        r = open_ring(config, cpu, pages, &reader->ring);
    if (r < 0) {
        reader_release(reader);
        return r;
    }
    *ret_reason = config->no_threads ? 0 : reader_start(reader, cpu);
    *ret = reader;
    return 0;
}

void reader_stop(Reader *reader) {
    atomic_store(&reader->stopping, true);
    if (reader->threaded)
        (void)eventfd_write(reader->stop_fd, 1);
}

/* Whether the thread has come back; it is told to stop, and waited for. */
static bool thread_join(Reader *reader, int patience_msec) {
    struct pollfd done = {.fd = reader->done_fd, .events = POLLIN};
    pthread_t thread = reader->thread;
    int r;

    reader_stop(reader);
    do
        r = poll(&done, 1, patience_msec);
    while (r < 0 && errno == EINTR);
    if (r <= 0 && !atomic_exchange(&reader->left, true)) {
        /* It sleeps in the kernel, or in the witness. */
        pthread_detach(thread);
        return false;
    }
    pthread_join(thread, NULL);
    return true;
}

int reader_close(Reader *reader, int patience_msec) {
    if (reader->threaded && !thread_join(reader, patience_msec))
        return -EBUSY;
    return reader_release(reader);
}
