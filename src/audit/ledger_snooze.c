/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snoozes: identities of which nobody wants to hear for a while. */
#include <errno.h>

#include "audit/ledger_internal.h"

uint32_t snooze_find(const Ledger *ledger, const Identity *identity) {
    uint32_t index;
    if (ledger->snoozes.n_live == 0)
        return 0;
    for (size_t at = TABLE_BEGIN; (index = table_next(&ledger->snooze_by_identity,
                                                      identity_hash(identity, ledger->seed), &at));)
        if (identity_equal(&snooze_at(ledger, index)->identity, identity))
            break;
    return index;
}

static int snooze_new(Ledger *ledger, const Identity *identity, uint32_t *ret_index) {
    const LedgerLimits *limits = &ledger->config.limits;
    uint16_t user = user_get(ledger, identity->uid);
    uint32_t index;
    int r = ledger->users[user].n_snoozes >= limits->snoozes_of_user ? -EDQUOT
            : ledger->snoozes.n_live >= limits->snoozes              ? -ENOSPC
                                                        : pool_add(&ledger->snoozes, &index);
    if (r < 0) {
        user_put(ledger, user);
        return r;
    }
    *snooze_at(ledger, index) = (Snooze){
        .user = user,
        .used = true,
        .identity = *identity,
        .timer.id = TIMER_ID(TIMER_SNOOZE, index),
    };
    ledger->users[user].n_snoozes++;
    r = timers_reserve(&ledger->timers, (size_t)ledger->entries.n_live + ledger->alerts.n_live +
                                            ledger->snoozes.n_live);
    if (r >= 0)
        r = table_add(&ledger->snooze_by_identity, identity_hash(identity, ledger->seed), index);
    if (r < 0) {
        pool_remove(&ledger->snoozes, index);
        ledger->users[user].n_snoozes--;
        user_put(ledger, user);
        return r;
    }
    *ret_index = index;
    return 0;
}

int snooze_set(Ledger *ledger, const Identity *identity, usec_t until) {
    uint32_t index = snooze_find(ledger, identity);
    if (!index) {
        int r = snooze_new(ledger, identity, &index);
        if (r < 0)
            return r;
    }
    if (until == USEC_INFINITY)
        until--; /* a timer of USEC_INFINITY is none */
    timer_set(&ledger->timers, &snooze_at(ledger, index)->timer, until);
    ledger->revision++;
    return 0;
}

void snooze_copy(Ledger *ledger, const Entry *entry, uint64_t who) {
    Identity identity = alert_key(entry);
    uint32_t index = snooze_find(ledger, &identity);

    identity.who = who;
    if (index && !snooze_find(ledger, &identity))
        (void)snooze_set(ledger, &identity, snooze_at(ledger, index)->timer.when);
}

static void snooze_free(Ledger *ledger, uint32_t index) {
    Snooze *snooze = snooze_at(ledger, index);
    uint16_t user = snooze->user;
    timer_set(&ledger->timers, &snooze->timer, USEC_INFINITY);
    table_remove(&ledger->snooze_by_identity, identity_hash(&snooze->identity, ledger->seed),
                 index);
    pool_remove(&ledger->snoozes, index);
    ledger->users[user].n_snoozes--;
    user_put(ledger, user);
    ledger->revision++;
}

void snooze_on_timer(Ledger *ledger, uint32_t index) {
    Identity identity = snooze_at(ledger, index)->identity;
    snooze_free(ledger, index);
    uint32_t alert = alert_find(ledger, &identity);
    if (alert)
        alert_unsnooze(ledger, alert);
}

static bool is_alerted(const Ledger *ledger, uint32_t alert) {
    return alert && (alert_at(ledger, alert)->state == ALERT_REPORTED ||
                     alert_at(ledger, alert)->state == ALERT_SNOOZED);
}

int ledger_snooze(Ledger *ledger, uint64_t cookie, usec_t span, bool only_alerted,
                  const AuditTime *now) {
    ledger_begin(ledger, now);
    uint32_t socket = socket_find(ledger, cookie);
    if (!socket)
        return -ENOENT;
    const Entry *entry = entry_at(ledger, socket_at(ledger, socket)->entry);
    Identity identity = alert_key(entry);
    uint32_t snooze = snooze_find(ledger, &identity), alert = entry->alert;
    int r = 0;

    if (only_alerted && !is_alerted(ledger, alert))
        return -EPERM;
    usec_t until = usec_add(now->boottime, span);
    if (only_alerted && snooze && until > snooze_at(ledger, snooze)->timer.when)
        return -EALREADY;
    if (span > 0)
        r = snooze_set(ledger, &identity, until);
    else if (snooze)
        snooze_on_timer(ledger, snooze);
    if (r >= 0 && span > 0 && alert)
        alert_snooze(ledger, alert);
    ledger_end(ledger);
    return r;
}
