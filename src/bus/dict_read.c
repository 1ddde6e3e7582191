/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/dict.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* What sd-bus tells of a message that is not what its signature says, in our words. */
static int checked(int r) {
    return r >= 0 || r == -ENOMEM ? r : -EBADMSG;
}

/* Reads an `s` or `ay`, whichever stands there, into a new string. */
static int read_raw(sd_bus_message *message, char type, char **ret) {
    const char *text;
    const void *bytes;
    size_t length;
    int r;

    if (type == 's') {
        r = checked(sd_bus_message_read_basic(message, 's', &text));
        if (r < 0)
            return r;
        length = strlen(text);
        bytes = text;
    } else {
        r = checked(sd_bus_message_read_array(message, 'y', &bytes, &length));
        if (r < 0)
            return r;
    }
    if (length > DICT_TEXT_MAX || (length > 0 && memchr(bytes, 0, length)))
        return -EBADMSG;
    char *copy = malloc(length + 1);
    if (!copy)
        return -ENOMEM;
    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    *ret = copy;
    return 0;
}

static int read_text(sd_bus_message *message, const char *signature, char **member) {
    char *text;
    if (strcmp(signature, "s") != 0 && strcmp(signature, "ay") != 0)
        return -EBADMSG;
    int r = read_raw(message, signature[0], &text);
    if (r < 0)
        return r;
    free(*member);
    *member = text;
    return 0;
}

static int read_vector(sd_bus_message *message, const char *signature, char ***member) {
    _cleanup_strv_ char **vector = NULL;
    size_t allocated = 0, n = 0;

    if (strcmp(signature, "as") != 0 && strcmp(signature, "aay") != 0)
        return -EBADMSG;
    int r = checked(sd_bus_message_enter_container(message, 'a', signature + 1));
    if (r < 0)
        return r;
    for (;;) {
        r = ARRAY_RESERVE(vector, allocated, n + 1);
        if (r < 0)
            return r;
        vector[n] = NULL;
        r = checked(sd_bus_message_at_end(message, false));
        if (r != 0)
            break;
        r = n == DICT_VECTOR_MAX ? -EBADMSG : read_raw(message, signature[1], &vector[n]);
        if (r < 0)
            break;
        n++;
    }
    if (r < 0)
        return r;
    strv_free(*member);
    *member = TAKE_PTR(vector);
    return checked(sd_bus_message_exit_container(message));
}

static int read_bytes(sd_bus_message *message, const char *signature, char *member, size_t size) {
    _cleanup_free_ char *text = NULL;
    int r = read_text(message, signature, &text);
    if (r < 0)
        return r;
    if (strlen(text) >= size)
        return -EBADMSG;
    memcpy(member, text, strlen(text) + 1);
    return 0;
}

static int read_word(sd_bus_message *message, const Field *field, unsigned *member) {
    const char *word;
    int r = checked(sd_bus_message_read_basic(message, 's', &word));
    if (r < 0)
        return r;
    for (unsigned value = 0; value < field->size; value++)
        if (strcmp(field->word(value), word) == 0) {
            *member = value;
            return 0;
        }
    return -EBADMSG;
}

static int read_bool(sd_bus_message *message, bool *member) {
    int value;
    int r = checked(sd_bus_message_read_basic(message, 'b', &value));
    if (r >= 0)
        *member = value;
    return r;
}

static int read_size(sd_bus_message *message, size_t *member) {
    uint64_t value;
    int r = checked(sd_bus_message_read_basic(message, 't', &value));
    if (r < 0)
        return r;
    if (value > SIZE_MAX)
        return -EBADMSG;
    *member = (size_t)value;
    return 0;
}

static const char *signature_of(const Field *field) {
    static const char *const signatures[] = {
        [FIELD_BOOL] = "b", [FIELD_U8] = "y",   [FIELD_U16] = "q",
        [FIELD_U32] = "u",  [FIELD_UID] = "u",  [FIELD_I32] = "i",
        [FIELD_U64] = "t",  [FIELD_WORD] = "s", [FIELD_SIZE] = "t",
    };
    return field->type == FIELD_OTHER ? field->signature : signatures[field->type];
}

/* The message stands inside the variant. */
static int read_field(sd_bus_message *message, const Field *field, const char *signature,
                      void *member) {
    switch (field->type) {
    case FIELD_TEXT:
        return read_text(message, signature, member);
    case FIELD_VECTOR:
        return read_vector(message, signature, member);
    case FIELD_BYTES:
        return read_bytes(message, signature, member, field->size);
    default:
        break;
    }
    if (strcmp(signature, signature_of(field)) != 0)
        return -EBADMSG;
    switch (field->type) {
    case FIELD_BOOL:
        return read_bool(message, member);
    case FIELD_SIZE:
        return read_size(message, member);
    case FIELD_WORD:
        return read_word(message, field, member);
    case FIELD_OTHER:
        return checked(field->read(message, member));
    default:
        return checked(sd_bus_message_read_basic(message, signature[0], member));
    }
}

static const Field *find_field(const DictPart *parts, const char *name, void **ret_base) {
    for (const DictPart *part = parts; part->fields; part++)
        for (const Field *field = part->fields; field->name; field++)
            if (strcmp(field->name, name) == 0) {
                *ret_base = part->base;
                return field;
            }
    return NULL;
}

static int read_entry(sd_bus_message *message, const DictPart *parts) {
    const char *name, *signature;
    void *base;
    char type;

    int r = checked(sd_bus_message_read_basic(message, 's', &name));
    if (r < 0)
        return r;
    const Field *field = find_field(parts, name, &base);
    if (!field)
        return checked(sd_bus_message_skip(message, "v"));
    r = checked(sd_bus_message_peek_type(message, &type, &signature));
    if (r < 0)
        return r;
    if (r == 0 || type != 'v')
        return -EBADMSG;
    r = checked(sd_bus_message_enter_container(message, 'v', signature));
    if (r < 0)
        return r;
    r = read_field(message, field, signature, (char *)base + field->offset);
    if (r >= 0)
        r = checked(sd_bus_message_exit_container(message));
    return r < 0 ? r : 0;
}

int dict_read(sd_bus_message *message, const DictPart *parts) {
    int r = checked(sd_bus_message_enter_container(message, 'a', "{sv}"));
    if (r < 0)
        return r;
    for (;;) {
        r = checked(sd_bus_message_enter_container(message, 'e', "sv"));
        if (r <= 0)
            break;
        r = read_entry(message, parts);
        if (r < 0)
            return r;
        r = checked(sd_bus_message_exit_container(message));
        if (r < 0)
            return r;
    }
    if (r >= 0)
        r = checked(sd_bus_message_exit_container(message));
    return r < 0 ? r : 0;
}
