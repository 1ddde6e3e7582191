/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/state_event.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "ring_bytes.h"
#include "util/memory.h"

static const FakeEvent listens = {
    .oldstate = TCP_CLOSE,
    .newstate = TCP_LISTEN,
    .pid = 4242,
    .tid = 4243,
    .cpu = 3,
    .family = AF_INET,
    .protocol = IPPROTO_TCP,
    .sport = 3000,
    .skaddr = 0x12345678,
    .time = 1234567890123,
    .cgroup_id = 77,
    .saddr = {192, 0, 2, 1},
    .saddr_v6 = {0x20, 1, [15] = 9},
};

static int parse(const FakeEvent *fake, const SampleLayout *layout, StateEvent *ret) {
    uint8_t buffer[256];
    uint64_t lost = 0;
    return state_event_parse(buffer, fake_sample(fake, layout, buffer), layout, ret, &lost);
}

Test(state_event, is_read_by_every_kernel_s_layout) {
    static const char *const names[] = {"5.4", "5.15", "5.15-rt", "6.1", "6.1-32bit", "6.18"};
    for (size_t i = 0; i < ELEMENTS(names); i++)
        for (int cgroup = 0; cgroup < 2; cgroup++) {
            SampleLayout layout = {fixture_parsed(names[i]), cgroup};
            StateEvent event;
            char address[ADDRESS_SIZE];
            cr_assert_eq(parse(&listens, &layout, &event), 1, "%s", names[i]);
            cr_assert_eq(event.kind, STATE_EVENT_LISTEN);
            cr_assert_eq(event.proto, PROTO_TCP);
            cr_assert_eq(event.port, 3000);
            address_format(&event.address, address);
            cr_assert_str_eq(address, "192.0.2.1");
            cr_assert_eq(event.sk, 0x12345678);
            cr_assert_eq(event.pid, 4242);
            cr_assert_eq(event.tid, 4243);
            cr_assert_eq(event.cpu, 3);
            cr_assert_eq(event.time, 1234567890123);
            cr_assert_eq(event.cgroup_id, cgroup ? 77 : 0);
        }
}

Test(state_event, families_and_protocols) {
    SampleLayout layout = {fixture_parsed("6.18"), true};
    char address[ADDRESS_SIZE];
    FakeEvent fake = listens;
    StateEvent event;

    fake.family = AF_INET6;
    fake.protocol = 262;
    cr_assert_eq(parse(&fake, &layout, &event), 1);
    cr_assert_eq(event.proto, PROTO_MPTCP);
    address_format(&event.address, address);
    cr_assert_str_eq(address, "2001::9");
    fake.protocol = IPPROTO_SCTP;
    cr_assert_eq(parse(&fake, &layout, &event), 1);
    cr_assert_eq(event.proto, PROTO_SCTP);
    fake.protocol = IPPROTO_DCCP;
    cr_assert_eq(parse(&fake, &layout, &event), -EBADMSG);
    fake = listens;
    fake.family = AF_UNIX;
    cr_assert_eq(parse(&fake, &layout, &event), -EBADMSG);
}

Test(state_event, fact_19_other_transitions_are_none) {
    SampleLayout layout = {fixture_parsed("6.18"), true};
    StateEvent event = {.port = 1};

    for (uint32_t from = 0; from < 14; from++)
        for (uint32_t to = 0; to < 14; to++) {
            FakeEvent fake = listens;
            fake.oldstate = from;
            fake.newstate = to;
            int r = parse(&fake, &layout, &event);
            if (to == TCP_LISTEN) {
                cr_assert_eq(r, 1);
                cr_assert_eq(event.kind, STATE_EVENT_LISTEN);
            } else if (from == TCP_LISTEN && to == TCP_CLOSE) {
                cr_assert_eq(r, 1);
                cr_assert_eq(event.kind, STATE_EVENT_CLOSE);
            } else
                cr_assert_eq(r, 0, "%u to %u", from, to);
        }
}

/* Each length, told right in the header, is refused or gives what the whole gives. */
Test(state_event, short_records_are_refused) {
    SampleLayout layout = {fixture_parsed("6.18"), true};
    uint8_t whole[256];
    size_t length = fake_sample(&listens, &layout, whole);

    for (size_t n = 0; n <= length; n++) {
        uint8_t *part = malloc(n > 0 ? n : 1); /* of its exact size, for ASan */
        struct perf_event_header header;
        StateEvent event;
        uint64_t lost = 0;
        memcpy(part, whole, n);
        if (n >= sizeof(header)) {
            memcpy(&header, part, sizeof(header));
            header.size = (uint16_t)n;
            memcpy(part, &header, sizeof(header));
        }
        int r = state_event_parse(part, n, &layout, &event, &lost);
        cr_assert_eq(r, n < length ? -EBADMSG : 1, "%zu of %zu bytes", n, length);
        free(part);
    }
}

Test(state_event, a_raw_size_that_lies_is_refused) {
    static const uint32_t sizes[] = {0, 1, 55, 77, 84, 85, 255, 65536, 0x7fffffff, UINT32_MAX};
    SampleLayout layout = {fixture_parsed("6.18"), true};
    const size_t at = sizeof(struct perf_event_header) + 24;

    for (size_t i = 0; i < ELEMENTS(sizes); i++) {
        uint8_t record[256];
        StateEvent event;
        uint64_t lost = 0;
        size_t length = fake_sample(&listens, &layout, record);
        memcpy(record + at, &sizes[i], 4);
        cr_assert_eq(state_event_parse(record, length, &layout, &event, &lost), -EBADMSG, "%u",
                     sizes[i]);
    }
}

Test(state_event, fact_21_losses_are_added_up) {
    SampleLayout layout = {fixture_parsed("6.18"), true};
    uint8_t record[256];
    StateEvent event;
    uint64_t lost = 1;
    size_t length = fake_lost(41, record);
    cr_assert_eq(state_event_parse(record, length, &layout, &event, &lost), 0);
    cr_assert_eq(lost, 42);
    length = fake_lost(UINT64_MAX, record);
    cr_assert_eq(state_event_parse(record, length, &layout, &event, &lost), 0);
    cr_assert_eq(lost, UINT64_MAX);
    /* A length that is not the header's. */
    cr_assert_eq(state_event_parse(record, length - 8, &layout, &event, &lost), -EBADMSG);
    struct perf_event_header header = {.type = PERF_RECORD_LOST, .size = 16};
    memcpy(record, &header, sizeof(header));
    cr_assert_eq(state_event_parse(record, 16, &layout, &event, &lost), -EBADMSG);
    header.type = PERF_RECORD_THROTTLE;
    memcpy(record, &header, sizeof(header));
    cr_assert_eq(state_event_parse(record, 16, &layout, &event, &lost), 0);
}
