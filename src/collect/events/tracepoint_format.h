/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the fields of the tracepoint sock:inet_sock_set_state stand in its raw record: the `format`
 * file of tracefs says it, and it is no ABI (KERNEL.md 18): real-time kernels insert common
 * fields, `protocol` had 8 bits before 5.6, a pointer has 4 bytes on 32-bit machines. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct TracepointField {
    uint16_t offset; /* bytes from the start of the raw data */
    uint8_t size;    /* bytes */
} TracepointField;

typedef struct TracepointFormat {
    uint32_t id; /* perf_event_attr.config */
    TracepointField skaddr, oldstate, newstate, sport, family, protocol, saddr, saddr_v6;
    uint16_t least; /* so many bytes must a raw record have for all fields to be in it */
} TracepointFormat;

/* No field may end beyond this: the record has 72 bytes in every kernel that we know. */
#define TRACEPOINT_RECORD_MAX 1024

/*
 * Parses text[0..length). Returns 0, or -EBADMSG when the id or a field that is needed is missing,
 * told twice, of a size that it can't have, or beyond TRACEPOINT_RECORD_MAX. Lines that make no
 * sense are passed over.
 */
int tracepoint_format_parse(const char *text, size_t length, TracepointFormat *ret);
