/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/kernel_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/memory.h"

#define NSEC_PER_USEC 1000u

static int find_proto(uint16_t number, Proto *ret) {
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if (proto_number(proto) == number) {
            *ret = proto;
            return 1;
        }
    return 0;
}

static int read_head(const struct RecordHead *head, KernelEvent *event) {
    event->kind = head->kind;
    event->time = head->time / NSEC_PER_USEC;
    event->listener = (Listener){
        .endpoint = {.port = head->port, .ifindex = head->device},
        .origin = ORIGIN_SOCKET,
        .uid = head->uid,
        .cookie = head->cookie,
        .n_sockets = 1,
    };
    if (head->kind == RECORD_DROPPED)
        return 1;
    if (head->family != AF_INET && head->family != AF_INET6)
        return 0;
    Endpoint *endpoint = &event->listener.endpoint;
    endpoint->v6only = head->family == AF_INET6 && head->v6only;
    endpoint->address.family = head->family;
    memcpy(endpoint->address.bytes, head->address, head->family == AF_INET ? 4 : 16);
    return find_proto(head->protocol, &endpoint->proto);
}

int kernel_event_parse(const void *data, size_t size, KernelEvent *ret) {
    const size_t fixed = offsetof(struct KernelRecord, text);
    struct KernelRecord record;
    KernelEvent event = {};
    _cleanup_caller_ Caller caller = {};

    if (size < sizeof(record.head))
        return -EBADMSG;
    memcpy(&record.head, data, sizeof(record.head));
    bool has_caller = record.head.kind == RECORD_LISTEN || record.head.kind == RECORD_BIND;
    if (!has_caller && record.head.kind != RECORD_CLOSE && record.head.kind != RECORD_DROPPED)
        return -EBADMSG;
    int r = read_head(&record.head, &event);
    if (r <= 0)
        return r;
    if (has_caller) {
        if (size < fixed || size > sizeof(record))
            return -EBADMSG;
        ssize_t parsed = caller_parse(data, size, &caller);
        if (parsed != (ssize_t)size)
            return parsed < 0 ? (int)parsed : -EBADMSG;
        memcpy(&record, data, fixed);
        event.listener.inode = record.inode;
        event.listener.cgroup_id = record.cgroup_id;
        event.caller = caller;
        caller = (Caller){};
    }
    *ret = event;
    return 1;
}
