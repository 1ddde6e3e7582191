/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/escape.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

size_t utf8_decode(const char *text, size_t length, unsigned *ret_code_point) {
    const uint8_t *byte = (const uint8_t *)text;
    size_t size;
    unsigned code_point, smallest;

    if (byte[0] < 0x80) {
        *ret_code_point = byte[0];
        return 1;
    } else if ((byte[0] & 0xe0) == 0xc0) {
        size = 2, code_point = byte[0] & 0x1fu, smallest = 0x80;
    } else if ((byte[0] & 0xf0) == 0xe0) {
        size = 3, code_point = byte[0] & 0x0fu, smallest = 0x800;
    } else if ((byte[0] & 0xf8) == 0xf0) {
        size = 4, code_point = byte[0] & 0x07u, smallest = 0x10000;
    } else {
        return 0;
    }

    if (size > length)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        code_point = code_point << 6 | (byte[i] & 0x3fu);
    }
    if (code_point < smallest || code_point > 0x10ffff ||
        (code_point >= 0xd800 && code_point <= 0xdfff))
        return 0;
    *ret_code_point = code_point;
    return size;
}

bool code_point_is_printable(unsigned c) {
    /* Unicode's Default_Ignorable_Code_Point (all invisible, some reorder what stands around them),
     * the line and paragraph separators, and the interlinear anchors; sorted. */
    static const struct {
        unsigned first, last;
    } hidden[] = {
        {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},
        {0x061c, 0x061c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
        {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < ELEMENTS(hidden) && hidden[i].first <= c; i++)
        if (c <= hidden[i].last)
            return false;
    return true;
}

/* The longest escape is \UNNNNNNNN. For one byte that came in four go out at most (\xNN): all that
 * escapes to more is a sequence of several bytes, U+0080 (two bytes) to six, U+E0000 (four) to ten.
 */
#define ESCAPE_MAX      10
#define ESCAPE_PER_BYTE 4

static size_t escape_code_point(unsigned c, char out[static ESCAPE_MAX + 1]) {
    if (c == '\n' || c == '\t' || c == '\r')
        return (size_t)snprintf(out, ESCAPE_MAX + 1, "\\%c",
                                c == '\n'   ? 'n'
                                : c == '\t' ? 't'
                                            : 'r');
    return (size_t)snprintf(out, ESCAPE_MAX + 1,
                            c < 0x80      ? "\\x%02x"
                            : c < 0x10000 ? "\\u%04x"
                                          : "\\U%08x",
                            c);
}

bool text_is_plain(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

char *text_escape(const char *text, size_t length) {
    if (text_is_plain(text, length))
        return strndup(text, length);
    if (length > (SIZE_MAX - ESCAPE_MAX - 1) / ESCAPE_PER_BYTE)
        return NULL;
    /* Room for one escape more than can come out: each is written with its NUL. */
    char *escaped = malloc(length * ESCAPE_PER_BYTE + ESCAPE_MAX + 1);
    if (!escaped)
        return NULL;

    char *out = escaped;
    while (length > 0) {
        unsigned c;
        size_t size = utf8_decode(text, length, &c);
        if (size == 0) {
            size = 1;
            out += snprintf(out, ESCAPE_MAX + 1, "\\x%02x", (uint8_t)*text);
        } else if (code_point_is_printable(c)) {
            out = mempcpy(out, text, size);
        } else {
            out += escape_code_point(c, out);
        }
        text += size;
        length -= size;
    }
    *out = '\0';

    char *fitted = realloc(escaped, (size_t)(out - escaped) + 1);
    return fitted ?: escaped;
}

char *text_escape_string(const char *text) {
    return text ? text_escape(text, strlen(text)) : NULL;
}
