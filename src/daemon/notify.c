/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "daemon/daemon.h"

/* So long a change waits for others to be told with: listeners that come and go must not keep the
 * service manager busy. */
#define STATUS_DELAY USEC_PER_SEC

static const char *ending(unsigned count) {
    return count == 1 ? "" : "s";
}

void notify_status(Daemon *daemon) {
    char text[sizeof(daemon->status)];
    LedgerStats stats;

    if (!daemon->ledger)
        return;
    ledger_stats(daemon->ledger, &stats);
    snprintf(text, sizeof(text), "STATUS=%u listener%s, %u flagged%s%s", stats.n_entries,
             ending(stats.n_entries), stats.n_flagged,
             daemon->rules_kind == RULES_BUILTIN      ? "; using the built-in rules"
             : daemon->rules_kind == RULES_LAST_VALID ? "; using the last valid rules"
                                                      : "",
             daemon->sources &&
                     sources_status(daemon->sources, SOURCE_SOCKETS)->quality == SOURCE_MISSING
                 ? "; listeners are polled"
                 : "");
    if (strcmp(text, daemon->status) == 0)
        return;
    memcpy(daemon->status, text, sizeof(text));
    sd_notify(0, text);
}

static int on_status_due(sd_event_source *source, uint64_t time, void *userdata) {
    (void)source, (void)time;
    notify_status(userdata);
    return 0;
}

void notify_status_soon(Daemon *daemon) {
    uint64_t when = monotonic_now() + STATUS_DELAY;
    int enabled = SD_EVENT_OFF;
    LedgerStats stats;

    ledger_stats(daemon->ledger, &stats);
    if (stats.n_entries == daemon->status_entries && stats.n_flagged == daemon->status_flagged)
        return;
    daemon->status_entries = stats.n_entries;
    daemon->status_flagged = stats.n_flagged;
    if (!daemon->status_timer) {
        (void)sd_event_add_time(daemon->loop, &daemon->status_timer, CLOCK_MONOTONIC, when, 0,
                                on_status_due, daemon);
        return;
    }
    sd_event_source_get_enabled(daemon->status_timer, &enabled);
    if (enabled != SD_EVENT_OFF)
        return;
    sd_event_source_set_time(daemon->status_timer, when);
    sd_event_source_set_enabled(daemon->status_timer, SD_EVENT_ONESHOT);
}

void notify_ready(Daemon *daemon) {
    notify_status(daemon);
    sd_notify(0, "READY=1");
}

void notify_reloading(void) {
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_now());
}

void notify_stopping(void) {
    sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}
