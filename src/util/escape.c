/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/escape.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    /* Soft hyphen, Arabic letter mark, zero-width and bidi controls, separators, joiners, BOM,
     * interlinear anchors, tags: all invisible, some of them reorder what stands around them. */
    if (c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
        (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
        (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f))
        return false;
    return true;
}

/* The longest escape of one code point is \UNNNNNNNN. */
#define ESCAPE_MAX 10

static size_t escape_code_point(char *out, unsigned c) {
    switch (c) {
    case '\n':
        return (size_t)sprintf(out, "\\n");
    case '\t':
        return (size_t)sprintf(out, "\\t");
    case '\r':
        return (size_t)sprintf(out, "\\r");
    default:
        return (size_t)sprintf(out, c < 0x80 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
}

char *text_escape(const char *text, size_t length) {
    if (length > (SIZE_MAX - 1) / ESCAPE_MAX)
        return NULL;
    char *escaped = malloc(length * ESCAPE_MAX + 1);
    if (!escaped)
        return NULL;

    char *out = escaped;
    while (length > 0) {
        unsigned c;
        size_t size = utf8_decode(text, length, &c);
        if (size == 0) {
            out += sprintf(out, "\\x%02x", (uint8_t)*text);
            size = 1;
        } else if (code_point_is_printable(c)) {
            out = mempcpy(out, text, size);
        } else {
            out += escape_code_point(out, c);
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
