/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "daemon/daemon.h"

void notify_status(const Daemon *daemon) {
    LedgerStats stats;

    if (!daemon->ledger)
        return;
    ledger_stats(daemon->ledger, &stats);
    sd_notifyf(0, "STATUS=%u listeners, %u flagged%s%s", stats.n_entries, stats.n_flagged,
               daemon->builtin ? "; judging by the built-in rules" : "",
               daemon->sources &&
                       sources_status(daemon->sources, SOURCE_TCP)->quality == SOURCE_MISSING
                   ? "; TCP is polled"
                   : "");
}

void notify_ready(const Daemon *daemon) {
    notify_status(daemon);
    sd_notify(0, "READY=1");
}

void notify_reloading(void) {
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_now());
}

void notify_stopping(void) {
    sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}
