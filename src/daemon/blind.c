/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the sockets can't be dumped, or not all of them: told once, and tried again. */
#include <string.h>
#include <syslog.h>

#include "daemon/daemon.h"

/* Looks in a row that fail until it is told. */
#define BLIND_TOLD 3

/* The longer it goes on, the less often it is tried. */
void events_look_again(Daemon *daemon) {
    usec_t delay = CONFIRM_DELAY << (daemon->n_blind < 8 ? daemon->n_blind : 8);
    reconcile_in(daemon, delay < RECONCILE_PERIOD ? delay : RECONCILE_PERIOD);
}

/* How completely the last full dump shows what TCP and UDP have, and if not so, why. */
static CoverageState coverage_of_dump(const Daemon *daemon, const char **ret_why) {
    CoverageState worst = COVERAGE_FULL;

    for (Proto proto = 0; proto < PROTO_COUNT; proto++) {
        const Coverage *coverage = &daemon->all->coverage[proto];
        if ((proto != PROTO_TCP && proto != PROTO_UDP) || coverage->absent ||
            coverage->state <= worst)
            continue;
        worst = coverage->state;
        *ret_why = coverage->why;
    }
    return worst;
}

void events_looked(Daemon *daemon, int result) {
    const char *why = strerror(-result);
    CoverageState state = result < 0 ? COVERAGE_UNAVAILABLE : coverage_of_dump(daemon, &why);

    if (state == COVERAGE_FULL) {
        if (daemon->blind_told)
            tell_of_daemon(daemon, REPORT_SOURCE_RESTORED, LOG_INFO, "Sockets can be dumped again");
        daemon->blind_told = false;
        daemon->n_blind = 0;
        return;
    }
    daemon->n_blind++;
    /* A dump that changes while it is read is no fault: anybody can make it so. */
    if (state == COVERAGE_UNAVAILABLE && daemon->n_blind >= BLIND_TOLD && !daemon->blind_told) {
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Failed to dump sockets: %s. Listeners that generate no event are not "
                       "detected",
                       why);
        daemon->blind_told = true;
    }
    events_look_again(daemon);
}
