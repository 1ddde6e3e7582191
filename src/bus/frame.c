/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HEADER_SIZE 16

ssize_t frame_line(const uint8_t *data, size_t length) {
    size_t end = length < FRAME_LINE_MAX ? length : FRAME_LINE_MAX;
    const uint8_t *found = memmem(data, end, "\r\n", 2);

    if (found)
        return found - data + 2;
    return end == FRAME_LINE_MAX ? -EMSGSIZE : 0;
}

static uint32_t number_at(const uint8_t *data, size_t at, bool little) {
    uint32_t a = data[at], b = data[at + 1], c = data[at + 2], d = data[at + 3];
    return little ? a | b << 8 | c << 16 | d << 24 : a << 24 | b << 16 | c << 8 | d;
}

/* The header is: byte order, type, flags, version, body's length, serial, fields' length; then the
 * fields, padded to 8, and the body. */
ssize_t frame_message(const uint8_t *data, size_t length, size_t max) {
    if (length > 0 && data[0] != 'l' && data[0] != 'B')
        return -EBADMSG;
    if (length > 3 && data[3] != 1)
        return -EBADMSG;
    if (length < HEADER_SIZE)
        return 0;
    bool little = data[0] == 'l';
    uint64_t body = number_at(data, 4, little), fields = number_at(data, 12, little);
    uint64_t whole = HEADER_SIZE + ((fields + 7) & ~UINT64_C(7)) + body;
    if (whole > max)
        return -EMSGSIZE;
    return length >= whole ? (ssize_t)whole : 0;
}
