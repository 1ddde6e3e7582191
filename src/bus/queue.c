/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "bus/server_internal.h"

bool queue_has_room(const Queue *queue, size_t size) {
    return queue->n < QUEUE_MESSAGES && queue->bytes + size + QUEUE_OVERHEAD <= BUS_QUEUE_MAX;
}

int queue_add(Queue *queue, size_t size) {
    if (!queue_has_room(queue, size))
        return -ENOBUFS;
    size += QUEUE_OVERHEAD;
    if (!queue->sizes)
        queue->sizes = calloc(QUEUE_MESSAGES, sizeof(*queue->sizes));
    if (!queue->sizes)
        return -ENOMEM;
    queue->sizes[(queue->first + queue->n++) % QUEUE_MESSAGES] = (uint32_t)size;
    queue->bytes += size;
    return 0;
}

void queue_keep(Queue *queue, size_t n_newest) {
    while (queue->n > n_newest) {
        queue->bytes -= queue->sizes[queue->first];
        queue->first = (queue->first + 1) % QUEUE_MESSAGES;
        queue->n--;
    }
    if (queue->n == 0)
        queue_done(queue);
}

void queue_done(Queue *queue) {
    free(queue->sizes);
    *queue = (Queue){};
}
