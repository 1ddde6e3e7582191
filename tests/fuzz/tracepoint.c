/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tracepoint's format file up to the first NUL, and behind it a ring: a byte that says where in
 * the ring it begins (in 8), a byte of flags, and the bytes that the kernel wrote. Where the format
 * makes no sense, or is empty, a usual one is used.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collect/events/perf_ring.h"
#include "collect/events/state_event.h"
#include "collect/events/tracepoint_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE 4096

static void require(bool holds) {
    if (!holds)
        abort();
}

static const TracepointFormat usual = {
    .id = 1,
    .skaddr = {8, 8},
    .oldstate = {16, 4},
    .newstate = {20, 4},
    .sport = {24, 2},
    .family = {28, 2},
    .protocol = {30, 2},
    .saddr = {32, 4},
    .saddr_v6 = {40, 16},
    .least = 56,
};

static void check_format(const TracepointFormat *format) {
    const TracepointField *fields[] = {&format->skaddr, &format->oldstate, &format->newstate,
                                       &format->sport,  &format->family,   &format->protocol,
                                       &format->saddr,  &format->saddr_v6};
    require(format->id != 0);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        require(fields[i]->size > 0 && fields[i]->offset + fields[i]->size <= format->least);
    require(format->least <= TRACEPOINT_RECORD_MAX);
}

static void read_ring(const SampleLayout *layout, PerfRing *ring) {
    uint8_t record[2048];
    uint64_t lost = 0, tail = ring->tail;
    size_t length;
    StateEvent event;
    int r;

    while ((r = perf_ring_next(ring, record, sizeof(record), &length)) != 0) {
        require(ring->tail > tail && ring->tail <= ring->head);
        tail = ring->tail;
        if (r < 0)
            continue;
        /* Of its exact size, so that ASan sees one byte too many. */
        uint8_t *copy = malloc(length);
        require(copy != NULL);
        memcpy(copy, record, length);
        if (state_event_parse(copy, length, layout, &event, &lost) > 0)
            require(event.address.family == AF_INET || event.address.family == AF_INET6);
        free(copy);
    }
    require(ring->tail == ring->head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[RING_SIZE];
    const uint8_t *end = memchr(data, '\0', size);
    size_t text = end ? (size_t)(end - data) : size, behind = end ? text + 1 : size;
    SampleLayout layout = {.format = usual};

    if (tracepoint_format_parse((const char *)data, text, &layout.format) == 0)
        check_format(&layout.format);
    if (size - behind < 2)
        return 0;
    uint64_t tail = data[behind] * UINT64_C(8) + (data[behind + 1] & 2 ? UINT64_C(1) << 40 : 0);
    layout.cgroup = data[behind + 1] & 1;
    behind += 2;

    size_t length = size - behind < RING_SIZE ? size - behind : RING_SIZE;
    for (size_t i = 0; i < length; i++)
        bytes[(tail + i) % RING_SIZE] = data[behind + i];
    PerfRing ring = {bytes, RING_SIZE, tail + length, tail};
    read_ring(&layout, &ring);
    return 0;
}
