/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/event_queue.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Producer's and consumer's counters on cache lines of their own. */
#define CACHE_LINE 64

/*
 * The slots are used from the first on whenever the queue was empty, so that as much memory is
 * touched as events were ever waiting, and not all of it in turn: there is a queue for each CPU.
 */
struct EventQueue {
    _Alignas(CACHE_LINE) atomic_size_t pushed; /* counts on; its slot: event_slot() */
    size_t first; /* what `pushed` was in the first slot; the producer's, while it is empty */
    _Alignas(CACHE_LINE) atomic_size_t popped;
    _Alignas(CACHE_LINE) size_t size;
    WitnessedEvent events[];
};

EventQueue *event_queue_new(size_t size) {
    size_t bytes = sizeof(EventQueue) + size * sizeof(WitnessedEvent);
    EventQueue *queue =
        aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1));
    if (!queue)
        return NULL;
    atomic_init(&queue->pushed, 0);
    atomic_init(&queue->popped, 0);
    queue->first = 0;
    queue->size = size;
    return queue;
}

EventQueue *event_queue_free(EventQueue *queue) {
    free(queue);
    return NULL;
}

/* The consumer asks only while there is something in it: `first` does not change then. */
static WitnessedEvent *event_slot(EventQueue *queue, size_t count) {
    return &queue->events[(count - queue->first) & (queue->size - 1)];
}

bool event_queue_push(EventQueue *queue, const WitnessedEvent *event) {
    size_t pushed = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
    size_t popped = atomic_load_explicit(&queue->popped, memory_order_acquire);

    if (pushed - popped >= queue->size)
        return false;
    if (pushed == popped)
        queue->first = pushed;
    *event_slot(queue, pushed) = *event;
    atomic_store_explicit(&queue->pushed, pushed + 1, memory_order_release);
    return true;
}

const WitnessedEvent *event_queue_peek(EventQueue *queue) {
    size_t popped = atomic_load_explicit(&queue->popped, memory_order_relaxed);
    size_t pushed = atomic_load_explicit(&queue->pushed, memory_order_acquire);

    return pushed == popped ? NULL : event_slot(queue, popped);
}

void event_queue_pop(EventQueue *queue) {
    size_t popped = atomic_load_explicit(&queue->popped, memory_order_relaxed);
    atomic_store_explicit(&queue->popped, popped + 1, memory_order_release);
}
