/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/lines.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <syslog.h>

#include "report/alert.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/serialize.h"

typedef struct PriorityLook {
    const char *name, *colour; /* the colour of the severity in the client */
} PriorityLook;

static PriorityLook priority_look(int priority) {
    static const PriorityLook looks[] = {
        [LOG_CRIT] = {"critical", "\033[1;31m"}, [LOG_ERR] = {"error", "\033[31m"},
        [LOG_WARNING] = {"warning", "\033[33m"}, [LOG_NOTICE] = {"notice", "\033[34m"},
        [LOG_INFO] = {"info", "\033[90m"},
    };
    return looks[priority >= LOG_CRIT && priority <= LOG_NOTICE ? priority : LOG_INFO];
}

/* Below the message: `before`, the field, `after`. Nothing where the record has no such field. */
static void write_below(const Record *record, const char *before, const char *field,
                        const char *after, FILE *out) {
    size_t length = 0;
    const char *value = record_find(record, field, &length);
    if (value)
        fprintf(out, "%s%.*s%s", before, (int)length, value, after);
}

#define INDENT "                        "

static void write_why(const Record *record, const LineLook *look, FILE *out) {
    size_t length;

    if (record_find(record, "SOCKAUDIT_RULE", &length)) {
        fputs(INDENT, out);
        if (!record_find(record, "SOCKAUDIT_RULE_FILE", &length))
            fputs("the default: ", out);
        write_below(record, "", "SOCKAUDIT_RULE_FILE", ":", out);
        write_below(record, "", "SOCKAUDIT_RULE_LINE", ": ", out);
        write_below(record, "", "SOCKAUDIT_RULE", "\n", out);
    }
    const char *advice = record_find(record, "SOCKAUDIT_ADVICE", &length);
    if (advice && alert_is_advice(advice))
        write_below(record,
                    look->utf8 ? INDENT "→ to make it local: " : INDENT "-> to make it local: ",
                    "SOCKAUDIT_ADVICE", "\n", out);
}

int record_write_line(const Record *record, const LineLook *look, FILE *out) {
    PriorityLook priority = priority_look(record->priority);
    char time[LOCAL_TIME_SIZE];
    size_t length = 0;
    const char *message = record_find(record, "MESSAGE", &length);

    format_local_time(record->time, time);
    fprintf(out, "%s.%03u  %s%-8s%s  %.*s\n", time + LOCAL_TIME_OF_DAY,
            (unsigned)(record->time % USEC_PER_SEC / USEC_PER_MSEC),
            look->colour ? priority.colour : "", priority.name, look->colour ? "\033[0m" : "",
            (int)length, message ?: "");
    if (record->priority < LOG_INFO)
        write_why(record, look, out);
    return fflush(out) == 0 ? 0 : -EIO;
}

/* Those of the journal's own that the JSON has under another name, or not at all. */
static bool is_left_out(const char *name, size_t length) {
    static const char *const names[] = {
        "MESSAGE_ID", "SYSLOG_IDENTIFIER",   "PRIORITY",
        "OBJECT_PID", "OBJECT_SYSTEMD_UNIT", "OBJECT_SYSTEMD_USER_UNIT"};
    for (size_t i = 0; i < ELEMENTS(names); i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return true;
    return false;
}

static bool is_number(const char *key) {
    static const char *const keys[] = {"port",          "uid",      "pid",        "rule_line",
                                       "duration_usec", "returned", "snoozed_by", "snoozed_usec"};
    return string_find(key, keys, ELEMENTS(keys)) >= 0;
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
        key[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
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
    _cleanup_free_ char *text = r == 0 ? json_serialize(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (r == 0 && !text)
        r = -ENOMEM;
    if (r == 0 && (fprintf(out, "%s\n", text) < 0 || fflush(out) != 0))
        r = -EIO;
    return r;
}
