/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ring_bytes.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collect/small_file.h"

static size_t put(uint8_t *buffer, size_t at, const void *bytes, size_t length) {
    memcpy(buffer + at, bytes, length);
    return at + length;
}

/* On a little-endian machine the low bytes come first. */
static void put_field(uint8_t *raw, TracepointField field, const void *bytes) {
    memcpy(raw + field.offset, bytes, field.size);
}

size_t fake_sample(const FakeEvent *event, const SampleLayout *layout, uint8_t *buffer) {
    const TracepointFormat *format = &layout->format;
    struct perf_event_header header = {.type = PERF_RECORD_SAMPLE};
    uint32_t reserved = 0, raw_size = (uint32_t)((format->least + 4u + 7u) / 8 * 8 - 4);
    uint8_t raw[128] = {};
    size_t at = sizeof(header);

    put_field(raw, format->skaddr, &event->skaddr);
    put_field(raw, format->oldstate, &event->oldstate);
    put_field(raw, format->newstate, &event->newstate);
    put_field(raw, format->sport, &event->sport);
    put_field(raw, format->family, &event->family);
    put_field(raw, format->protocol, &event->protocol);
    put_field(raw, format->saddr, event->saddr);
    put_field(raw, format->saddr_v6, event->saddr_v6);

    at = put(buffer, at, &event->pid, 4);
    at = put(buffer, at, &event->tid, 4);
    at = put(buffer, at, &event->time, 8);
    at = put(buffer, at, &event->cpu, 4);
    at = put(buffer, at, &reserved, 4);
    at = put(buffer, at, &raw_size, 4);
    at = put(buffer, at, raw, raw_size);
    if (layout->cgroup)
        at = put(buffer, at, &event->cgroup_id, 8);
    header.size = (uint16_t)at;
    put(buffer, 0, &header, sizeof(header));
    return at;
}

size_t fake_lost(uint64_t n, uint8_t *buffer) {
    struct perf_event_header header = {.type = PERF_RECORD_LOST, .size = sizeof(header) + 16};
    uint64_t id = 7;
    size_t at = put(buffer, 0, &header, sizeof(header));
    at = put(buffer, at, &id, 8);
    return put(buffer, at, &n, 8);
}

char *fixture_format(const char *name, size_t *ret_length) {
    const char *source = getenv("srcdir");
    char path[500], *text = NULL;
    snprintf(path, sizeof(path), "%s/tests/fixtures/tracepoint/%s", source ? source : ".", name);
    cr_assert_eq(small_file_read(AT_FDCWD, path, &text, ret_length), 0, "%s", path);
    return text;
}

TracepointFormat fixture_parsed(const char *name) {
    TracepointFormat format;
    size_t length;
    char *text = fixture_format(name, &length);
    cr_assert_eq(tracepoint_format_parse(text, length, &format), 0, "%s", name);
    free(text);
    return format;
}
