/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/perf_ring.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>

static void ring_copy(const PerfRing *ring, uint64_t from, void *buffer, size_t length) {
    size_t offset = (size_t)(from & (ring->size - 1));
    size_t first = ring->size - offset < length ? ring->size - offset : length;

    memcpy(buffer, ring->data + offset, first);
    memcpy((uint8_t *)buffer + first, ring->data, length - first);
}

int perf_ring_next(PerfRing *ring, void *buffer, size_t size, size_t *ret_length) {
    struct perf_event_header header;
    uint64_t available = ring->head - ring->tail;

    if (available == 0)
        return 0;
    if (available > ring->size || available < sizeof(header)) {
        ring->tail = ring->head;
        return -EBADMSG;
    }
    ring_copy(ring, ring->tail, &header, sizeof(header));
    if (header.size < sizeof(header) || header.size > available) {
        ring->tail = ring->head;
        return -EBADMSG;
    }
    if (header.size <= size)
        ring_copy(ring, ring->tail, buffer, header.size);
    ring->tail += header.size;
    if (header.size > size)
        return -EMSGSIZE;
    *ret_length = header.size;
    return 1;
}
