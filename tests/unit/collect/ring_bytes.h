/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records as the kernel writes them to a ring, for tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/events/state_event.h"

typedef struct FakeEvent {
    uint32_t oldstate, newstate, pid, tid, cpu;
    uint16_t family, protocol, sport;
    uint64_t skaddr, time, cgroup_id;
    uint8_t saddr[4], saddr_v6[16];
} FakeEvent;

/* Writes a sample into buffer[0..256), returns its length. */
size_t fake_sample(const FakeEvent *event, const SampleLayout *layout, uint8_t *buffer);

/* Writes a PERF_RECORD_LOST, returns its length. */
size_t fake_lost(uint64_t n, uint8_t *buffer);

/* The text of tests/fixtures/tracepoint/NAME; the caller frees it. */
char *fixture_format(const char *name, size_t *ret_length);
TracepointFormat fixture_parsed(const char *name);
