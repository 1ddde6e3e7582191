/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger itself: made, asked, driven by the clock, given another policy. */
#include "audit/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "audit/ledger_internal.h"
#include "util/memory.h"

/* A clock that is more off than this was set; less is what NTP does all the time. */
#define CLOCK_STEP USEC_PER_SEC

void ledger_what_names(unsigned what, char ret[static LEDGER_WHAT_SIZE]) {
    static const char *const names[] = {"holders", "scope", "reach", "verdict", "id"};
    char *end = ret;

    *end = '\0';
    for (size_t i = 0; i < ELEMENTS(names); i++)
        if (what & 1u << i) {
            if (end != ret)
                *end++ = ' ';
            end = stpcpy(end, names[i]);
        }
}

/* --- made --- */

static uint32_t limit(uint32_t given, uint32_t or_else) {
    return given ? given : or_else;
}

static void set_limits(LedgerLimits *limits) {
    limits->sockets = limit(limits->sockets, 65536);
    limits->sockets_of_user = limit(limits->sockets_of_user, 57344);
    limits->users = limit(limits->users, 1024);
    limits->lingering = limit(limits->lingering, 4096);
    limits->lingering_of_user = limit(limits->lingering_of_user, 256);
    limits->snoozes = limit(limits->snoozes, 4096);
    limits->snoozes_of_user = limit(limits->snoozes_of_user, 256);
    limits->rate_users = limit(limits->rate_users, RATE_USERS);
}

int ledger_new(const LedgerConfig *config, const AuditTime *now, Ledger **ret) {
    _cleanup_ledger_ Ledger *ledger = calloc(1, sizeof(*ledger));
    if (!ledger)
        return -ENOMEM;
    ledger->config = *config;
    set_limits(&ledger->config.limits);
    if (getrandom(&ledger->seed, sizeof(ledger->seed), GRND_NONBLOCK) < 0)
        ledger->seed = (uint64_t)(uintptr_t)ledger; /* early boot: better than none */
    ledger->judge = config->judge;
    ledger->now = *now;
    ledger->next_until = ledger->judge->next_until(ledger->judge->userdata, now->realtime);
    ledger->sockets.size = sizeof(SocketRecord);
    ledger->entries.size = sizeof(Entry);
    ledger->alerts.size = sizeof(Alert);
    ledger->snoozes.size = sizeof(Snooze);
    ledger->n_users = ledger->config.limits.users + 1;
    ledger->users = calloc(ledger->n_users, sizeof(*ledger->users));
    ledger->rate = rate_new(ledger->config.limits.rate_users, ledger->judge->settings.burst);
    if (!ledger->users || !ledger->rate)
        return -ENOMEM;
    ledger->users[0] = (User){.uid = RATE_OTHERS, .used = true};
    *ret = TAKE_PTR(ledger);
    return 0;
}

Ledger *ledger_free(Ledger *ledger) {
    if (!ledger)
        return NULL;
    for (uint32_t i = 1; i <= ledger->entries.n_ever; i++) {
        Entry *entry = entry_at(ledger, i);
        if (entry->state != ENTRY_FREE) {
            owner_unref(entry->owner);
            free(entry->forward);
        }
    }
    pool_done(&ledger->sockets);
    pool_done(&ledger->entries);
    pool_done(&ledger->alerts);
    pool_done(&ledger->snoozes);
    table_done(&ledger->by_cookie);
    table_done(&ledger->by_key);
    table_done(&ledger->by_place);
    table_done(&ledger->by_identity);
    table_done(&ledger->snooze_by_identity);
    table_done(&ledger->user_by_uid);
    timers_done(&ledger->timers);
    rate_free(ledger->rate);
    free(ledger->users);
    free(ledger->fresh);
    free(ledger->due);
    free(ledger->restored);
    free(ledger);
    return NULL;
}

/* --- the clock --- */

static void find_next_until(Ledger *ledger) {
    const Judge *judge = ledger->judge;
    ledger->next_until = judge->next_until(judge->userdata, ledger->now.realtime);
}

/* Dates that were taken from a clock that was wrong are put right with it. */
static void shift_dates(Ledger *ledger, int64_t step) {
    for (uint32_t i = 1; i <= ledger->entries.n_ever; i++) {
        Entry *entry = entry_at(ledger, i);
        if (entry->state == ENTRY_FREE || entry->early)
            continue;
        if (step < 0 && entry->first_seen < (usec_t)-step)
            entry->first_seen = 0;
        else
            entry->first_seen += (usec_t)step;
    }
}

void ledger_begin(Ledger *ledger, const AuditTime *now) {
    int64_t before = (int64_t)(ledger->now.realtime - ledger->now.boottime);
    int64_t step = (int64_t)(now->realtime - now->boottime) - before;
    bool was_set = step > (int64_t)CLOCK_STEP || step < -(int64_t)CLOCK_STEP;

    ledger->now.realtime = now->realtime;
    if (now->boottime > ledger->now.boottime)
        ledger->now.boottime = now->boottime;
    if (was_set)
        shift_dates(ledger, step);
    /* Set back, a rule that had come to its `until` holds again. */
    if (was_set || now->realtime >= ledger->next_until) {
        find_next_until(ledger);
        entry_judge_all(ledger, RESOLVED_UNTIL);
    }
}

static void tell_sum(void *userdata, const RateSum *sum) {
    Ledger *ledger = userdata;
    LedgerChange change = {.event = LEDGER_SUPPRESSED, .sum = *sum};
    ledger_tell(ledger, &change);
}

/* Whether the timer waits for something to be seen, and there was no time to. */
static bool was_away(const Ledger *ledger, const Timer *timer) {
    uint32_t index = TIMER_INDEX(timer->id);
    if (ledger->now.boottime - timer->when <= LEDGER_AWAY)
        return false;
    return TIMER_KIND(timer->id) == TIMER_ENTRY
               ? entry_at(ledger, index)->state == ENTRY_PENDING
               : TIMER_KIND(timer->id) == TIMER_ALERT && alert_at(ledger, index)->held_down;
}

static void run_timer(Ledger *ledger, Timer *timer) {
    uint32_t index = TIMER_INDEX(timer->id);

    if (was_away(ledger, timer)) {
        timer_set(&ledger->timers, timer, ledger->now.boottime + LEDGER_AWAY);
        return;
    }
    timer_set(&ledger->timers, timer, USEC_INFINITY);
    if (TIMER_KIND(timer->id) == TIMER_ENTRY)
        entry_on_timer(ledger, index);
    else if (TIMER_KIND(timer->id) == TIMER_ALERT)
        alert_on_timer(ledger, index);
    else
        snooze_on_timer(ledger, index);
}

static void run_timers(Ledger *ledger) {
    do {
        for (Timer *timer;
             (timer = timers_first(&ledger->timers)) && timer->when <= ledger->now.boottime;)
            run_timer(ledger, timer);
        alerts_report_due(ledger);
    } while (timers_first(&ledger->timers) &&
             timers_first(&ledger->timers)->when <= ledger->now.boottime);
}

void ledger_end(Ledger *ledger) {
    ledger->links = NULL;
    if (ledger->restored && ledger->now.boottime > ledger->restored_until)
        restored_forget(ledger);
    run_timers(ledger);
    rate_tick(ledger->rate, ledger->now.boottime, tell_sum, ledger);
    ledger->closed_at = 0;
}

void ledger_tick(Ledger *ledger, const AuditTime *now) {
    ledger_begin(ledger, now);
    ledger_end(ledger);
}

usec_t ledger_next_deadline(const Ledger *ledger, const AuditTime *now) {
    const Timer *timer = timers_first(&ledger->timers);
    usec_t next = timer ? timer->when : USEC_INFINITY, sums = rate_next_deadline(ledger->rate);
    if (sums < next)
        next = sums;
    if (ledger->next_until != USEC_INFINITY) {
        usec_t until = ledger->next_until > now->realtime ? ledger->next_until - now->realtime : 0;
        until = usec_add(now->boottime, until);
        next = until < next ? until : next;
    }
    return next;
}

void ledger_tell(Ledger *ledger, LedgerChange *change) {
    change->at = ledger->now.boottime;
    ledger->config.sink(ledger->config.sink_userdata, change);
}

/* --- changed from outside --- */

void ledger_set_judge(Ledger *ledger, const Judge *judge, const AuditTime *now) {
    ledger->judge = judge; /* first: the old one may know files that are gone */
    find_next_until(ledger);
    ledger->swapping = true;
    ledger_begin(ledger, now);
    rate_set_burst(ledger->rate, judge->settings.burst);
    for (uint32_t i = 1; i <= ledger->entries.n_ever; i++) {
        Entry *entry = entry_at(ledger, i);
        if (entry->state == ENTRY_GHOST)
            entry->rule = NULL;
        else if (entry->state == ENTRY_PENDING)
            entry_set_timer(ledger, i);
    }
    entry_judge_all(ledger, RESOLVED_POLICY);
    ledger->swapping = false;
    for (uint32_t i = 1; i <= ledger->alerts.n_ever; i++)
        if (alert_at(ledger, i)->state != ALERT_FREE)
            alert_schedule(ledger, i);
    ledger_end(ledger);
}

void ledger_assume_settled(Ledger *ledger, const AuditTime *now) {
    ledger_begin(ledger, now);
    for (uint32_t i = 1; i <= ledger->entries.n_ever; i++) {
        Entry *entry = entry_at(ledger, i);
        entry->appeared = 0;
        if (entry->state == ENTRY_LIVE && entry->alert) {
            alert_at(ledger, entry->alert)->began = 0;
            alert_schedule(ledger, entry->alert);
        }
    }
    ledger_end(ledger);
}

void ledger_judge_again(Ledger *ledger, const AuditTime *now) {
    ledger_begin(ledger, now);
    entry_judge_all(ledger, RESOLVED_CHANGED);
    ledger_end(ledger);
}

void ledger_set_links(Ledger *ledger, const LinkTable *links, const AuditTime *now) {
    ledger_begin(ledger, now);
    links_take(ledger, links);
    ledger_end(ledger);
}

/* --- asked --- */

bool ledger_knows(const Ledger *ledger, uint64_t cookie) {
    return socket_find(ledger, cookie) != 0;
}

Owner *ledger_owner(const Ledger *ledger, uint64_t cookie) {
    uint32_t socket = socket_find(ledger, cookie);
    return socket ? entry_at(ledger, socket_at(ledger, socket)->entry)->owner : NULL;
}

bool ledger_find(const Ledger *ledger, uint64_t cookie, const AuditTime *now, LedgerView *ret) {
    uint32_t socket = socket_find(ledger, cookie);
    if (socket)
        *ret = entry_view(ledger, entry_at(ledger, socket_at(ledger, socket)->entry), now);
    return socket != 0;
}

bool ledger_next(const Ledger *ledger, uint32_t *at, const AuditTime *now, LedgerView *ret) {
    while (++*at <= ledger->entries.n_ever) {
        const Entry *entry = entry_at(ledger, *at);
        if (entry->state == ENTRY_PENDING || entry->state == ENTRY_LIVE) {
            *ret = entry_view(ledger, entry, now);
            return true;
        }
    }
    return false;
}

void ledger_stats(const Ledger *ledger, LedgerStats *ret) {
    *ret = (LedgerStats){
        .n_sockets = ledger->sockets.n_live,
        .n_entries = ledger->entries.n_live - ledger->n_ghosts,
        .n_pending = ledger->n_pending,
        .n_flagged = ledger->n_flagged,
        .n_snoozes = ledger->snoozes.n_live,
        .n_lingering = ledger->n_lingering,
        .n_missing = ledger->n_missing,
        .n_refused = ledger->n_refused,
        .n_told = ledger->n_told,
        .n_summed = ledger->n_summed,
        .n_evicted = ledger->n_evicted,
        .n_returned = ledger->n_returned,
    };
}

uint64_t ledger_revision(const Ledger *ledger) {
    return ledger->revision;
}
