/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of the ring, on files that are laid out as the kernel lays out its own. */
#include "collect/events/ring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/record.h"

static int ring_fd, dropped_fd;
static size_t page;
static unsigned long *consumer, *producer;
static uint64_t *dropped;
static char *data;
static Ring *ring;

static void *make_file(const char *name, size_t size, int *ret_fd) {
    *ret_fd = memfd_create(name, MFD_CLOEXEC);
    cr_assert(*ret_fd >= 0 && ftruncate(*ret_fd, (off_t)size) == 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
    cr_assert_neq(memory, MAP_FAILED);
    return memory;
}

static void set_up(void) {
    page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = make_file("ring", 2 * page + RECORD_RING_SIZE, &ring_fd);
    consumer = (unsigned long *)(void *)memory;
    producer = (unsigned long *)(void *)(memory + page);
    data = memory + 2 * page;
    dropped = make_file("dropped", page, &dropped_fd);
    *dropped = 5;
    cr_assert_eq(ring_open(ring_fd, dropped_fd, &ring), 0);
}

static void tear_down(void) {
    ring_close(ring);
}

TestSuite(ring, .init = set_up, .fini = tear_down);

/* Writes a record as the kernel does, round the end; `bits` of its head. Returns its offset. */
static size_t put(const void *bytes, uint32_t size, uint32_t bits) {
    unsigned long at = *producer;
    uint32_t head[2] = {size | bits, 0};

    memcpy(data + at % RECORD_RING_SIZE, head, sizeof(head));
    for (uint32_t i = 0; i < size; i++)
        data[(at + sizeof(head) + i) % RECORD_RING_SIZE] = ((const char *)bytes)[i];
    *producer = at + (sizeof(head) + size + 7) / 8 * 8;
    return at % RECORD_RING_SIZE;
}

typedef struct Taken {
    size_t n, size;
    char bytes[sizeof(struct KernelRecord)];
    int answer;
} Taken;

static int take(const void *record, size_t size, void *userdata) {
    Taken *taken = userdata;

    taken->n++;
    taken->size = size;
    memcpy(taken->bytes, record, size < sizeof(taken->bytes) ? size : sizeof(taken->bytes));
    return taken->answer;
}

Test(ring, records_come_in_order_and_once) {
    Taken taken = {};

    cr_assert_eq(ring_read(ring, take, &taken), 0);
    put("one", 3, 0);
    cr_assert_eq(ring_read(ring, take, &taken), 1);
    cr_assert(taken.size == 3 && memcmp(taken.bytes, "one", 3) == 0);
    cr_assert_eq(*consumer, 16);
    put("second", 6, 0);
    cr_assert_eq(ring_read(ring, take, &taken), 1);
    cr_assert(taken.size == 6 && memcmp(taken.bytes, "second", 6) == 0);
    cr_assert_eq(*consumer, *producer);
    cr_assert_eq(ring_read(ring, take, &taken), 0);
    cr_assert_eq(taken.n, 2);
}

static int take_and_put(const void *record, size_t size, void *userdata) {
    put("more", 4, 0);
    return take(record, size, userdata);
}

/* A flood of records must not keep the reader busy forever. */
Test(ring, leaves_new_records_for_the_next_call) {
    Taken taken = {};

    put("one", 3, 0);
    put("two", 3, 0);
    cr_assert_eq(ring_read(ring, take_and_put, &taken), 2);
    cr_assert_eq(memcmp(taken.bytes, "two", 3), 0);
    cr_assert_eq(ring_read(ring, take, &taken), 2);
    cr_assert_eq(memcmp(taken.bytes, "more", 4), 0);
}

Test(ring, one_that_is_still_written_is_waited_for) {
    Taken taken = {};

    put("one", 3, 0);
    size_t at = put("two", 3, BPF_RINGBUF_BUSY_BIT);
    put("three", 5, 0);
    cr_assert_eq(ring_read(ring, take, &taken), 1);
    cr_assert_eq(ring_read(ring, take, &taken), 0);
    const uint32_t done = 3;
    memcpy(data + at, &done, sizeof(done));
    cr_assert_eq(ring_read(ring, take, &taken), 2);
    cr_assert_eq(taken.size, 5);
}

Test(ring, one_that_was_given_up_is_passed_over) {
    Taken taken = {};

    put("one", 3, BPF_RINGBUF_DISCARD_BIT);
    put("two", 3, 0);
    cr_assert_eq(ring_read(ring, take, &taken), 1);
    cr_assert_eq(memcmp(taken.bytes, "two", 3), 0);
    put("three", 5, BPF_RINGBUF_DISCARD_BIT);
    cr_assert_eq(ring_read(ring, take, &taken), 0);
    cr_assert_eq(*consumer, *producer);
}

/* At every place where a record may meet the end, whole and with its head alone before it. */
Test(ring, a_record_goes_on_at_the_begin) {
    char bytes[200];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i + 1);
    for (size_t before = 8; before <= 256; before += 8) {
        Taken taken = {};
        *consumer = *producer = 7ul * RECORD_RING_SIZE - before;
        put(bytes, sizeof(bytes), 0);
        cr_assert_eq(ring_read(ring, take, &taken), 1, "%zu before the end", before);
        cr_assert_eq(taken.size, sizeof(bytes));
        cr_assert_eq(memcmp(taken.bytes, bytes, sizeof(bytes)), 0, "%zu before the end", before);
        put("next", 4, 0);
        cr_assert_eq(ring_read(ring, take, &taken), 1);
        cr_assert_eq(memcmp(taken.bytes, "next", 4), 0);
    }
}

Test(ring, the_largest_record_goes_on_at_the_begin) {
    static struct KernelRecord record;
    static Taken taken;

    memset(&record, 0x5a, sizeof(record));
    *consumer = *producer = RECORD_RING_SIZE - 16;
    put(&record, sizeof(record), 0);
    cr_assert_eq(ring_read(ring, take, &taken), 1);
    cr_assert_eq(taken.size, sizeof(record));
    cr_assert_eq(memcmp(taken.bytes, &record, sizeof(record)), 0);
}

Test(ring, a_length_that_lies_is_refused) {
    static const uint32_t lengths[] = {sizeof(struct KernelRecord) + 1, RECORD_RING_SIZE + 1,
                                       0x3fffffff};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        Taken taken = {};
        *consumer = RECORD_RING_SIZE - 16;
        *producer = *consumer + 64;
        memcpy(data + *consumer, &lengths[i], sizeof(lengths[i]));
        cr_assert_eq(ring_read(ring, take, &taken), -EBADMSG);
        cr_assert_eq(taken.n, 0);
    }
}

Test(ring, an_error_of_who_takes_ends_it_after_that_record) {
    Taken taken = {.answer = -ENOMEM};

    put("one", 3, 0);
    put("two", 3, 0);
    cr_assert_eq(ring_read(ring, take, &taken), -ENOMEM);
    cr_assert_eq(taken.n, 1);
    cr_assert_eq(*consumer, 16);
    taken.answer = 0;
    cr_assert_eq(ring_read(ring, take, &taken), 1);
    cr_assert_eq(memcmp(taken.bytes, "two", 3), 0);
}

/* What was dropped before it was opened counts: nobody else has told it. */
Test(ring, what_was_dropped_is_told_once) {
    cr_assert_eq(ring_take_dropped(ring), 5);
    cr_assert_eq(ring_take_dropped(ring), 0);
    *dropped = 12;
    cr_assert_eq(ring_take_dropped(ring), 7);
}

Test(ring, what_is_no_ring_is_refused) {
    Ring *other;
    int pipes[2];

    cr_assert_eq(pipe(pipes), 0);
    cr_assert_lt(ring_open(pipes[0], dropped_fd, &other), 0);
    cr_assert_lt(ring_open(ring_fd, pipes[0], &other), 0);
    cr_assert_lt(ring_open(-1, -1, &other), 0);
}
