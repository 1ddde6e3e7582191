/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files the `exe` rules name, kept between verdicts: with thousands of such rules, to ask for
 * each at each event would cost more than all else (10,000 rules: 45 ms an event, so 1 to 2).
 * Whatever a verdict depends on is asked for again, and all of them only when a process runs what
 * no rule names: a new program may have been installed.
 */
#include <syslog.h>

#include "daemon/daemon.h"
#include "util/limit.h"

/* Lookups of all files take at most 1/RENEW_SHARE of the time. */
#define RENEW_SHARE 100

static void renew(Daemon *daemon) {
    usec_t begin = monotonic_now();
    daemon->exes_doubted = false;
    if (policy_judge_renew_exes(daemon->judge) > 0)
        daemon->exes_changed = true;
    usec_t end = monotonic_now();
    limit_use(&daemon->exes_limit, RENEW_SHARE * (end - begin), end);
}

/* The worst that is true of one of the listener's holders. */
static ExeTableCheck check(const PolicyJudge *judge, const Owner *owner) {
    ExeTableCheck worst = EXE_TABLE_RIGHT;
    const FileId *before = NULL;

    for (size_t i = 0; i < owner->n_holders && worst != EXE_TABLE_WRONG; i++) {
        const Holder *holder = &owner->holders[i];
        if (holder->exe_state != EXE_VERIFIED || (before && file_id_equal(before, &holder->exe_id)))
            continue;
        before = &holder->exe_id;
        ExeTableCheck one = exe_table_check(judge->exes, &judge->context, before);
        worst = one > worst ? one : worst;
    }
    return worst;
}

void exes_freshen(PolicyJudge *judge, const Listener *listener) {
    Daemon *daemon = judge->userdata;

    if (daemon->judge != judge || !listener->owner) /* made this moment; nobody to ask about */
        return;
    ExeTableCheck found = check(judge, listener->owner);
    if (found == EXE_TABLE_WRONG ||
        (found == EXE_TABLE_UNNAMED && limit_used(daemon->exes_limit, monotonic_now()) == 0))
        renew(daemon);
    else if (found == EXE_TABLE_UNNAMED)
        daemon->exes_doubted = true;
}

/* The server of a file system is away, or is back. */
static void tell_stuck(Daemon *daemon, size_t n_stuck) {
    if (n_stuck > 0 && daemon->exes_stuck == 0)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Failed to read %zu program%s named in rules: the file system does not "
                       "respond. The affected rules do not match until it does",
                       n_stuck, n_stuck == 1 ? "" : "s");
    else if (n_stuck == 0 && daemon->exes_stuck > 0)
        tell_of_daemon(daemon, REPORT_SOURCE_RESTORED, LOG_INFO,
                       "All programs named in rules can be read again");
    daemon->exes_stuck = n_stuck;
}

void exes_settle(Daemon *daemon) {
    AuditTime now = daemon_now();
    const ExeTable *exes = daemon->judge->exes;

    /* Nothing tells when what is stuck no longer is. */
    if (daemon->exes_doubted || (exes && exe_table_n_stuck(exes) > 0))
        renew(daemon);
    if (daemon->judge->exes)
        tell_stuck(daemon, exe_table_n_stuck(daemon->judge->exes));
    if (!daemon->exes_changed)
        return;
    daemon->exes_changed = false;
    ledger_judge_again(daemon->ledger, &now);
}
