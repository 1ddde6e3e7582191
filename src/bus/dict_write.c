/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "bus/dict.h"
#include "util/escape.h"
#include "util/memory.h"

/* A key, two signatures, padding: about. */
#define ENTRY_OVERHEAD 16

/* sd-bus refuses the noncharacters, too. */
static bool is_noncharacter(unsigned code_point) {
    return (code_point >= 0xfdd0 && code_point <= 0xfdef) || (code_point & 0xfffe) == 0xfffe;
}

bool text_is_bus_string(const char *text) {
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        unsigned code_point;
        size_t n = utf8_decode(text + at, length - at, &code_point);
        if (n == 0 || is_noncharacter(code_point))
            return false;
        at += n;
    }
    return true;
}

static void keep(DictWriter *writer, int r) {
    if (writer->error == 0 && r < 0)
        writer->error = r;
}

void dict_container_open(DictWriter *writer, char type, const char *contents) {
    if (writer->error == 0)
        keep(writer, sd_bus_message_open_container(writer->message, type, contents));
}

void dict_container_close(DictWriter *writer) {
    if (writer->error == 0)
        keep(writer, sd_bus_message_close_container(writer->message));
}

static void append_basic(DictWriter *writer, char type, const void *value) {
    if (writer->error == 0)
        keep(writer, sd_bus_message_append_basic(writer->message, type, value));
}

void dict_open(DictWriter *writer) {
    dict_container_open(writer, 'a', "{sv}");
}

void dict_close(DictWriter *writer) {
    dict_container_close(writer);
}

static void entry_open(DictWriter *writer, const char *name, const char *signature) {
    dict_container_open(writer, 'e', "sv");
    append_basic(writer, 's', name);
    dict_container_open(writer, 'v', signature);
    writer->size += strlen(name) + ENTRY_OVERHEAD;
}

static void entry_close(DictWriter *writer) {
    dict_container_close(writer);
    dict_container_close(writer);
}

static void append_bytes(DictWriter *writer, const char *text) {
    size_t length = strnlen(text, DICT_TEXT_MAX);
    if (writer->error == 0)
        keep(writer, sd_bus_message_append_array(writer->message, 'y', text, length));
    writer->size += length + 8;
}

static void append_string(DictWriter *writer, const char *text) {
    append_basic(writer, 's', text);
    writer->size += strlen(text) + 8;
}

static void write_text(DictWriter *writer, const char *name, const char *text) {
    bool is_string = strlen(text) <= DICT_TEXT_MAX && text_is_bus_string(text);
    entry_open(writer, name, is_string ? "s" : "ay");
    if (is_string)
        append_string(writer, text);
    else
        append_bytes(writer, text);
    entry_close(writer);
}

static void write_vector(DictWriter *writer, const char *name, char *const *vector) {
    bool are_strings = true;
    for (char *const *text = vector; *text && are_strings; text++)
        are_strings = strlen(*text) <= DICT_TEXT_MAX && text_is_bus_string(*text);

    entry_open(writer, name, are_strings ? "as" : "aay");
    dict_container_open(writer, 'a', are_strings ? "s" : "ay");
    for (size_t i = 0; i < DICT_VECTOR_MAX && vector[i]; i++)
        if (are_strings)
            append_string(writer, vector[i]);
        else
            append_bytes(writer, vector[i]);
    dict_container_close(writer);
    entry_close(writer);
}

static void write_basic(DictWriter *writer, const char *name, char type, const void *value) {
    const char signature[] = {type, '\0'};
    entry_open(writer, name, signature);
    append_basic(writer, type, value);
    entry_close(writer);
}

void dict_append_bool(DictWriter *writer, const char *name, bool value) {
    int wide = value;
    write_basic(writer, name, 'b', &wide);
}

void dict_append_number(DictWriter *writer, const char *name, uint64_t value) {
    write_basic(writer, name, 't', &value);
}

void dict_append_text(DictWriter *writer, const char *name, const char *text) {
    if (text)
        write_text(writer, name, text);
}

static void write_other(DictWriter *writer, const Field *field, const void *member) {
    if (!field->write)
        return;
    entry_open(writer, field->name, field->signature);
    field->write(writer, member);
    entry_close(writer);
}

static void write_field(DictWriter *writer, const Field *field, const void *member) {
    static const char types[] = {
        [FIELD_U8] = 'y',  [FIELD_U16] = 'q', [FIELD_U32] = 'u',
        [FIELD_I32] = 'i', [FIELD_U64] = 't',
    };
    switch (field->type) {
    case FIELD_BOOL:
        dict_append_bool(writer, field->name, *(const bool *)member);
        break;
    case FIELD_UID:
        if (*(const uid_t *)member != (uid_t)-1)
            write_basic(writer, field->name, 'u', member);
        break;
    case FIELD_U8:
    case FIELD_U16:
    case FIELD_U32:
    case FIELD_I32:
    case FIELD_U64:
        write_basic(writer, field->name, types[field->type], member);
        break;
    case FIELD_SIZE:
        dict_append_number(writer, field->name, *(const size_t *)member);
        break;
    case FIELD_TEXT:
        dict_append_text(writer, field->name, *(const char *const *)member);
        break;
    case FIELD_VECTOR:
        if (*(char *const *const *)member)
            write_vector(writer, field->name, *(char *const *const *)member);
        break;
    case FIELD_BYTES:
        write_text(writer, field->name, member);
        break;
    case FIELD_WORD:
        write_basic(writer, field->name, 's', field->word(*(const unsigned *)member));
        break;
    case FIELD_OTHER:
        write_other(writer, field, member);
        break;
    }
}

void dict_append(DictWriter *writer, const DictPart *parts) {
    for (const DictPart *part = parts; part->fields; part++)
        for (const Field *field = part->fields; field->name; field++)
            write_field(writer, field, (const char *)part->base + field->offset);
}
