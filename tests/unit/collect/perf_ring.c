/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/perf_ring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>

#define SIZE 256

static uint8_t data[SIZE];

/* Writes a record of `size` bytes that are `fill` at `head`, as the kernel wraps it. */
static uint64_t write_record(uint64_t head, uint16_t size, uint8_t fill) {
    struct perf_event_header header = {.type = PERF_RECORD_SAMPLE, .size = size};
    uint8_t record[SIZE];
    memset(record, fill, sizeof(record));
    memcpy(record, &header, sizeof(header));
    for (size_t i = 0; i < size; i++)
        data[(head + i) % SIZE] = record[i];
    return head + size;
}

Test(perf_ring, records_that_wrap_are_put_together) {
    /* Every place in the ring, and a count beyond 32 bits and about to wrap at 64. */
    static const uint64_t bases[] = {0, UINT64_C(1) << 33, UINT64_MAX - 100};
    for (size_t base = 0; base < 3; base++)
        for (uint64_t start = 0; start < SIZE; start += 8) {
            uint64_t tail = bases[base] / 8 * 8 + start;
            uint64_t head = write_record(tail, 120, 0xaa);
            head = write_record(head, 16, 0xbb);
            PerfRing ring = {data, SIZE, head, tail};
            uint8_t buffer[128];
            size_t length;
            cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), 1);
            cr_assert_eq(length, 120);
            for (size_t i = 8; i < 120; i++)
                cr_assert_eq(buffer[i], 0xaa, "byte %zu from %zu", i, (size_t)start);
            cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), 1);
            cr_assert_eq(length, 16);
            cr_assert_eq(buffer[15], 0xbb);
            cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), 0);
            cr_assert_eq(ring.tail, head);
        }
}

Test(perf_ring, a_full_ring_is_read_to_its_end) {
    uint64_t head = 8;
    for (int i = 0; i < 4; i++)
        head = write_record(head, 64, (uint8_t)i);
    PerfRing ring = {data, SIZE, head, 8};
    uint8_t buffer[64];
    size_t length;
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), 1);
        cr_assert_eq(buffer[63], i);
    }
    cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), 0);
}

Test(perf_ring, too_large_a_record_is_left_out_alone) {
    uint64_t head = write_record(write_record(0, 128, 1), 16, 2);
    PerfRing ring = {data, SIZE, head, 0};
    uint8_t buffer[64];
    size_t length;
    cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), -EMSGSIZE);
    cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), 1);
    cr_assert_eq(buffer[8], 2);
}

Test(perf_ring, what_makes_no_sense_is_passed_over) {
    static const struct {
        uint64_t head;
        uint16_t size;
    } cases[] = {{64, 0}, {64, 7}, {64, 65}, {64, 65535}, {4, 8}, {SIZE + 1, 16}, {UINT64_MAX, 16}};
    uint8_t buffer[64];
    size_t length;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        write_record(0, 64, 3);
        memcpy(data + offsetof(struct perf_event_header, size), &cases[i].size, 2);
        PerfRing ring = {data, SIZE, cases[i].head, 0};
        cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), -EBADMSG, "%zu", i);
        cr_assert_eq(ring.tail, ring.head);
        cr_assert_eq(perf_ring_next(&ring, buffer, sizeof(buffer), &length), 0);
    }
}
