/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/escape.h"

#define CUT_MARK "…"

/* The longest head of `value` that fits and does not end inside of a character. */
static size_t cut_length(const char *value) {
    size_t length = strlen(value);
    if (length <= RECORD_VALUE_MAX)
        return length;
    length = RECORD_VALUE_MAX - strlen(CUT_MARK);
    while (length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80)
        length--;
    return length;
}

/* Does not use printf(), which would take 10 µs for the 20 fields of an alert. */
static void add(Record *record, const char *name, const char *value, size_t length,
                const char *mark) {
    size_t name_length = strlen(name);
    char *field = record->n_fields < RECORD_FIELDS_MAX
                      ? malloc(name_length + length + sizeof("=" CUT_MARK))
                      : NULL;
    if (!field) {
        record->lacks_memory = true;
        return;
    }
    char *end = mempcpy(field, name, name_length);
    *end++ = '=';
    end = stpcpy(mempcpy(end, value, length), mark);
    record->fields[record->n_fields++] =
        (struct iovec){.iov_base = field, .iov_len = (size_t)(end - field)};
}

void record_add_safe(Record *record, const char *name, const char *value) {
    size_t length = cut_length(value);
    add(record, name, value, length, value[length] ? CUT_MARK : "");
}

void record_add(Record *record, const char *name, const char *value) {
    if (!value)
        return;
    if (text_is_plain(value, strlen(value))) {
        record_add_safe(record, name, value);
        return;
    }
    _cleanup_free_ char *escaped = text_escape_string(value);
    if (escaped)
        record_add_safe(record, name, escaped);
    else
        record->lacks_memory = true;
}

void record_add_number(Record *record, const char *name, uint64_t number) {
    char digits[20], *end = digits + sizeof(digits), *begin = end;

    do
        *--begin = (char)('0' + number % 10);
    while (number /= 10);
    add(record, name, begin, (size_t)(end - begin), "");
}

void record_addf(Record *record, const char *name, const char *format, ...) {
    _cleanup_free_ char *value = NULL;
    va_list arguments;

    va_start(arguments, format);
    int n = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (n < 0) {
        value = NULL;
        record->lacks_memory = true;
        return;
    }
    record_add(record, name, value);
}

void record_begin(Record *record, const char *message_id, const char *event, int priority,
                  usec_t realtime) {
    *record = (Record){.time = realtime, .priority = priority};
    record_add(record, "MESSAGE_ID", message_id);
    record_add_number(record, "PRIORITY", (uint64_t)priority);
    record_add(record, "SYSLOG_IDENTIFIER", "sockauditd");
    record_add(record, "SOCKAUDIT_EVENT", event);
}

int record_end(const Record *record) {
    return record->lacks_memory ? -ENOMEM : 0;
}

void record_done(Record *record) {
    for (size_t i = 0; i < record->n_fields; i++)
        free(record->fields[i].iov_base);
    *record = (Record){};
}

/* Its index, or n_fields. */
static size_t field_index(const Record *record, const char *name) {
    size_t length = strlen(name), i = 0;

    for (; i < record->n_fields; i++) {
        const char *field = record->fields[i].iov_base;
        if (strncmp(field, name, length) == 0 && field[length] == '=')
            break;
    }
    return i;
}

const char *record_find(const Record *record, const char *name, size_t *ret_length) {
    size_t i = field_index(record, name), skip = strlen(name) + 1;

    if (i == record->n_fields)
        return NULL;
    *ret_length = record->fields[i].iov_len - skip;
    return (const char *)record->fields[i].iov_base + skip;
}

bool record_drop(Record *record, const char *name) {
    size_t i = field_index(record, name);

    if (i == record->n_fields)
        return false;
    free(record->fields[i].iov_base);
    record->n_fields--;
    memmove(&record->fields[i], &record->fields[i + 1],
            (record->n_fields - i) * sizeof(record->fields[i]));
    return true;
}
