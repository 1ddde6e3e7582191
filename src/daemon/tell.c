/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ctl/audit.h"
#include "ctl/print/names.h"
#include "daemon/daemon.h"
#include "model/reach.h"
#include "owner/ancestors.h"
#include "util/cleanup.h"

#define FLUSH_PERIOD USEC_PER_SEC

static int on_flush(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;

    if (journal_flush(daemon->journal) > 0) {
        sd_event_source_set_time(source, time + FLUSH_PERIOD);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    } else {
        state_sure(daemon);
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

/* Nobody reads any more: there is nothing left to do. A full disk may have room again. */
void tell_output_broken(Daemon *daemon, int error) {
    if (!daemon->output_broken && error != EPIPE)
        fprintf(stderr, "sockauditd: cannot write to standard output: %s\n", strerror(error));
    daemon->output_broken = true;
    clearerr(stdout);
    if (error == EPIPE)
        (void)sd_event_exit(daemon->loop, 0); /* as greet_watch_reader() has it */
}

/* What stands at the start is in the table that greets; a line for it would tell it twice. */
static int print_record(Daemon *daemon, const Record *record) {
    size_t length;

    errno = 0;
    int r = daemon->options.json ? record_write_json(record, stdout)
            : daemon->greeted || !record_find(record, "SOCKAUDIT_ID", &length)
                ? record_write_line(record, &daemon->look, stdout)
                : 0;
    if (r == -EIO)
        tell_output_broken(daemon, errno ?: EIO);
    else if (r == 0)
        daemon->output_broken = false;
    return r < 0 ? r : 1;
}

/* Returns 1: told; 0: kept for a journald that is away; or a negative errno. */
static int send_record(Daemon *daemon, Record *record) {
    if (!daemon->journal)
        return print_record(daemon, record);
    int r = journal_send(daemon->journal, record);
    if (r == 0)
        flush_later(daemon);
    else if (r > 0)
        state_sure(daemon); /* what was kept went before it */
    return r;
}

/* Makes and sends it; once more with the reserve where memory is short. As send_record(). */
static int send_made(Daemon *daemon, int (*make)(const void *what, Record *record),
                     const void *what) {
    int r;

    do {
        _cleanup_(record_done) Record record = {};
        r = make(what, &record);
        if (r >= 0)
            r = send_record(daemon, &record);
    } while (r == -ENOMEM && daemon_spend(daemon));
    return r;
}

static int make_alert(const void *what, Record *record) {
    return alert_of_listener(what, record);
}

AlertReason tell_reason(const LedgerChange *change) {
    static const AlertReason resolved[] = {
        [RESOLVED_GONE] = ALERT_GONE,
        [RESOLVED_POLICY] = ALERT_ALLOWED,
        [RESOLVED_SNOOZE] = ALERT_SNOOZED_BY_USER,
        [RESOLVED_UNTIL] = ALERT_ALLOWED_SINCE,
        [RESOLVED_CHANGED] = ALERT_CHANGED,
    };
    if (change->event == LEDGER_RESOLVED)
        return resolved[change->why];
    if (change->event == LEDGER_STILL_FLAGGED)
        return change->returned ? ALERT_RETURNED : ALERT_REMINDER;
    return change->repeats ? ALERT_REPEATS : ALERT_NEW;
}

static void tell_listener(Daemon *daemon, const LedgerChange *change, ReportEvent event) {
    Listener listener = change->view.listener;
    AuditTime now = daemon_now();

    /* Of one that was gone when this daemon began nothing was looked up. */
    if (!listener.verdict.rule && listener.origin == ORIGIN_SOCKET && daemon->all->links)
        listener.scope = endpoint_scope(&listener.endpoint, daemon->all->links);
    if (listener.owner)
        (void)owner_read_ancestors(daemon->machine.proc_fd, listener.owner);
    if (event == REPORT_FLAGGED || event == REPORT_STILL_FLAGGED)
        audit_advise(daemon->advice, &listener);
    else
        audit_recognise(daemon->advice, &listener);
    const ListenerAlert alert = {
        .event = event,
        .listener = &listener,
        .links = daemon->all->links,
        .netns = change->view.netns,
        .user = listener.uid == (uint32_t)-1 ? NULL : user_name(listener.uid),
        .realtime = now.realtime,
        .duration = event == REPORT_FLAGGED && !change->brief ? 0 : change->duration,
        .reason = tell_reason(change),
        .also = change->also,
        .n_also = change->n_also,
        .n_returned = change->n_returned,
        .is_builtin = daemon->rules_kind == RULES_BUILTIN,
    };
    /* A reminder or the news that it is over may come twice; that is no reason to ask. */
    if (event == REPORT_FLAGGED)
        state_note(daemon, change, STATE_TELLING);
    int r = send_made(daemon, make_alert, &alert);
    if (event == REPORT_TRANSIENT)
        ; /* not an alert, so it is not recorded */
    else if (r > 0)
        state_note(daemon, change, STATE_TOLD);
    else
        state_unsure(daemon, change->at);
    audit_drop_advice(&listener);
}

static int make_sum(const void *what, Record *record) {
    return alert_of_suppressed(what, record);
}

static void tell_sum(Daemon *daemon, const RateSum *sum) {
    bool is_forwards = sum->uid == RATE_FORWARDS;
    const SuppressedAlert what = {
        .uid = is_forwards ? (uid_t)-1 : sum->uid,
        .user = sum->uid == RATE_OTHERS || is_forwards ? NULL : user_name(sum->uid),
        .is_forwards = is_forwards,
        .worst = sum->worst,
        .endpoint = &sum->endpoint,
        .links = daemon->all->links,
        .n_alerts = sum->n_flagged + sum->n_reminders,
        .n_unkept = sum->n_refused,
        .span = sum->span,
        .realtime = daemon_now().realtime,
    };
    (void)send_made(daemon, make_sum, &what);
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
    case LEDGER_GONE:
        if (change->transient)
            tell_listener(daemon, change, REPORT_TRANSIENT);
        break;
    case LEDGER_APPEARED:
    case LEDGER_CHANGED:
    default:
        break;
    }
}

static int make_snooze(const void *what, Record *record) {
    return alert_of_snooze(what, record);
}

void tell_snooze(Daemon *daemon, const LedgerView *view, const BusSnooze *snooze) {
    /* Copy the name: the next call of user_name() overwrites it. */
    _cleanup_free_ char *by_user = strdup(user_name(snooze->uid) ?: "");
    const SnoozeNote note = {
        .listener = &view->listener,
        .links = daemon->all->links,
        .netns = view->netns,
        .user = view->listener.uid == (uint32_t)-1 ? NULL : user_name(view->listener.uid),
        .by = snooze->uid,
        .by_user = by_user,
        .span = snooze->span,
        .realtime = daemon_now().realtime,
    };
    (void)send_made(daemon, make_snooze, &note);
}

typedef struct News {
    ReportEvent event;
    int priority;
    usec_t realtime;
    const char *message;
} News;

static int make_news(const void *what, Record *record) {
    const News *news = what;
    return alert_of_daemon(news->event, news->priority, news->realtime, news->message, record);
}

void tell_of_daemon(Daemon *daemon, ReportEvent event, int priority, const char *format, ...) {
    _cleanup_free_ char *message = NULL;
    int n;

    do {
        va_list arguments;
        va_start(arguments, format);
        n = vasprintf(&message, format, arguments);
        va_end(arguments);
    } while (n < 0 && daemon_spend(daemon));
    if (n < 0) {
        message = NULL; /* it is undefined */
        return;
    }
    const News what = {event, priority, daemon_now().realtime, message};
    (void)send_made(daemon, make_news, &what);
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
