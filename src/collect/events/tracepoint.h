/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tracepoint sock:inet_sock_set_state through perf_event_open(2): one ring a CPU (cpu = -1 is
 * refused), no BPF. It fires in the context of who calls listen() or close(), in every network
 * namespace, for io_uring too (KERNEL.md 18). Needs CAP_PERFMON (or CAP_SYS_ADMIN before 5.8), and
 * CAP_DAC_READ_SEARCH for tracefs, whose directories are root's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/events/state_event.h"

/* Pages of data a ring by default: 256 KiB, about 2,000 records; what is locked stays within the
 * 516 KiB a CPU that kernel.perf_event_mlock_kb grants everyone. */
#define TRACE_RING_PAGES 64

/* Where tracefs is mounted below sysfs, or below debugfs there. Returns a new fd (O_PATH), or a
 * negative errno: -ENOENT, -EACCES. */
int tracefs_open(int sys_fd);

/*
 * Reads the tracepoint's id and field offsets from events/sock/inet_sock_set_state/format below
 * `tracefs_fd`, a directory where tracefs is mounted. Returns 0; -ENOENT where the kernel has no
 * such tracepoint or the directory is no tracefs; -EACCES, -EPERM; -EBADMSG when the file says
 * what we can't use.
 */
int tracepoint_read_format(int tracefs_fd, TracepointFormat *ret);

/* What its event gives beside the rest: cgroup ids (5.7), and the count of what was lost (6.0). */
typedef struct TraceFeatures {
    bool cgroup, lost;
} TraceFeatures;

/* Opens the event of one CPU alone, which counts nothing yet, with all that the kernel can. Returns
 * the fd or a negative errno, as trace_ring_open(). */
int trace_event_open(const TracepointFormat *format, unsigned cpu, TraceFeatures *ret_features);

/* One CPU's ring. Not safe for two threads at once; a ring may be handed from one to another. */
typedef struct TraceRing TraceRing;

/*
 * Opens and starts the ring of one CPU with `pages` (a power of two) pages of data, filtered to
 * what begins or ceases to listen: `newstate==10 || (oldstate==10 && newstate==7)` (KERNEL.md 19).
 * Times are CLOCK_MONOTONIC: perf lets tracepoints have no clock that is not safe in an NMI.
 * Returns 0 or a negative errno: -EACCES and -EPERM where it may not be (capability, seccomp,
 * kernel.perf_event_paranoid), -ENODEV where the CPU is offline, -EDQUOT where
 * kernel.perf_event_mlock_kb is used up.
 */
int trace_ring_open(const TracepointFormat *format, unsigned cpu, size_t pages, TraceRing **ret);
/* The same with an event that trace_event_open() opened, whose fd is taken over in any case. */
int trace_ring_adopt(const TracepointFormat *format, unsigned cpu, size_t pages, int fd,
                     const TraceFeatures *features, TraceRing **ret);
/* Takes NULL, returns NULL. */
TraceRing *trace_ring_close(TraceRing *ring);

/*
 * Readable when a record has come (wakeup_events = 1); owned by the ring. The kernel tells it but
 * once, to whoever polls first: behind an epoll fd that is polled in its turn nothing may be seen
 * any more (perf_poll() exchanges its flag). So empty the ring after each wake-up, and ask the
 * ring, not the poll, whether it has something.
 */
int trace_ring_fd(const TraceRing *ring);
bool trace_ring_has_records(const TraceRing *ring);
unsigned trace_ring_cpu(const TraceRing *ring);

typedef void (*StateEventHandler)(const StateEvent *event, void *data);

typedef struct TraceRead {
    unsigned n_records; /* taken from the ring, of any kind */
    unsigned n_malformed;
    unsigned n_unwanted;   /* samples that are no event: the filter should have kept them out */
    bool more;             /* the budget was used up: call again */
    uint64_t lost;         /* records that the kernel could not write since the last call */
    uint64_t lost_in_ring; /* the same as the ring itself tells (PERF_RECORD_LOST): late, and so
                              only for comparison */
} TraceRead;

/*
 * Hands at most `budget` records to the handler, which may be called with the ring empty, and says
 * what was lost: PERF_RECORD_LOST comes only with the next record, so the event's own counters are
 * read, PERF_FORMAT_LOST (6.0), or before it the count of events less the records that came.
 * Where anything was lost or malformed only a full dump tells the truth. Returns 0 or a negative
 * errno of read(2), with *ret filled but for `lost`.
 */
int trace_ring_read(TraceRing *ring, unsigned budget, StateEventHandler handler, void *data,
                    TraceRead *ret);

/*
 * Whether the event still counts: a CPU that went offline, also for a suspend, takes its events
 * with it, and they do not come back with it. To be asked again only after some milliseconds; the
 * first call says true. It interrupts the CPU: not to be done often.
 */
bool trace_ring_is_alive(TraceRing *ring);

/* Whether the kernel counts what it lost (6.0), and samples cgroup ids (5.7). */
bool trace_ring_counts_lost(const TraceRing *ring);
bool trace_ring_tells_cgroups(const TraceRing *ring);
/* For tests: as if the kernel could not count what it lost. */
void trace_ring_forget_lost_counter(TraceRing *ring);

static inline void trace_ring_cleanup(TraceRing **ring) {
    trace_ring_close(*ring);
}
#define _cleanup_trace_ring_ _cleanup_(trace_ring_cleanup)
