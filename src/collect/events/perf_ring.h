/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records in the ring buffer of perf_event_open(2), which is written by the kernel and
 * wraps. Pure: the bytes, head and tail come from the caller, who also does the memory barriers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct PerfRing {
    const uint8_t *data;
    size_t size;   /* a power of two */
    uint64_t head; /* as the kernel counts: never wraps; its offset is modulo size */
    uint64_t tail; /* likewise; moved by perf_ring_next() */
} PerfRing;

/*
 * Copies the next record (with its struct perf_event_header) to buffer[0..size), and moves the
 * tail behind it. Returns 1 with *ret_length, 0 when the ring is empty, -EMSGSIZE when the record
 * was larger than the buffer and is left out, -EBADMSG when the ring makes no sense (a length
 * below the header's or beyond the head): then all of it is passed over.
 */
int perf_ring_next(PerfRing *ring, void *buffer, size_t size, size_t *ret_length);
