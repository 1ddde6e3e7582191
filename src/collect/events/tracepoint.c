/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/tracepoint.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "collect/events/perf_ring.h"
#include "collect/small_file.h"
#include "util/cleanup.h"
#include "util/memory.h"

#ifndef TRACEFS_MAGIC
#define TRACEFS_MAGIC 0x74726163
#endif

/* linux/perf_event.h of 5.7 and 6.0: enumerators, which the preprocessor can't see. */
#define SAMPLE_CGROUP (UINT64_C(1) << 21)
#define FORMAT_LOST   (UINT64_C(1) << 4)

/* By KERNEL.md 19: `oldstate==10` alone fires for every accepted connection. */
#define FILTER "newstate==10 || (oldstate==10 && newstate==7)"

/* Our records have 128 bytes; what does not fit here is none of them. */
#define RECORD_MAX 2048

struct TraceRing {
    int fd;
    unsigned cpu;
    SampleLayout layout;
    bool counts_lost;
    struct perf_event_mmap_page *page;
    size_t mapped;         /* bytes */
    size_t size;           /* bytes of data */
    uint64_t n_samples;    /* that came through the ring */
    uint64_t lost;         /* told so far */
    uint64_t time_enabled; /* ns, when it was last asked whether it lives; 0: never */
};

/* What read(2) gives for TOTAL_TIME_ENABLED and FORMAT_LOST. */
typedef struct Counters {
    uint64_t value, time_enabled, lost;
} Counters;

int tracefs_open(int sys_fd) {
    static const char *const places[] = {"kernel/tracing", "kernel/debug/tracing"};
    int error = -ENOENT;

    for (size_t i = 0; i < ELEMENTS(places); i++) {
        _cleanup_close_ int fd = openat(sys_fd, places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statfs status;
        if (fd < 0) {
            if (errno != ENOENT && error == -ENOENT)
                error = -errno;
            continue;
        }
        if (fstatfs(fd, &status) == 0 && status.f_type == TRACEFS_MAGIC)
            return TAKE_FD(fd);
    }
    return error;
}

int tracepoint_read_format(int tracefs_fd, TracepointFormat *ret) {
    _cleanup_free_ char *text = NULL;
    size_t length;

    int r = small_file_read(tracefs_fd, "events/sock/inet_sock_set_state/format", &text, &length);
    return r < 0 ? r : tracepoint_format_parse(text, length, ret);
}

static int event_open(struct perf_event_attr *attr, unsigned cpu) {
    long fd = syscall(SYS_perf_event_open, attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

/*
 * Asks for all that new kernels have first, and takes away what an older one does not know: it
 * answers EINVAL, or EOPNOTSUPP where it was built without.
 */
int trace_event_open(const TracepointFormat *format, unsigned cpu, TraceFeatures *ret_features) {
    static const TraceFeatures tries[] = {
        {true, true}, {true, false}, {false, true}, {false, false}};
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT,
        .size = sizeof(attr),
        .config = format->id,
        .sample_period = 1,
        .wakeup_events = 1,
        .disabled = 1, /* until the filter is set */
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
    };
    int fd = -EINVAL;

    for (size_t i = 0; i < ELEMENTS(tries); i++) {
        attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW;
        attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED;
        if (tries[i].cgroup)
            attr.sample_type |= SAMPLE_CGROUP;
        if (tries[i].lost)
            attr.read_format |= FORMAT_LOST;
        fd = event_open(&attr, cpu);
        if (fd >= 0) {
            *ret_features = tries[i];
            break;
        }
        if (fd != -EINVAL && fd != -EOPNOTSUPP)
            break;
    }
    return fd;
}

int trace_ring_adopt(const TracepointFormat *format, unsigned cpu, size_t pages, int fd,
                     const TraceFeatures *features, TraceRing **ret) {
    _cleanup_trace_ring_ TraceRing *ring = calloc(1, sizeof(*ring));
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

    if (!ring) {
        close(fd);
        return -ENOMEM;
    }
    ring->fd = fd;
    ring->cpu = cpu;
    ring->layout.format = *format;
    ring->layout.cgroup = features->cgroup;
    ring->counts_lost = features->lost;
    if (pages == 0 || (pages & (pages - 1)) != 0)
        return -EINVAL;

    ring->size = pages * page_size;
    void *mapped = mmap(NULL, ring->size + page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) /* EPERM: the memory that may be locked is used up */
        return errno == EPERM ? -EDQUOT : -errno;
    ring->page = mapped;
    ring->mapped = ring->size + page_size;
    if (ioctl(fd, PERF_EVENT_IOC_SET_FILTER, FILTER) < 0 || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
        return -errno;
    *ret = TAKE_PTR(ring);
    return 0;
}

int trace_ring_open(const TracepointFormat *format, unsigned cpu, size_t pages, TraceRing **ret) {
    TraceFeatures features;
    int fd = trace_event_open(format, cpu, &features);
    return fd < 0 ? fd : trace_ring_adopt(format, cpu, pages, fd, &features, ret);
}

TraceRing *trace_ring_close(TraceRing *ring) {
    if (!ring)
        return NULL;
    if (ring->page)
        munmap(ring->page, ring->mapped);
    if (ring->fd >= 0)
        close(ring->fd);
    free(ring);
    return NULL;
}

int trace_ring_fd(const TraceRing *ring) {
    return ring->fd;
}

unsigned trace_ring_cpu(const TraceRing *ring) {
    return ring->cpu;
}

bool trace_ring_counts_lost(const TraceRing *ring) {
    return ring->counts_lost;
}

bool trace_ring_tells_cgroups(const TraceRing *ring) {
    return ring->layout.cgroup;
}

void trace_ring_forget_lost_counter(TraceRing *ring) {
    ring->counts_lost = false;
}

static uint64_t ring_head(const TraceRing *ring) {
    return __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
}

bool trace_ring_has_records(const TraceRing *ring) {
    return ring_head(ring) != __atomic_load_n(&ring->page->data_tail, __ATOMIC_RELAXED);
}

static int read_counters(const TraceRing *ring, Counters *ret) {
    Counters counters = {};
    ssize_t n = read(ring->fd, &counters, sizeof(counters));
    if (n < 0)
        return -errno;
    if ((size_t)n < offsetof(Counters, lost)) /* 0: the event is in an error state */
        return -EIO;
    *ret = counters;
    return 0;
}

/*
 * Called with the ring drained. Where the kernel does not count what it lost: it counts an event
 * before it writes its record, so what was counted and did not come is lost, unless it came
 * since: then there is another wake-up, and we look again.
 */
static int read_lost(TraceRing *ring, uint64_t *ret) {
    Counters counters = {};
    uint64_t lost;

    int r = read_counters(ring, &counters);
    if (r < 0)
        return r;
    if (ring->counts_lost)
        lost = counters.lost;
    else if (trace_ring_has_records(ring))
        return 0;
    else
        lost = counters.value > ring->n_samples ? counters.value - ring->n_samples : 0;

    if (lost > ring->lost)
        *ret += lost - ring->lost;
    ring->lost = lost;
    return 0;
}

static void handle_record(TraceRing *ring, const void *record, size_t length,
                          StateEventHandler handler, void *data, TraceRead *read) {
    const struct perf_event_header *header = record;
    StateEvent event;

    if (header->type == PERF_RECORD_SAMPLE)
        ring->n_samples++;
    int r = state_event_parse(record, length, &ring->layout, &event, &read->lost_in_ring);
    if (r < 0)
        read->n_malformed++;
    else if (r > 0)
        handler(&event, data);
    else if (header->type == PERF_RECORD_SAMPLE)
        read->n_unwanted++;
}

int trace_ring_read(TraceRing *ring, unsigned budget, StateEventHandler handler, void *data,
                    TraceRead *ret) {
    _Alignas(struct perf_event_header) uint8_t record[RECORD_MAX];
    PerfRing view = {
        .data = (const uint8_t *)ring->page + (ring->mapped - ring->size),
        .size = ring->size,
        .tail = ring->page->data_tail, /* written by us alone */
    };
    TraceRead read = {};
    size_t length;

    while (read.n_records < budget) {
        view.head = ring_head(ring);
        int r = perf_ring_next(&view, record, sizeof(record), &length);
        if (r == 0)
            break;
        /* Room for the kernel before the handler, which may take its time, runs. */
        __atomic_store_n(&ring->page->data_tail, view.tail, __ATOMIC_RELEASE);
        read.n_records++;
        if (r < 0)
            read.n_malformed++;
        else
            handle_record(ring, record, length, handler, data, &read);
    }
    read.more = ring_head(ring) != view.tail;

    int r = read.more && !ring->counts_lost ? 0 : read_lost(ring, &read.lost);
    *ret = read;
    return r;
}

bool trace_ring_is_alive(TraceRing *ring) {
    Counters counters = {};

    if (read_counters(ring, &counters) < 0)
        return false;
    bool alive = ring->time_enabled == 0 || counters.time_enabled != ring->time_enabled;
    ring->time_enabled = counters.time_enabled;
    return alive;
}
