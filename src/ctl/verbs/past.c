/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "report/ids.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* Longer values are passed over: the daemon writes none (RECORD_VALUE_MAX and its mark). */
#define VALUE_MAX 8192

#define SERVICE "sockaudit.service"

static bool number(const char *value, uint64_t max, uint64_t *ret) {
    return parse_unsigned(value, strlen(value), max, ret) == 0;
}

static int keep(char **member, const char *value) {
    free(*member);
    *member = strdup(value);
    return *member ? 0 : -ENOMEM;
}

static void take_address(Past *past, const char *value) {
    (void)address_parse(value, &past->listener.endpoint.address);
}

/* By the journal's word, and a filter may ask for it as `explain` may assume it. */
static int take_exe(Past *past, const char *value) {
    Owner *owner = past->listener.owner;
    if (!owner->holders) {
        owner->holders = calloc(1, sizeof(*owner->holders));
        if (!owner->holders)
            return -ENOMEM;
        owner->n_holders = owner->n_holders_seen = 1;
        owner->complete = true;
        owner->holders[0] = (Holder){.fd = -1, .uid = (uid_t)-1, .exe_state = EXE_ASSUMED};
    }
    return keep(&owner->holders[0].exe, value);
}

static int take_field(Past *past, const char *name, const char *value) {
    Listener *listener = &past->listener;
    uint64_t parsed;

    if (strcmp(name, "_PROTO") == 0)
        (void)proto_parse(value, &listener->endpoint.proto);
    else if (strcmp(name, "_ADDRESS") == 0)
        take_address(past, value);
    else if (strcmp(name, "_PORT") == 0 && number(value, UINT16_MAX, &parsed))
        listener->endpoint.port = (uint16_t)parsed;
    else if (strcmp(name, "_SCOPE") == 0)
        (void)scope_parse(value, &listener->scope);
    else if (strcmp(name, "_UID") == 0 && number(value, UINT32_MAX, &parsed))
        listener->uid = (uint32_t)parsed;
    else if (strcmp(name, "_UNIT") == 0)
        return keep(&listener->owner->unit, value);
    else if (strcmp(name, "_USER_UNIT") == 0)
        return keep(&listener->owner->user_unit, value);
    else if (strcmp(name, "_TOOL") == 0)
        return keep(&listener->tool, value);
    else if (strcmp(name, "_EXE") == 0)
        return take_exe(past, value);
    return 0;
}

/* What journald adds, and no sender can. */
static void take_trusted(Past *past, const char *name, const char *value) {
    uint64_t uid;
    if (strcmp(name, "_UID") == 0 && number(value, UINT32_MAX, &uid))
        past->writer_uid = (uint32_t)uid;
    else if (strcmp(name, "_SYSTEMD_UNIT") == 0)
        past->writer_is_service = strcmp(value, SERVICE) == 0;
}

int past_take(Past *past, const char *data, size_t length) {
    static const char ours[] = "SOCKAUDIT";
    const char *equals = memchr(data, '=', length);

    if (!equals || length > VALUE_MAX || memchr(data, 0, length))
        return 0;
    _cleanup_free_ char *name = strndup(data, (size_t)(equals - data));
    _cleanup_free_ char *value = strndup(equals + 1, length - (size_t)(equals + 1 - data));
    if (!name || !value)
        return -ENOMEM;
    if (name[0] == '_') {
        take_trusted(past, name, value);
        return 0;
    }
    if (strcmp(name, "PRIORITY") == 0)
        past->priority =
            value[0] >= '0' && value[0] <= '7' && !value[1] ? value[0] - '0' : LOG_INFO;
    if (strncmp(name, ours, sizeof(ours) - 1) != 0 && strcmp(name, "MESSAGE") != 0 &&
        strcmp(name, "MESSAGE_ID") != 0 && strcmp(name, "PRIORITY") != 0)
        return 0;
    record_add(&past->record, name, value);
    return strncmp(name, ours, sizeof(ours) - 1) == 0
               ? take_field(past, name + sizeof(ours) - 1, value)
               : 0;
}

int past_read(sd_journal *journal, Past *ret) {
    const void *data;
    size_t length;

    *ret = (Past){
        .writer_uid = (uint32_t)-1,
        .priority = LOG_INFO,
        .listener = {.uid = (uint32_t)-1, .owner = owner_new()},
    };
    ret->listener.endpoint.address.family = AF_INET;
    if (!ret->listener.owner)
        return -ENOMEM;
    int r = sd_journal_get_realtime_usec(journal, &ret->record.time);
    if (r < 0)
        return r;
    SD_JOURNAL_FOREACH_DATA(journal, data, length) {
        r = past_take(ret, data, length);
        if (r < 0)
            return r;
    }
    ret->record.priority = ret->priority;
    return record_end(&ret->record);
}

void past_done(Past *past) {
    record_done(&past->record);
    owner_unref(past->listener.owner);
    past->listener.owner = NULL;
}

bool past_is_ours(const Past *past) {
    return past->writer_uid == 0 || past->writer_is_service;
}

const char *past_word(const Past *past) {
    size_t length = 0;
    const char *event = record_find(&past->record, "SOCKAUDIT_EVENT", &length);

    if (!event)
        return "?";
    if (strncmp(event, "still-flagged", length) == 0 && length > 7)
        return "still";
    if (strncmp(event, "resolved", length) == 0)
        return "resolved";
    if (strncmp(event, "transient", length) == 0)
        return "transient";
    if (strncmp(event, "suppressed", length) == 0)
        return "suppressed";
    return past->priority <= LOG_CRIT      ? "critical"
           : past->priority == LOG_ERR     ? "error"
           : past->priority == LOG_WARNING ? "warning"
                                           : "notice";
}
