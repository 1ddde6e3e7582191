/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded queue from one thread to one other, without locks: a reader that runs with SCHED_FIFO
 * must never wait for the event loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collect/events/state_event.h"

/* An event with what was seen of its process when it came. */
typedef struct WitnessedEvent {
    StateEvent event;
    void *witness;     /* a record of Witness.take, or NULL; whoever takes the event owns it */
    int witness_error; /* why there is none: 0 (not looked for: a close), or a negative errno:
                          -ESRCH for a process that was gone, -EAGAIN for one that was over its
                          share of look-ups */
} WitnessedEvent;

typedef struct EventQueue EventQueue;

/* Room for `size` events, a power of two. Returns NULL when out of memory. */
EventQueue *event_queue_new(size_t size);
/* Takes NULL, returns NULL. The witnesses of events in it are the caller's to release before. */
EventQueue *event_queue_free(EventQueue *queue);

/* By the producer. Returns false when the queue is full: the event is still the caller's. */
bool event_queue_push(EventQueue *queue, const WitnessedEvent *event);

/* By the consumer: the oldest event, which stays in the queue until event_queue_pop(), or NULL. */
const WitnessedEvent *event_queue_peek(EventQueue *queue);
/* By the consumer, after event_queue_peek() gave one. */
void event_queue_pop(EventQueue *queue);
