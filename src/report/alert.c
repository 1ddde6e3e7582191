/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/alert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "model/reach.h"
#include "model/sentence.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

int severity_priority(Severity severity) {
    static const int priorities[SEVERITY_COUNT] = {
        [SEVERITY_NOTICE] = LOG_NOTICE,
        [SEVERITY_WARNING] = LOG_WARNING,
        [SEVERITY_ERROR] = LOG_ERR,
        [SEVERITY_CRITICAL] = LOG_CRIT,
    };
    return priorities[severity];
}

/* The interface of the widest way in: what a person has to know first. */
static const char *widest_interface(const ListenerAlert *alert) {
    const char *name = NULL;
    Scope widest = SCOPE_LOOPBACK;
    Way way;

    for (ReachIterator i = {}; reach_next(&i, &alert->listener->endpoint, alert->links, &way);)
        if (way.link && (!name || way.scope > widest)) {
            name = way.link->name;
            widest = way.scope;
        }
    return name;
}

static void add_endpoint(Record *record, const ListenerAlert *alert) {
    const Listener *listener = alert->listener;
    const Link *device = link_table_find(alert->links, listener->endpoint.ifindex);
    char id[LISTENER_ID_SIZE], address[ADDRESS_SIZE];

    listener_id(listener, &alert->netns, id);
    address_format(&listener->endpoint.address, address);
    record_add(record, "SOCKAUDIT_ID", id);
    record_add(record, "SOCKAUDIT_PROTO", proto_name(listener->endpoint.proto));
    record_add(record, "SOCKAUDIT_ADDRESS", address);
    record_add_number(record, "SOCKAUDIT_PORT", listener->endpoint.port);
    record_add(record, "SOCKAUDIT_DEVICE", device ? device->name : NULL);
    record_add(record, "SOCKAUDIT_SCOPE", scope_name(listener->scope));
    record_add(record, "SOCKAUDIT_INTERFACE", widest_interface(alert));
    if (listener->uid != (uint32_t)-1)
        record_add_number(record, "SOCKAUDIT_UID", listener->uid);
    record_add(record, "SOCKAUDIT_USER", alert->user);
}

/* The words of a command line, with blanks between. NULL: out of memory, or none. */
static char *join_words(char *const *words) {
    size_t length = 1;
    for (char *const *word = words; *word; word++)
        length += strlen(*word) + 1;
    char *joined = malloc(length), *end = joined;
    for (char *const *word = words; joined && *word; word++) {
        if (word != words)
            *end++ = ' ';
        end = stpcpy(end, *word);
    }
    if (joined)
        *end = '\0';
    return joined;
}

static void add_holder(Record *record, const Holder *holder) {
    _cleanup_free_ char *cmdline = holder->cmdline ? join_words(holder->cmdline) : NULL;
    _cleanup_free_ char *chain = holder_chain(holder);

    if (holder->cmdline && !cmdline)
        record->lacks_memory = true;
    record_add(record, "SOCKAUDIT_EXE", holder->exe);
    if (holder->exe_state != EXE_UNKNOWN)
        record_add(record, "SOCKAUDIT_EXE_VERIFIED",
                   holder->exe_state == EXE_VERIFIED ? "yes" : "no");
    record_add(record, "SOCKAUDIT_CMDLINE", cmdline);
    record_add(record, "SOCKAUDIT_CWD", holder->cwd);
    record_add(record, "SOCKAUDIT_ANCESTORS", chain);
    record_add_number(record, "SOCKAUDIT_PID", (uint64_t)holder->pid);
    record_add_number(record, "OBJECT_PID", (uint64_t)holder->pid);
}

static void add_owner(Record *record, const Listener *listener) {
    const Owner *owner = listener->owner;
    const Holder *holder = owner ? listener_holder(listener) : NULL;

    if (!owner)
        return;
    record_add(record, "SOCKAUDIT_UNIT", owner->unit);
    record_add(record, "SOCKAUDIT_USER_UNIT", owner->user_unit);
    if (owner->runtime != RUNTIME_NONE)
        record_add(record, "SOCKAUDIT_CONTAINER",
                   owner->container_name ?: owner->container_id
                                          ?: container_runtime_name(owner->runtime));
    if (holder)
        add_holder(record, holder);
}

static void add_rule(Record *record, const ListenerAlert *alert) {
    const Listener *listener = alert->listener;
    const RuleInfo *rule = listener->verdict.rule;
    bool wants_advice = alert->event == REPORT_FLAGGED || alert->event == REPORT_STILL_FLAGGED;
    const char *no_advice = !wants_advice       ? NULL
                            : alert->is_builtin ? ALERT_NO_ADVICE_BUILTIN
                                                : ALERT_NO_ADVICE;

    if (rule) {
        record_add(record, "SOCKAUDIT_RULE", rule->text);
        record_add(record, "SOCKAUDIT_RULE_FILE", rule->file);
        if (rule->file)
            record_add_number(record, "SOCKAUDIT_RULE_LINE", rule->line);
    }
    record_add(record, "SOCKAUDIT_TOOL", listener->tool);
    record_add(record, "SOCKAUDIT_ADVICE", listener->advice ?: no_advice);
}

static const struct {
    const char *name;  /* SOCKAUDIT_REASON */
    const char *words; /* in messages */
} reasons[ALERT_REASON_COUNT] = {
    [ALERT_REPEATS] = {"repeats", "it opens and closes repeatedly"},
    [ALERT_RETURNED] = {"returned", "still exposed after a restart"},
    [ALERT_REMINDER] = {"reminder", "still exposed"},
    [ALERT_GONE] = {"gone", "closed"},
    [ALERT_ALLOWED] = {"policy", "allowed by the rules"},
    [ALERT_SNOOZED_BY_USER] = {"snooze", "snoozed"},
    [ALERT_ALLOWED_SINCE] = {"until", "allowed by a rule from now on"},
    [ALERT_CHANGED] = {"changed", "reachability or process changed"},
};

const char *alert_reason_name(AlertReason reason) {
    return reasons[reason].name;
}

const char *alert_reason_words(const char *name) {
    for (size_t i = 0; i < ELEMENTS(reasons); i++)
        if (reasons[i].name && strcmp(reasons[i].name, name) == 0)
            return reasons[i].words;
    return name;
}

/* Prints the text before the sentence. */
static void print_lead(const ListenerAlert *alert, FILE *out) {
    char span[DURATION_SIZE];

    format_duration(alert->duration, span);
    if (alert->event == REPORT_RESOLVED && alert->reason == ALERT_GONE)
        fprintf(out, "No longer exposed after %s: ", span);
    else if (alert->event == REPORT_RESOLVED)
        fprintf(out, "Alert closed after %s (%s): ", span, reasons[alert->reason].words);
    else if (alert->event == REPORT_TRANSIENT)
        fprintf(out, "Transient, closed after %s: ",
                alert->duration < USEC_PER_MSEC ? "less than 1ms" : span);
    else if (alert->reason == ALERT_RETURNED)
        fprintf(out, "Still exposed after a restart: ");
    else if (alert->event == REPORT_STILL_FLAGGED)
        fprintf(out, "Still exposed after %s: ", span);
    else if (alert->reason == ALERT_REPEATS)
        fprintf(out, "Opens and closes port %u repeatedly: ", alert->listener->endpoint.port);
}

static void print_also(const ListenerAlert *alert, FILE *out) {
    char text[ENDPOINT_SIZE];

    for (unsigned i = 0; i < alert->n_also && i < ALERT_ALSO_MAX; i++) {
        const Endpoint *also = &alert->also[i];
        const Link *device = also->ifindex ? link_table_find(alert->links, also->ifindex) : NULL;
        endpoint_format(also, device ? device->name : NULL, text);
        _cleanup_free_ char *escaped = text_escape_string(text);
        fprintf(out, "%s%s", i == 0 ? "" : ", ", escaped ?: "?");
    }
}

static void print_message(const ListenerAlert *alert, const char *sentence, FILE *out) {
    print_lead(alert, out);
    fputs(sentence, out);
    if (alert->n_also > 0) {
        fputs(" (also on ", out);
        print_also(alert, out);
        fputc(')', out);
    }
    if (alert->n_returned > 0)
        fprintf(out, " (returned %u time%s)", alert->n_returned, alert->n_returned == 1 ? "" : "s");
}

static void add_message(Record *record, const ListenerAlert *alert) {
    _cleanup_free_ char *sentence = listener_sentence(alert->listener, alert->links, alert->user);
    _cleanup_free_ char *message = NULL;
    size_t size;
    FILE *out = sentence ? text_stream_open(&message, &size) : NULL;

    if (out) {
        print_message(alert, sentence, out);
        if (fclose(out) == 0) {
            record_add_safe(record, "MESSAGE", message);
            return;
        }
    }
    record->lacks_memory = true;
}

/* No part of it is chosen by a process. */
static void add_also(Record *record, const ListenerAlert *alert) {
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *out = alert->n_also > 0 ? text_stream_open(&text, &size) : NULL;

    if (out)
        print_also(alert, out);
    if (out && fclose(out) == 0)
        record_add_safe(record, "SOCKAUDIT_ALSO", text);
    else if (alert->n_also > 0)
        record->lacks_memory = true;
}

void alert_forget_process(Record *record) {
    static const char *const names[][2] = {
        {"SOCKAUDIT_UNIT", "OBJECT_SYSTEMD_UNIT"},
        {"SOCKAUDIT_USER_UNIT", "OBJECT_SYSTEMD_USER_UNIT"},
    };
    size_t length;

    if (!record_drop(record, "OBJECT_PID"))
        return;
    for (size_t i = 0; i < ELEMENTS(names); i++) {
        const char *unit = record_find(record, names[i][0], &length);
        if (unit)
            record_add_safe(record, names[i][1], unit);
    }
}

int alert_of_listener(const ListenerAlert *alert, Record *ret) {
    int priority = alert->event == REPORT_RESOLVED || alert->event == REPORT_TRANSIENT
                       ? LOG_INFO
                       : severity_priority(alert->listener->verdict.severity);

    record_begin(ret, report_event_id(alert->event), report_event_name(alert->event), priority,
                 alert->realtime);
    add_message(ret, alert);
    record_add(ret, "SOCKAUDIT_REASON", reasons[alert->reason].name);
    add_endpoint(ret, alert);
    add_also(ret, alert);
    add_owner(ret, alert->listener);
    add_rule(ret, alert);
    if (alert->n_returned > 0)
        record_add_number(ret, "SOCKAUDIT_RETURNED", alert->n_returned);
    if (alert->duration > 0)
        record_add_number(ret, "SOCKAUDIT_DURATION_USEC", alert->duration);
    /* What is over has most often lost its process, too. */
    if (alert->event == REPORT_RESOLVED || alert->event == REPORT_TRANSIENT ||
        (alert->event == REPORT_FLAGGED && alert->duration > 0))
        alert_forget_process(ret);
    return record_end(ret);
}

int alert_of_daemon(ReportEvent event, int priority, usec_t realtime, const char *message,
                    Record *ret) {
    record_begin(ret, report_event_id(event), report_event_name(event), priority, realtime);
    record_add_safe(ret, "MESSAGE", message);
    return record_end(ret);
}

int alert_of_snooze(const SnoozeNote *note, Record *ret) {
    const ListenerAlert listener = {
        .listener = note->listener, .links = note->links, .netns = note->netns, .user = note->user};
    const Endpoint *endpoint = &note->listener->endpoint;
    const Link *device = link_table_find(note->links, endpoint->ifindex);
    char span[DURATION_SIZE], text[ENDPOINT_SIZE];
    _cleanup_free_ char *name = text_escape_string(note->by_user ?: "");

    record_begin(ret, report_event_id(REPORT_SNOOZED), report_event_name(REPORT_SNOOZED),
                 LOG_NOTICE, note->realtime);
    format_duration(note->span, span);
    endpoint_format(endpoint, device ? device->name : NULL, text);
    record_addf(ret, "MESSAGE", "User %s (uid %u) snoozed alerts for %s for %s",
                name && *name ? name : "without a name", note->by, text, span);
    add_endpoint(ret, &listener);
    record_add_number(ret, "SOCKAUDIT_SNOOZED_BY", note->by);
    record_add_number(ret, "SOCKAUDIT_SNOOZED_USEC", note->span);
    return record_end(ret);
}

static void format_worst(const SuppressedAlert *alert, char text[static ENDPOINT_SIZE]) {
    const Link *device = link_table_find(alert->links, alert->endpoint->ifindex);
    endpoint_format(alert->endpoint, device ? device->name : NULL, text);
}

static void add_sum(Record *record, const SuppressedAlert *alert, const char *who) {
    static const char hint[] = "run 'sockauditctl list --flagged' for the current state";
    char span[DURATION_SIZE], worst[ENDPOINT_SIZE] = "";

    format_duration(alert->span, span);
    if (alert->n_alerts > 0) {
        format_worst(alert, worst);
        record_add(record, "SOCKAUDIT_WORST", worst);
    }
    if (alert->n_unkept == 0)
        record_addf(record, "MESSAGE",
                    "%" PRIu64 " more alerts for listeners of %s in %s were suppressed, the most "
                    "severe for %s (%s); %s",
                    alert->n_alerts, who, span, worst, severity_name(alert->worst), hint);
    else if (alert->n_alerts == 0)
        record_addf(record, "MESSAGE",
                    "Listener limit reached: at least %" PRIu64
                    " listeners of %s are not monitored",
                    alert->n_unkept, who);
    else
        record_addf(record, "MESSAGE",
                    "%" PRIu64 " more alerts for listeners of %s in %s were suppressed, the most "
                    "severe for %s (%s), and at least %" PRIu64
                    " listeners are not monitored (listener limit reached); %s",
                    alert->n_alerts, who, span, worst, severity_name(alert->worst), alert->n_unkept,
                    hint);
}

int alert_of_suppressed(const SuppressedAlert *alert, Record *ret) {
    char who[32] = "other users";
    bool is_one = alert->uid != (uid_t)-1;
    int priority = alert->n_alerts > 0 ? severity_priority(alert->worst) : LOG_WARNING;

    if (is_one)
        snprintf(who, sizeof(who), "uid %" PRIu32, alert->uid);
    record_begin(ret, report_event_id(REPORT_SUPPRESSED), report_event_name(REPORT_SUPPRESSED),
                 priority, alert->realtime);
    add_sum(ret, alert, alert->is_forwards ? "the kernel (forwarded ports)" : alert->user ?: who);
    if (is_one)
        record_add_number(ret, "SOCKAUDIT_UID", alert->uid);
    record_add(ret, "SOCKAUDIT_USER", alert->user);
    record_add(ret, "SOCKAUDIT_ORIGIN", alert->is_forwards ? origin_name(ORIGIN_FORWARD) : NULL);
    record_add_number(ret, "SOCKAUDIT_DURATION_USEC", alert->span);
    return record_end(ret);
}
