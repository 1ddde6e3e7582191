/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/lines.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/memory.h"

static const char *priority_name(int priority) {
    switch (priority) {
    case LOG_CRIT:
        return "critical";
    case LOG_ERR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_NOTICE:
        return "notice";
    default:
        return "info";
    }
}

int record_write_line(const Record *record, FILE *out) {
    time_t seconds = (time_t)(record->time / USEC_PER_SEC);
    char clock[16] = "";
    struct tm tm;
    size_t length = 0, advice_length = 0;
    const char *message = record_find(record, "MESSAGE", &length);
    const char *advice = record_find(record, "SOCKAUDIT_ADVICE", &advice_length);

    if (localtime_r(&seconds, &tm))
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    fprintf(out, "%s.%06" PRIu64 "  %-8s  %.*s\n", clock, record->time % USEC_PER_SEC,
            priority_name(record->priority), (int)length, message ?: "");
    if (advice && record->priority < LOG_INFO)
        fprintf(out, "%27s→ to make it local: %.*s\n", "", (int)advice_length, advice);
    return fflush(out) == 0 ? 0 : -EIO;
}

/* Those of the journal's own that the JSON has under another name, or not at all. */
static bool is_left_out(const char *name, size_t length) {
    static const char *const names[] = {"MESSAGE_ID", "SYSLOG_IDENTIFIER", "PRIORITY",
                                        "OBJECT_PID"};
    for (size_t i = 0; i < ELEMENTS(names); i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return true;
    return false;
}

static bool is_number(const char *key) {
    static const char *const keys[] = {"port", "uid", "pid", "rule_line", "duration_usec"};
    for (size_t i = 0; i < ELEMENTS(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static int add_field(json_t *object, const struct iovec *field) {
    static const char prefix[] = "SOCKAUDIT_";
    const char *name = field->iov_base, *value = strchr(name, '=') + 1;
    size_t length = (size_t)(value - name) - 1;
    char key[64];

    if (is_left_out(name, length))
        return 0;
    if (strncmp(name, prefix, strlen(prefix)) == 0) {
        name += strlen(prefix);
        length -= strlen(prefix);
    }
    if (length >= sizeof(key))
        return -EINVAL;
    for (size_t i = 0; i < length; i++)
        key[i] = (char)tolower((unsigned char)name[i]);
    key[length] = '\0';

    json_t *json = is_number(key) ? json_integer(strtoll(value, NULL, 10)) : json_string(value);
    return json_object_set_new(object, key, json) < 0 ? -ENOMEM : 0;
}

int record_write_json(const Record *record, FILE *out) {
    char time_text[RFC3339_SIZE];
    size_t length;
    const char *id = record_find(record, "MESSAGE_ID", &length);
    json_t *object = json_object();
    int r = object ? 0 : -ENOMEM;

    format_rfc3339(record->time, time_text);
    if (r == 0 && (json_object_set_new(object, "time", json_string(time_text)) < 0 ||
                   json_object_set_new(object, "priority", json_integer(record->priority)) < 0 ||
                   (id && json_object_set_new(object, "message_id", json_string(id)) < 0)))
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < record->n_fields; i++)
        r = add_field(object, &record->fields[i]);
    _cleanup_free_ char *text = r == 0 ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (r == 0 && !text)
        r = -ENOMEM;
    if (r == 0 && (fprintf(out, "%s\n", text) < 0 || fflush(out) != 0))
        r = -EIO;
    return r;
}
