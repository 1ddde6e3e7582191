/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One ring with its queue, and its thread where it has one. For readers.c alone. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "collect/events/readers.h"
#include "collect/events/witness_budget.h"

/* Records that are read at once before others get their turn, where the loop reads. */
#define READER_BATCH 64

typedef struct Reader {
    TraceRing *ring;
    EventQueue *queue;
    Witness witness;
    WitnessBudget budget;
    bool threaded;
    bool no_cgroups;
    bool flooded; /* an event was over its share */
    bool more;    /* the loop reads, and has left something in the ring */
    pthread_t thread;
    int wake_fd;          /* eventfd of the loop, a descriptor of our own */
    int stop_fd, done_fd; /* eventfds: to the thread, and from it; -1 without one */
    atomic_bool stopping;
    atomic_bool left; /* by the thread, or by who gave it up: the second releases the reader */
    atomic_uint_fast64_t lost;
} Reader;

/*
 * Opens the ring of `cpu` and, unless config says otherwise, starts its thread. Where that is not
 * granted the reader has none, and *ret_reason says why (a negative errno, or 0: not wanted).
 */
int reader_open(const ReadersConfig *config, unsigned cpu, int wake_fd, Reader **ret,
                int *ret_reason);

/* Tells the thread to stop, waits for nothing. */
void reader_stop(Reader *reader);

/*
 * Waits `patience_msec` at most for the thread, then releases everything, with the witnesses in the
 * queue. Returns how many events were dropped with it, or -EBUSY when the thread was left behind:
 * it does that itself when it comes back.
 */
int reader_close(Reader *reader, int patience_msec);

/* Reads a batch in the calling thread, sets `more`. */
void reader_read(Reader *reader);
