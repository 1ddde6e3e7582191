/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A socket began or ceased to listen: one record of the tracepoint sock:inet_sock_set_state as
 * perf_event_open(2) samples it. Pure: bytes in, struct out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/events/tracepoint_format.h"
#include "model/endpoint.h"

typedef enum StateEventKind {
    STATE_EVENT_LISTEN, /* → LISTEN; the kernel may yet refuse the port: then a close follows */
    STATE_EVENT_CLOSE,  /* LISTEN → CLOSE */
} StateEventKind;

typedef struct StateEvent {
    StateEventKind kind;
    Proto proto;       /* MPTCP: its TCP subflow tells itself as well, as PROTO_TCP */
    uint16_t port;     /* host order; 0 at `listen()` without `bind()`: not chosen yet */
    Address address;   /* as bound */
    uint64_t sk;       /* the socket's address in the kernel: joins listen and close, until close.
                          It must not be shown to anyone: it would tell where the kernel lies */
    uint32_t pid, tid; /* who did it, in the pid namespace of the ring's opener; 0: outside of it */
    uint32_t cpu;
    uint64_t cgroup_id; /* of the process, 0: not told (before 5.7) */
    uint64_t time;      /* ns of CLOCK_MONOTONIC */
} StateEvent;

/* What the sampled records hold: set by who opened the ring. */
typedef struct SampleLayout {
    TracepointFormat format;
    bool cgroup; /* PERF_SAMPLE_CGROUP */
} SampleLayout;

/*
 * Reads one record of the ring, header included. Returns 1 with *ret filled for a sample that says
 * that a listener came or went; 0 for any other record or sample; -EBADMSG when the record is too
 * short for what it must hold, or of no family or protocol that we know. A PERF_RECORD_LOST gives 0
 * and adds its number to *lost.
 */
int state_event_parse(const void *record, size_t length, const SampleLayout *layout,
                      StateEvent *ret, uint64_t *lost);
