/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/record.h"
#include "util/cleanup.h"

struct Ring {
    size_t page;
    unsigned long *consumer;       /* ours: a page of its own */
    const unsigned long *producer; /* the kernel's; the data follow in the next page. They may be
                                    * mapped twice in a row, but all of it would count as ours */
    const uint64_t *dropped;
    uint64_t dropped_before;
    char joined[sizeof(struct KernelRecord)]; /* a record that goes on at the begin of the data */
};

static size_t producer_size(const Ring *ring) {
    return ring->page + RECORD_RING_SIZE;
}

Ring *ring_close(Ring *ring) {
    if (!ring)
        return NULL;
    if (ring->consumer)
        munmap(ring->consumer, ring->page);
    if (ring->producer)
        munmap((void *)ring->producer, producer_size(ring));
    if (ring->dropped)
        munmap((void *)ring->dropped, ring->page);
    free(ring);
    return NULL;
}

static int map(int fd, size_t size, int protection, off_t offset, void *ret) {
    void *data = mmap(NULL, size, protection, MAP_SHARED, fd, offset);
    if (data == MAP_FAILED)
        return -errno;
    *(void **)ret = data;
    return 0;
}

int ring_open(int fd, int dropped_fd, Ring **ret) {
    Ring *ring = calloc(1, sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    ring->page = (size_t)sysconf(_SC_PAGESIZE);
    int r = map(fd, ring->page, PROT_READ | PROT_WRITE, 0, &ring->consumer);
    if (r >= 0)
        r = map(fd, producer_size(ring), PROT_READ, (off_t)ring->page, &ring->producer);
    if (r >= 0)
        r = map(dropped_fd, ring->page, PROT_READ, 0, &ring->dropped);
    if (r < 0) {
        ring_close(ring);
        return r;
    }
    *ret = ring;
    return 0;
}

/* The bytes of a record that begins at that offset of the data; NULL: none is so long. */
static const char *record_bytes(Ring *ring, size_t at, size_t size) {
    const char *data = (const char *)ring->producer + ring->page;
    size_t first = RECORD_RING_SIZE - at;
    if (at + size <= RECORD_RING_SIZE)
        return data + at;
    if (size > sizeof(ring->joined))
        return NULL;
    memcpy(ring->joined, data + at, first);
    memcpy(ring->joined + first, data, size - first);
    return ring->joined;
}

int ring_read(Ring *ring, int (*take)(const void *record, size_t size, void *data), void *data) {
    const char *data_begin = (const char *)ring->producer + ring->page;
    unsigned long at = __atomic_load_n(ring->consumer, __ATOMIC_RELAXED);
    unsigned long end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
    int n = 0, r = 0;

    while (r >= 0 && at < end) {
        size_t offset = at % RECORD_RING_SIZE; /* a record's head never goes on at the begin */
        uint32_t length = __atomic_load_n((const uint32_t *)(const void *)(data_begin + offset),
                                          __ATOMIC_ACQUIRE);
        if (length & BPF_RINGBUF_BUSY_BIT)
            break;
        uint32_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        const char *record =
            record_bytes(ring, (offset + BPF_RINGBUF_HDR_SZ) % RECORD_RING_SIZE, size);
        if (!record)
            return -EBADMSG;
        if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
            r = take(record, size, data);
            n++;
        }
        at += (BPF_RINGBUF_HDR_SZ + size + 7) / 8 * 8;
        __atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
    }
    return r < 0 ? r : n;
}

uint64_t ring_take_dropped(Ring *ring) {
    uint64_t now = __atomic_load_n(ring->dropped, __ATOMIC_RELAXED), n = now - ring->dropped_before;
    ring->dropped_before = now;
    return n;
}
