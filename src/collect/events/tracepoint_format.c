/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/tracepoint_format.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/memory.h"
#include "util/parse.h"

typedef struct Text {
    const char *at;
    size_t length;
} Text;

typedef struct KnownField {
    const char *name;
    size_t member;  /* offset in TracepointFormat */
    uint64_t sizes; /* bit N: it may have N bytes */
} KnownField;

#define BYTES(n) (UINT64_C(1) << (n))
#define FIELD(name, sizes)                                                                         \
    { #name, offsetof(TracepointFormat, name), sizes }

static const KnownField known_fields[] = {
    FIELD(skaddr, BYTES(4) | BYTES(8)),
    FIELD(oldstate, BYTES(4)),
    FIELD(newstate, BYTES(4)),
    FIELD(sport, BYTES(2)),
    FIELD(family, BYTES(2)),
    FIELD(protocol, BYTES(1) | BYTES(2)),
    FIELD(saddr, BYTES(4)),
    FIELD(saddr_v6, BYTES(16)),
};

/* Cuts off what stands before `separator`, or all. Returns false at the end. */
static bool text_cut(Text *text, char separator, Text *ret) {
    if (text->length == 0)
        return false;
    const char *end = memchr(text->at, separator, text->length);
    size_t length = end ? (size_t)(end - text->at) : text->length;
    *ret = (Text){text->at, length};
    size_t step = end ? length + 1 : length;
    text->at += step;
    text->length -= step;
    return true;
}

static bool text_skip(Text *text, const char *prefix) {
    size_t length = strlen(prefix);
    while (text->length > 0 && (*text->at == ' ' || *text->at == '\t')) {
        text->at++;
        text->length--;
    }
    if (text->length < length || memcmp(text->at, prefix, length) != 0)
        return false;
    text->at += length;
    text->length -= length;
    return true;
}

/* The last word of `__u8 saddr_v6[16]`, without what stands in brackets. */
static Text declared_name(Text declaration) {
    const char *bracket = memchr(declaration.at, '[', declaration.length);
    size_t end = bracket ? (size_t)(bracket - declaration.at) : declaration.length;
    size_t start = end;

    while (start > 0 && declaration.at[start - 1] != ' ' && declaration.at[start - 1] != '*')
        start--;
    return (Text){declaration.at + start, end - start};
}

static bool text_is(const Text *text, const char *word) {
    return text->length == strlen(word) && memcmp(text->at, word, text->length) == 0;
}

/* A field whose name we know: its place must make sense, and it may be told but once. */
static int store_field(TracepointFormat *format, const Text *name, uint64_t offset, uint64_t size) {
    for (size_t i = 0; i < ELEMENTS(known_fields); i++) {
        const KnownField *known = &known_fields[i];
        if (!text_is(name, known->name))
            continue;

        TracepointField field = {(uint16_t)offset, (uint8_t)size};
        TracepointField *place = (TracepointField *)((char *)format + known->member);
        if (place->size != 0 || size > 16 || !(known->sizes & BYTES(size)) ||
            offset + size > TRACEPOINT_RECORD_MAX)
            return -EBADMSG;
        *place = field;
        if (format->least < offset + size)
            format->least = (uint16_t)(offset + size);
        return 0;
    }
    return 0;
}

/* `field:__u16 sport;	offset:24;	size:2;	signed:0;` */
static int parse_line(Text line, TracepointFormat *format) {
    Text part, declaration;
    uint64_t offset, size;

    if (text_skip(&line, "ID:")) {
        uint64_t id;
        text_skip(&line, "");
        if (format->id != 0 || parse_unsigned(line.at, line.length, UINT32_MAX, &id) < 0 || id == 0)
            return -EBADMSG;
        format->id = (uint32_t)id;
        return 0;
    }
    if (!text_skip(&line, "field:") || !text_cut(&line, ';', &declaration))
        return 0;
    if (!text_cut(&line, ';', &part) || !text_skip(&part, "offset:") ||
        parse_unsigned(part.at, part.length, UINT16_MAX, &offset) < 0 ||
        !text_cut(&line, ';', &part) || !text_skip(&part, "size:") ||
        parse_unsigned(part.at, part.length, UINT16_MAX, &size) < 0)
        return 0;
    Text name = declared_name(declaration);
    return store_field(format, &name, offset, size);
}

int tracepoint_format_parse(const char *text, size_t length, TracepointFormat *ret) {
    TracepointFormat format = {};
    Text rest = {text, length}, line;

    while (text_cut(&rest, '\n', &line)) {
        int r = parse_line(line, &format);
        if (r < 0)
            return r;
    }
    if (format.id == 0)
        return -EBADMSG;
    for (size_t i = 0; i < ELEMENTS(known_fields); i++) {
        const char *place = (const char *)&format + known_fields[i].member;
        if (((const TracepointField *)place)->size == 0)
            return -EBADMSG;
    }
    *ret = format;
    return 0;
}
