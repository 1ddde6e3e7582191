/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/state_event.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* The bytes that are left of a record. */
typedef struct Bytes {
    const uint8_t *at;
    size_t left;
} Bytes;

static int take(Bytes *bytes, void *ret, size_t size) {
    if (bytes->left < size)
        return -EBADMSG;
    memcpy(ret, bytes->at, size);
    bytes->at += size;
    bytes->left -= size;
    return 0;
}

/* A field of 1, 2, 4 or 8 bytes, in the machine's byte order. */
static uint64_t field_number(const uint8_t *raw, TracepointField field) {
    uint8_t byte;
    uint16_t half;
    uint32_t word;
    uint64_t whole;

    switch (field.size) {
    case 1:
        memcpy(&byte, raw + field.offset, sizeof(byte));
        return byte;
    case 2:
        memcpy(&half, raw + field.offset, sizeof(half));
        return half;
    case 4:
        memcpy(&word, raw + field.offset, sizeof(word));
        return word;
    default:
        memcpy(&whole, raw + field.offset, sizeof(whole));
        return whole;
    }
}

/* Where `protocol` has 8 bits, MPTCP can't be told from the TCP that it is 256 above. */
static int proto_of_number(uint64_t number, Proto *ret) {
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if ((uint64_t)proto_number(proto) == number) {
            *ret = proto;
            return 0;
        }
    return -EBADMSG;
}

/* Returns 1 for a listener that comes or goes, 0 for another transition, -EBADMSG. */
static int parse_raw(const uint8_t *raw, const TracepointFormat *format, StateEvent *event) {
    uint64_t from = field_number(raw, format->oldstate), to = field_number(raw, format->newstate);

    if (to == TCP_LISTEN)
        event->kind = STATE_EVENT_LISTEN;
    else if (from == TCP_LISTEN && to == TCP_CLOSE)
        event->kind = STATE_EVENT_CLOSE;
    else
        return 0;

    uint64_t family = field_number(raw, format->family);
    if (family == AF_INET)
        memcpy(event->address.bytes, raw + format->saddr.offset, 4);
    else if (family == AF_INET6)
        memcpy(event->address.bytes, raw + format->saddr_v6.offset, 16);
    else
        return -EBADMSG;
    event->address.family = (sa_family_t)family;
    event->port = (uint16_t)field_number(raw, format->sport);
    event->sk = field_number(raw, format->skaddr);
    int r = proto_of_number(field_number(raw, format->protocol), &event->proto);
    return r < 0 ? r : 1;
}

/*
 * In the order of linux/perf_event.h: TID, TIME, CPU, RAW (its length counts its padding, up to a
 * multiple of 8 with the length itself), CGROUP.
 */
static int parse_sample(Bytes bytes, const SampleLayout *layout, StateEvent *ret) {
    StateEvent event = {};
    uint32_t reserved, raw_size;

    if (take(&bytes, &event.pid, sizeof(event.pid)) < 0 ||
        take(&bytes, &event.tid, sizeof(event.tid)) < 0 ||
        take(&bytes, &event.time, sizeof(event.time)) < 0 ||
        take(&bytes, &event.cpu, sizeof(event.cpu)) < 0 ||
        take(&bytes, &reserved, sizeof(reserved)) < 0 ||
        take(&bytes, &raw_size, sizeof(raw_size)) < 0)
        return -EBADMSG;
    if (raw_size > bytes.left || raw_size < layout->format.least)
        return -EBADMSG;

    const uint8_t *raw = bytes.at;
    bytes.at += raw_size;
    bytes.left -= raw_size;
    if (layout->cgroup && take(&bytes, &event.cgroup_id, sizeof(event.cgroup_id)) < 0)
        return -EBADMSG;

    int r = parse_raw(raw, &layout->format, &event);
    if (r > 0)
        *ret = event;
    return r;
}

/* u64 id, u64 lost; or of PERF_RECORD_LOST_SAMPLES: u64 lost. */
static int parse_lost(Bytes bytes, uint32_t type, uint64_t *lost) {
    uint64_t id, n;

    if (type == PERF_RECORD_LOST && take(&bytes, &id, sizeof(id)) < 0)
        return -EBADMSG;
    if (take(&bytes, &n, sizeof(n)) < 0)
        return -EBADMSG;
    *lost = *lost > UINT64_MAX - n ? UINT64_MAX : *lost + n;
    return 0;
}

int state_event_parse(const void *record, size_t length, const SampleLayout *layout,
                      StateEvent *ret, uint64_t *lost) {
    Bytes bytes = {record, length};
    struct perf_event_header header;

    if (take(&bytes, &header, sizeof(header)) < 0 || header.size != length)
        return -EBADMSG;
    switch (header.type) {
    case PERF_RECORD_SAMPLE:
        return parse_sample(bytes, layout, ret);
    case PERF_RECORD_LOST:
    case PERF_RECORD_LOST_SAMPLES:
        return parse_lost(bytes, header.type, lost);
    default:
        return 0;
    }
}
