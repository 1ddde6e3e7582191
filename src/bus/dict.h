/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures as `a{sv}` and back, by one table of fields for both directions. Reading trusts
 * nothing: types, lengths and words are checked; unknown keys are passed over, so that fields may
 * be added; what lacks keeps its value.
 *
 * D-Bus strings must be UTF-8, and names and paths need not be. So a text is an `s` where it is
 * valid, else the raw bytes as `ay`; a list of texts is `as` or `aay`. Readers take both. No byte
 * is lost, and `busctl` shows what a person can read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "util/cleanup.h"

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

/* Longer texts and vectors are refused when read, and cut when written. */
#define DICT_TEXT_MAX   (32 * 1024) /* bytes */
#define DICT_VECTOR_MAX 1024        /* texts */

/* Appends to a message; the first error stays, and what follows it does nothing. */
typedef struct DictWriter {
    sd_bus_message *message; /* borrowed */
    size_t size;             /* bytes appended so far, about */
    int error;               /* 0 or a negative errno */
} DictWriter;

typedef enum FieldType {
    FIELD_BOOL,   /* bool, `b` */
    FIELD_U8,     /* uint8_t, `y` */
    FIELD_U16,    /* uint16_t, `q` */
    FIELD_U32,    /* uint32_t, `u` */
    FIELD_UID,    /* uid_t, `u`; (uid_t) -1, not known, is left out */
    FIELD_I32,    /* int32_t, `i` */
    FIELD_U64,    /* uint64_t, `t` */
    FIELD_SIZE,   /* size_t, `t` */
    FIELD_TEXT,   /* char *, raw bytes; NULL is left out; owned when read */
    FIELD_VECTOR, /* char **, NULL-terminated; as above */
    FIELD_BYTES,  /* char[N], NUL-terminated raw bytes */
    FIELD_WORD,   /* an enum, `s`: one of the names of `word` */
    FIELD_OTHER,  /* by `write` and `read` */
} FieldType;

typedef struct Field {
    const char *name; /* NULL ends a table */
    FieldType type;
    size_t offset; /* in the structure */
    size_t size;   /* FIELD_BYTES: N; FIELD_WORD: how many there are */
    const char *(*word)(unsigned value);
    const char *signature;                                 /* FIELD_OTHER: of the variant */
    void (*write)(DictWriter *writer, const void *member); /* NULL: left out */
    /* The message stands before the value. Returns 0 or a negative errno. */
    int (*read)(sd_bus_message *message, void *member);
} Field;

/* A dictionary is of one or more structures. An end: fields NULL. */
typedef struct DictPart {
    const Field *fields;
    void *base; /* only read when written from */
} DictPart;

void dict_open(DictWriter *writer);
void dict_append(DictWriter *writer, const DictPart *parts);
/* One more entry of the dictionary that is open. */
void dict_append_bool(DictWriter *writer, const char *name, bool value);
void dict_append_number(DictWriter *writer, const char *name, uint64_t value);
void dict_append_text(DictWriter *writer, const char *name, const char *text);
void dict_close(DictWriter *writer);

/* An array of dictionaries, or any other container, with the error kept. */
void dict_container_open(DictWriter *writer, char type, const char *contents);
void dict_container_close(DictWriter *writer);

/*
 * Reads one `a{sv}` into the structures, which must be valid (zeroed) before; texts that are there
 * are freed. Returns 0, -EBADMSG (wrong type, wrong length, unknown word), -ENOMEM. The structures
 * are valid after an error, too, and must be released.
 */
int dict_read(sd_bus_message *message, const DictPart *parts);

/* Whether it may be an `s`: UTF-8 without what D-Bus refuses. */
bool text_is_bus_string(const char *text);
