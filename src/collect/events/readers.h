/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who reads the rings of the tracepoint. A listener may be gone after a millisecond, and its
 * process with it, so somebody must look at the process at once: one thread a CPU, pinned,
 * SCHED_FIFO 1, finds it always; a reader of normal priority in two cases of three (KERNEL.md 22).
 * Where SCHED_FIFO is not granted there are no threads: the event loop reads the rings itself.
 *
 * All functions but the witness are for one thread, the event loop's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/events/event_handles.h"
#include "collect/events/event_queue.h"
#include "collect/events/tracepoint.h"

/* Events a CPU that wait for the loop; beyond it they count as lost. */
#define READER_QUEUE_SIZE 1024

/* So long may a reader take to stop; it may be in the middle of a look at /proc. */
#define READERS_STOP_MSEC 100

/*
 * Looks at the process that calls listen(). It is called from the readers' threads, several at
 * once, before everything of normal priority on its CPU: it must take little time (some 10 µs),
 * wait for nothing, hold no lock, and not depend on the loop. The process may be gone already.
 */
typedef struct Witness {
    /* Returns 0 with a new record in *ret, or a negative errno: -ESRCH, … */
    int (*take)(const StateEvent *event, void *context, void **ret);
    /* Releases a record that nobody took. */
    void (*release)(void *record, void *context);
    void *context; /* must outlive the readers, and is shared by all threads */
} Witness;

typedef struct ReadersConfig {
    TracepointFormat format;
    Witness witness;      /* .take NULL: nobody looks */
    EventHandles *events; /* NULL: opens its own; must outlive the readers */
    size_t ring_pages;    /* 0: TRACE_RING_PAGES */
    bool no_threads;      /* leave the rings to the loop, whatever is granted */
    bool no_cgroups;      /* cgroup ids in samples are not those of cgroup v2: leave them out */
} ReadersConfig;

typedef struct Readers Readers;

/* What the readers are like. */
typedef struct ReadersState {
    size_t n_rings;
    size_t n_threads;     /* rings with a thread of SCHED_FIFO; the others are the loop's */
    int no_thread_reason; /* of the first that has none: 0 (not wanted) or a negative errno */
    bool counts_lost;     /* the kernel counts what it lost (6.0) */
    bool tells_cgroups;   /* events carry cgroup ids (5.7) */
} ReadersState;

/* Opens no ring yet. Returns 0 or a negative errno. */
int readers_open(const ReadersConfig *config, Readers **ret);

/*
 * Stops all within READERS_STOP_MSEC and releases what nobody took. Returns 0, or -EBUSY when a
 * thread was stuck in the witness: it is left behind with what it uses, and the witness's context
 * must stay. Takes NULL.
 */
int readers_close(Readers *readers);

/*
 * Makes the rings those of the CPUs in cpus[0..n), ascending: opens what is new, closes what went.
 * A CPU that went offline meanwhile is passed over. Returns 1 when something changed (events may
 * have been missed: dump everything), 0, or the negative errno of the first that could not be
 * opened; the others are there.
 */
int readers_set_cpus(Readers *readers, const unsigned *cpus, size_t n);

/* Closes the rings that no longer count (see trace_ring_is_alive()), to be set up again by
 * readers_set_cpus(). Returns how many. Not more often than every second or so. */
size_t readers_drop_dead(Readers *readers);
/* Closes all: after a suspend. */
void readers_drop_all(Readers *readers);

/* Readable when readers_dispatch() has something to do. Owned by the readers. */
int readers_fd(const Readers *readers);

/* Reads a bounded number of records of the rings that have no thread, and clears the fd. */
void readers_dispatch(Readers *readers);

/*
 * The oldest event that waits; its witness is the caller's. Returns 1, or 0 when none does. Between
 * CPUs the order may be broken where a close overtakes the listen that a reader still looks
 * at: `time` tells the truth.
 */
int readers_next(Readers *readers, WitnessedEvent *ret);

/* To be called by who leaves events waiting: the fd becomes readable again if there are any. */
void readers_rearm(Readers *readers);

/* How many events were lost since it was last asked: by the kernel, here, or as malformed. */
uint64_t readers_take_lost(Readers *readers);

ReadersState readers_state(const Readers *readers);

static inline void readers_cleanup(Readers **readers) {
    (void)readers_close(*readers);
}
#define _cleanup_readers_ _cleanup_(readers_cleanup)
