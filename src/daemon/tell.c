/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "ctl/audit.h"
#include "ctl/names.h"
#include "daemon/daemon.h"
#include "util/cleanup.h"

#define FLUSH_PERIOD USEC_PER_SEC

static int on_flush(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;

    if (journal_flush(daemon->journal) > 0) {
        sd_event_source_set_time(source, time + FLUSH_PERIOD);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

/* journald is away: try until it is back. */
static void flush_later(Daemon *daemon) {
    usec_t when = monotonic_now() + FLUSH_PERIOD;

    if (!daemon->flush_timer)
        sd_event_add_time(daemon->loop, &daemon->flush_timer, CLOCK_MONOTONIC, when, 0, on_flush,
                          daemon);
    else
        sd_event_source_set_time(daemon->flush_timer, when);
    sd_event_source_set_enabled(daemon->flush_timer, SD_EVENT_ONESHOT);
}

/* What stands at the start is in the table that greets; a line for it would tell it twice. */
static void write_line(const Daemon *daemon, const Record *record) {
    size_t length;
    if (daemon->greeted || !record_find(record, "SOCKAUDIT_ID", &length))
        record_write_line(record, &daemon->look, stdout);
}

static void send_record(Daemon *daemon, Record *record) {
    if (daemon->options.json)
        record_write_json(record, stdout);
    else if (!daemon->journal)
        write_line(daemon, record);
    else if (journal_send(daemon->journal, record) == 0)
        flush_later(daemon);
}

static const char *resolved_reason(ResolvedWhy why) {
    switch (why) {
    case RESOLVED_GONE:
        return "it is gone";
    case RESOLVED_POLICY:
        return "the rules allow it now";
    case RESOLVED_SNOOZE:
        return "it is snoozed";
    case RESOLVED_UNTIL:
        return "a rule allows it from now on";
    case RESOLVED_CHANGED:
    default:
        return "it is reachable no longer as it was";
    }
}

static void tell_listener(Daemon *daemon, const LedgerChange *change, ReportEvent event) {
    _cleanup_(record_cleanup) Record record = {};
    Listener listener = change->view.listener;
    AuditTime now = daemon_now();

    if (event != REPORT_RESOLVED && audit_advise(daemon->advice, &listener, &listener.advice) < 0)
        listener.advice = NULL;
    const ListenerAlert alert = {
        .event = event,
        .listener = &listener,
        .links = daemon->all->links,
        .netns = change->view.netns,
        .user = listener.uid == (uint32_t)-1 ? NULL : user_name(listener.uid),
        .realtime = now.realtime,
        .duration = event == REPORT_FLAGGED && !change->brief ? 0 : change->duration,
        .reason = event == REPORT_RESOLVED ? resolved_reason(change->why) : NULL,
        .n_returned = change->n_returned,
    };
    state_note(daemon, change, STATE_TELLING);
    if (alert_of_listener(&alert, &record) == 0)
        send_record(daemon, &record);
    state_note(daemon, change, STATE_TOLD);
    free(listener.advice);
}

static void tell_sum(Daemon *daemon, const RateSum *sum) {
    _cleanup_(record_cleanup) Record record = {};
    const char *user = sum->uid == RATE_OTHERS ? NULL : user_name(sum->uid);
    uint64_t count = sum->n_flagged + sum->n_reminders + sum->n_refused;

    if (alert_of_suppressed(sum->uid, user, count, sum->span, daemon_now().realtime, &record) == 0)
        send_record(daemon, &record);
}

void tell_change(void *userdata, const LedgerChange *change) {
    Daemon *daemon = userdata;

    serve_change(daemon, change);
    switch (change->event) {
    case LEDGER_FLAGGED:
        tell_listener(daemon, change, REPORT_FLAGGED);
        break;
    case LEDGER_STILL_FLAGGED:
        tell_listener(daemon, change, REPORT_STILL_FLAGGED);
        break;
    case LEDGER_RESOLVED:
        tell_listener(daemon, change, REPORT_RESOLVED);
        break;
    case LEDGER_SUPPRESSED:
        tell_sum(daemon, &change->sum);
        break;
    case LEDGER_APPEARED:
    case LEDGER_CHANGED:
    case LEDGER_GONE:
    default:
        break;
    }
}

void tell_of_daemon(Daemon *daemon, ReportEvent event, int priority, const char *format, ...) {
    _cleanup_(record_cleanup) Record record = {};
    _cleanup_free_ char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    int n = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (n < 0) {
        message = NULL;
        return;
    }
    if (alert_of_daemon(event, priority, daemon_now().realtime, message, &record) == 0)
        send_record(daemon, &record);
}

void tell_source(Daemon *daemon, SourceId id, const SourceStatus *status) {
    if (status->quality == SOURCE_FULL)
        tell_of_daemon(daemon, REPORT_SOURCE_RESTORED, LOG_INFO, "%s: working again",
                       source_name(id));
    else
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING, "%s: %s; %s", source_name(id),
                       status->why, status->means);
    notify_status(daemon);
}
