/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Alerts: reported once, repeated, resolved once; see ledger.h. Nothing is reported while a
 * snapshot is processed. Due alerts wait in a timer, and ledger_end() reports them, most severe
 * first.
 */
#include "audit/ledger_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "model/sentence.h"
#include "util/memory.h"

/* Limit of entries that are compared to find the next shown one, because an alert may have
 * thousands. */
#define COMPARED_MAX 16
/* Probes of several addresses within this time are one search for a free port. */
#define PROBE_BURST USEC_PER_SEC
/* Time between two checks of a listener that closed before its alert. */
#define CLOSE_AWAITED (2 * USEC_PER_SEC)
/* How long an alert waits for the search for its processes, and how often that is tried. */
#define OWNER_AWAITED (10 * USEC_PER_SEC)
#define OWNER_RETRY   USEC_PER_SEC
/* Processes that were found so shortly ago are not searched for again (`set settle 0s`). */
#define OWNER_FRESH (USEC_PER_SEC / 20)
/* Deadlines of a flood are rounded to one time, so that its most severe alert is first. */
#define SETTLE_ROUNDING 20000
/* "Still exposed" is reported immediately, then after 10 s, 20 s, … up to 21 minutes. */
#define STILL_INTERVAL    (10 * USEC_PER_SEC)
#define STILL_DOUBLED_MAX 8

static uint32_t hash_of(const Ledger *ledger, const Alert *alert) {
    return identity_hash(&alert->key, ledger->seed);
}

uint32_t alert_find(const Ledger *ledger, const Identity *key) {
    uint32_t hash = identity_hash(key, ledger->seed), index;
    for (size_t at = TABLE_BEGIN; (index = table_next(&ledger->by_identity, hash, &at));)
        if (identity_equal(&alert_at(ledger, index)->key, key))
            break;
    return index;
}

static bool is_snoozed(const Ledger *ledger, const Alert *alert) {
    return snooze_find(ledger, &alert->key) != 0;
}

static uid_t payer_of(const Ledger *ledger, const Entry *entry) {
    const LedgerConfig *config = &ledger->config;
    if (entry->origin == ORIGIN_FORWARD)
        return RATE_FORWARDS;
    return config->payer ? config->payer(config->payer_userdata, entry->uid) : entry->uid;
}

static pid_t process_group(const Entry *entry) {
    const Listener listener = {.owner = entry->owner};
    const Holder *holder = listener_holder(&listener);
    return holder ? holder->group : 0;
}

/* --- allocation --- */

uint32_t alert_new(Ledger *ledger, const Identity *key) {
    uint32_t index;
    if (pool_add(&ledger->alerts, &index) < 0)
        return 0;
    if (timers_reserve(&ledger->timers, (size_t)ledger->entries.n_live + ledger->alerts.n_live +
                                            ledger->snoozes.n_live) < 0 ||
        table_add(&ledger->by_identity, identity_hash(key, ledger->seed), index) < 0) {
        pool_remove(&ledger->alerts, index);
        return 0;
    }
    *alert_at(ledger, index) = (Alert){
        .key = *key,
        .state = ALERT_SETTLING,
        .since = (BootTime)ledger->now.boottime,
        .reported = (BootTime)ledger->now.boottime,
        .timer.id = TIMER_ID(TIMER_ALERT, index),
    };
    return index;
}

static void end_hold_down(Ledger *ledger, uint32_t index) {
    Alert *alert = alert_at(ledger, index);
    if (alert->restored)
        ledger->n_restored_alerts--;
    alert->restored = false;
    if (!alert->held_down)
        return;
    User *user = &ledger->users[alert->user];
    *(alert->prev ? &alert_at(ledger, alert->prev)->next : &user->oldest_lingering) = alert->next;
    *(alert->next ? &alert_at(ledger, alert->next)->prev : &user->newest_lingering) = alert->prev;
    alert->prev = alert->next = 0;
    alert->held_down = false;
    user->n_lingering--;
    ledger->n_lingering--;
    user_put(ledger, alert->user);
}

/* Frees an alert without entries, and its tombstone. */
static void alert_free(Ledger *ledger, uint32_t index) {
    Alert *alert = alert_at(ledger, index);
    uint32_t shown = alert->shown;
    end_hold_down(ledger, index);
    timer_set(&ledger->timers, &alert->timer, USEC_INFINITY);
    table_remove(&ledger->by_identity, hash_of(ledger, alert), index);
    alert->state = ALERT_FREE;
    pool_remove(&ledger->alerts, index);
    if (shown && entry_at(ledger, shown)->state == ENTRY_GHOST)
        entry_free(ledger, shown);
    ledger->revision++;
}

/* --- entries of an alert --- */

static bool is_worse(const Entry *a, const Entry *b) {
    if (a->rests != b->rests)
        return b->rests;
    if (a->severity != b->severity)
        return a->severity > b->severity;
    return a->scope != b->scope ? a->scope > b->scope : a->family < b->family;
}

static void add_member(Ledger *ledger, uint32_t index, uint32_t entry_index) {
    Alert *alert = alert_at(ledger, index);
    Entry *entry = entry_at(ledger, entry_index);

    entry->alert = index;
    entry->alert_prev = 0;
    entry->alert_next = alert->first;
    if (alert->first)
        entry_at(ledger, alert->first)->alert_prev = entry_index;
    alert->first = entry_index;
    alert->n_live++;
    ledger->n_flagged++;
}

static uint32_t worst_member(const Ledger *ledger, const Alert *alert) {
    uint32_t worst = alert->first, at = worst;
    for (unsigned n = 0; at && n < COMPARED_MAX; n++, at = entry_at(ledger, at)->alert_next)
        if (is_worse(entry_at(ledger, at), entry_at(ledger, worst)))
            worst = at;
    return worst;
}

static void set_rests(Ledger *ledger, Entry *entry, bool rests) {
    if (entry->rests && !rests)
        ledger->n_flagged++;
    else if (!entry->rests && rests)
        ledger->n_flagged--;
    entry->rests = rests;
}

/* Removes an entry from its alert. It remains the shown one if there is no other. */
static void remove_member(Ledger *ledger, uint32_t entry_index) {
    Entry *entry = entry_at(ledger, entry_index);
    Alert *alert = alert_at(ledger, entry->alert);

    set_rests(ledger, entry, false);
    *(entry->alert_prev ? &entry_at(ledger, entry->alert_prev)->alert_next : &alert->first) =
        entry->alert_next;
    if (entry->alert_next)
        entry_at(ledger, entry->alert_next)->alert_prev = entry->alert_prev;
    entry->alert = entry->alert_prev = entry->alert_next = 0;
    alert->n_live--;
    ledger->n_flagged--;
    if (alert->n_live > 0 && alert->shown == entry_index)
        alert->shown = worst_member(ledger, alert);
}

static void join(Ledger *ledger, uint32_t index, uint32_t entry_index) {
    Alert *alert = alert_at(ledger, index);
    usec_t appeared = entry_at(ledger, entry_index)->appeared;
    if (alert->n_live == 0 || appeared < alert->began)
        alert->began = appeared;
    if (alert->n_live == 0 && alert->shown != entry_index) {
        uint32_t tombstone = alert->shown;
        if (tombstone && !alert->restored && alert->state != ALERT_SETTLING) {
            alert->n_returned++;
            alert->n_returned_ever++;
            /* A snoozed alert was reported as resolved. After the snooze it is a new alert. */
            alert->came_back = alert->state != ALERT_SNOOZED;
            ledger->n_returned++;
        }
        if (alert->restored) /* unknown from the state file */
            alert->group = process_group(entry_at(ledger, entry_index));
        end_hold_down(ledger, index);
        if (tombstone)
            entry_free(ledger, tombstone);
        alert->shown = entry_index;
    } else if (is_worse(entry_at(ledger, entry_index), entry_at(ledger, alert->shown))) {
        alert->shown = entry_index;
    }
    add_member(ledger, index, entry_index);
}

/* --- deadlines --- */

/* A service that was not reported may replace its listener continually, so all of them count. */
static usec_t settled_at(const Ledger *ledger, const Alert *alert) {
    usec_t settle = ledger->judge->settings.settle;
    usec_t began =
        alert->state == ALERT_SETTLING ? alert->began : entry_at(ledger, alert->shown)->appeared;
    usec_t at = usec_add(began, settle);
    return settle == 0 ? at : at + SETTLE_ROUNDING - at % SETTLE_ROUNDING;
}

/* Returns whether the entries differ from what was reported. */
static bool has_news(const Ledger *ledger, const Alert *alert) {
    const Entry *shown = entry_at(ledger, alert->shown);
    if (alert->n_live == 0 || shown->rests)
        return false;
    if (alert->state == ALERT_SNOOZED)
        return !is_snoozed(ledger, alert);
    return alert->state == ALERT_SETTLING || alert->came_back ||
           shown->severity > alert->severity || shown->scope > alert->scope;
}

void alert_schedule(Ledger *ledger, uint32_t index) {
    Alert *alert = alert_at(ledger, index);
    usec_t remind = ledger->judge->settings.remind, when = USEC_INFINITY;
    if (alert->n_live == 0)
        return;
    if (has_news(ledger, alert)) {
        when = settled_at(ledger, alert);
        when = when > ledger->now.boottime ? when : ledger->now.boottime;
    } else if (alert->state != ALERT_SNOOZED && remind != USEC_INFINITY &&
               !entry_at(ledger, alert->shown)->rests) {
        usec_t passed = time_since(alert->reported, &ledger->now);
        when = usec_add(ledger->now.boottime, remind > passed ? remind - passed : 0);
    }
    timer_set(&ledger->timers, &alert->timer, when);
}

/* --- reports --- */

static LedgerChange change_of(const Ledger *ledger, const Alert *alert, LedgerEvent event) {
    LedgerChange change = {
        .event = event,
        .view = entry_view(ledger, entry_at(ledger, alert->shown), &ledger->now),
        .n_returned = alert->n_returned,
        .since = alert->since,
        .duration = time_since(alert->since, &ledger->now),
        .repeats = alert->repeats,
    };
    change.view.n_returned = alert->n_returned_ever;
    for (uint32_t at = alert->first; at && change.n_also < LEDGER_ALSO_MAX;
         at = entry_at(ledger, at)->alert_next)
        if (at != alert->shown)
            change.also[change.n_also++] = entry_endpoint(entry_at(ledger, at));
    return change;
}

/* Applies the limits of the user to an alert or a reminder, and sends it. */
static void report(Ledger *ledger, uint32_t index, LedgerChange *change, bool reminds) {
    Alert *alert = alert_at(ledger, index);
    const Entry *shown = entry_at(ledger, alert->shown);
    const RateAlert asked = {payer_of(ledger, shown), (Severity)shown->severity,
                             entry_endpoint(shown)};
    usec_t now = ledger->now.boottime;

    alert->severity = shown->severity > alert->severity ? shown->severity : alert->severity;
    alert->scope = shown->scope > alert->scope ? shown->scope : alert->scope;
    alert->group = process_group(shown);
    alert->reported = (BootTime)now;
    alert->came_back = false;
    ledger->revision++;
    if (is_snoozed(ledger, alert)) {
        alert->state = ALERT_SNOOZED;
    } else if (reminds ? rate_take_reminder(ledger->rate, &asked, now)
                       : rate_take_alert(ledger->rate, &asked, now)) {
        alert->state = ALERT_REPORTED;
        alert->n_returned = 0;
        ledger->n_told++;
        ledger_tell(ledger, change);
    } else {
        ledger->n_summed++;
        alert->state = alert->state == ALERT_REPORTED ? ALERT_REPORTED : ALERT_SUPPRESSED;
    }
    alert_schedule(ledger, index);
}

static void report_new(Ledger *ledger, uint32_t index) {
    Alert *alert = alert_at(ledger, index);
    if (alert->state == ALERT_SETTLING)
        alert->since = (BootTime)ledger->now.boottime;
    LedgerChange change = change_of(ledger, alert, LEDGER_FLAGGED);
    change.duration = 0;
    report(ledger, index, &change, false);
}

/*
 * Handles a return within the hold-down. A supervisor that restarts its program (nodemon) keeps it
 * in the same process group, which continues the alert. Otherwise a user started it again, perhaps
 * after following the advice without success.
 */
static void report_return(Ledger *ledger, uint32_t index) {
    Alert *alert = alert_at(ledger, index);
    pid_t group = process_group(entry_at(ledger, alert->shown));
    usec_t interval = alert->n_still ? STILL_INTERVAL << (alert->n_still - 1) : 0;

    alert->came_back = false;
    if ((group != 0 && group == alert->group) ||
        time_since(alert->reported, &ledger->now) < interval) {
        alert_schedule(ledger, index);
        return;
    }
    if (alert->n_still < STILL_DOUBLED_MAX)
        alert->n_still++;
    LedgerChange change = change_of(ledger, alert, LEDGER_STILL_FLAGGED);
    change.returned = true;
    report(ledger, index, &change, true);
}

/* Searches for the processes of the shown entry before it is reported, and judges it again. If they
 * cannot be searched for now, the alert waits, but not for ever. Returns whether one of the two was
 * done now, including all consequences. */
static bool complete(Ledger *ledger, Alert *alert) {
    uint32_t entry_index = alert->shown;
    Entry *entry = entry_at(ledger, entry_index);
    const Judge *judge = ledger->judge;
    Owner *owner = NULL;
    if (entry->completed || !judge->complete_owner ||
        time_open(ledger, entry->appeared) < OWNER_FRESH)
        return false;
    Listener listener = entry_listener(entry);
    usec_t now = ledger->now.boottime;
    if (judge->complete_owner(judge->userdata, &listener, &owner) == -EAGAIN &&
        now < usec_add(settled_at(ledger, alert), OWNER_AWAITED)) {
        timer_set(&ledger->timers, &alert->timer, now + OWNER_RETRY);
        return true;
    }
    entry->completed = true;
    unsigned what = owner ? entry_take_owner(ledger, entry_index, owner, true) : 0;
    entry_judge(ledger, entry_index, what, RESOLVED_CHANGED);
    return true;
}

/* Postpones an alert whose listener is closed, until its close event or the dumps remove it. It is
 * probably a port probe whose close event is late. Returns whether it did. */
static bool await_close(Ledger *ledger, Alert *alert) {
    Entry *shown = entry_at(ledger, alert->shown);
    const Judge *judge = ledger->judge;
    Listener listener = entry_listener(shown);

    shown->found_closed =
        judge->settings.settle > 0 && judge->is_open && !judge->is_open(judge->userdata, &listener);
    if (shown->found_closed)
        timer_set(&ledger->timers, &alert->timer, ledger->now.boottime + CLOSE_AWAITED);
    return shown->found_closed;
}

/* The timer has expired. The alert is due, unless it was postponed. */
static void report_due(Ledger *ledger, uint32_t index) {
    Alert *alert = alert_at(ledger, index);
    if (alert->state == ALERT_FREE || alert->n_live == 0 || entry_at(ledger, alert->shown)->rests)
        return;
    if (!has_news(ledger, alert)) {
        usec_t remind = ledger->judge->settings.remind;
        if (alert->state == ALERT_SNOOZED || remind == USEC_INFINITY ||
            time_since(alert->reported, &ledger->now) < remind) {
            alert_schedule(ledger, index);
            return;
        }
        LedgerChange change = change_of(ledger, alert, LEDGER_STILL_FLAGGED);
        report(ledger, index, &change, true);
        return;
    }
    if (settled_at(ledger, alert) > ledger->now.boottime) {
        alert_schedule(ledger, index);
        return;
    }
    if (await_close(ledger, alert) || complete(ledger, alert))
        return;
    const Entry *shown = entry_at(ledger, alert->shown);
    bool worse = shown->severity > alert->severity || shown->scope > alert->scope;
    if (alert->came_back && !worse)
        report_return(ledger, index);
    else
        report_new(ledger, index);
}

static int compare_due(const void *a, const void *b) {
    const DueAlert *x = a, *y = b;
    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void note_due(Ledger *ledger, uint32_t index) {
    const Alert *alert = alert_at(ledger, index);
    if (ARRAY_RESERVE(ledger->due, ledger->due_allocated, ledger->n_due + 1) < 0) {
        report_due(ledger, index);
        return;
    }
    ledger->due[ledger->n_due++] =
        (DueAlert){.index = index, .severity = entry_at(ledger, alert->shown)->severity};
}

void alerts_report_due(Ledger *ledger) {
    if (ledger->n_due > 1)
        qsort(ledger->due, ledger->n_due, sizeof(*ledger->due), compare_due);
    for (size_t i = 0; i < ledger->n_due; i++)
        report_due(ledger, ledger->due[i].index);
    ledger->n_due = 0;
}

/* --- resolution --- */

static void tell_resolved(Ledger *ledger, const Alert *alert, ResolvedWhy why) {
    if (alert->state != ALERT_REPORTED)
        return;
    LedgerChange change = change_of(ledger, alert, LEDGER_RESOLVED);
    change.why = why;
    ledger_tell(ledger, &change);
}

void alert_resolve(Ledger *ledger, uint32_t index, ResolvedWhy why) {
    tell_resolved(ledger, alert_at(ledger, index), why);
    alert_free(ledger, index);
}

void alert_snooze(Ledger *ledger, uint32_t index) {
    Alert *alert = alert_at(ledger, index);
    tell_resolved(ledger, alert, RESOLVED_SNOOZE);
    alert->state = ALERT_SNOOZED;
    alert->came_back = false;
    alert_schedule(ledger, index);
}

void alert_unsnooze(Ledger *ledger, uint32_t index) {
    if (alert_at(ledger, index)->state == ALERT_SNOOZED)
        alert_schedule(ledger, index);
}

/* --- hold-down --- */

/* Returns the oldest alert in hold-down of the user with the most of them. */
static uint32_t alert_to_give_up(const Ledger *ledger) {
    const User *most = &ledger->users[0];
    for (uint32_t i = 1; i < ledger->n_users; i++)
        if (ledger->users[i].oldest_lingering &&
            (!most->oldest_lingering || ledger->users[i].n_lingering > most->n_lingering))
            most = &ledger->users[i];
    return most->oldest_lingering;
}

static void hold_down(Ledger *ledger, uint32_t index, usec_t span) {
    Alert *alert = alert_at(ledger, index);
    uint16_t user_index = user_get(ledger, entry_at(ledger, alert->shown)->uid);
    User *user = &ledger->users[user_index];

    if (alert->restored)
        ledger->n_restored_alerts--;
    alert->restored = false;
    user->n_lingering++; /* first, so that the user is kept while room is made */
    if (user->n_lingering > ledger->config.limits.lingering_of_user)
        alert_resolve(ledger, user->oldest_lingering, RESOLVED_GONE);
    if (ledger->n_lingering >= ledger->config.limits.lingering)
        alert_resolve(ledger, alert_to_give_up(ledger), RESOLVED_GONE);
    alert->user = user_index;
    alert->held_down = true;
    alert->prev = user->newest_lingering;
    *(alert->prev ? &alert_at(ledger, alert->prev)->next : &user->oldest_lingering) = index;
    user->newest_lingering = index;
    ledger->n_lingering++;
    timer_set(&ledger->timers, &alert->timer, usec_add(ledger->now.boottime, span));
}

/* --- transient listeners --- */

/* Records a transient listener. Returns whether there were too many. */
static bool count_transient(Ledger *ledger, Alert *alert, const Entry *entry) {
    usec_t now = ledger->now.boottime;
    Endpoint endpoint = entry_endpoint(entry);
    uint32_t place = place_hash(&endpoint, ledger->seed);
    bool same_burst =
        alert->n_transients > 0 && place != alert->transient_place &&
        now - alert->transients[(alert->n_transients - 1) % TRANSIENTS_MAX] < PROBE_BURST;

    if (same_burst)
        return false;
    usec_t *oldest = &alert->transients[alert->n_transients % TRANSIENTS_MAX];
    bool repeats = alert->n_transients >= TRANSIENTS_MAX && now - *oldest < TRANSIENT_MEMORY;
    *oldest = now;
    alert->n_transients++;
    alert->transient_place = place;
    return repeats;
}

/*
 * Records how long a transient listener was open. Returns whether those of the user on that port
 * were open for more than ten times `settle` (at most half of the time) within a minute.
 */
static bool count_transient_time(Ledger *ledger, const Entry *entry, usec_t lived) {
    UserPort *known = user_port(ledger, ledger->transient_ports, entry);
    usec_t most = 10 * ledger->judge->settings.settle, now = ledger->now.boottime;
    usec_t limit = user_port_is(known, entry) ? known->limit : 0;

    if (most > TRANSIENT_MEMORY / 2)
        most = TRANSIENT_MEMORY / 2;
    limit_use(&limit, lived * (TRANSIENT_MEMORY / most), now);
    user_port_set(known, entry, limit);
    return limit_used(limit, now) > TRANSIENT_MEMORY;
}

/* Returns whether the user's transient listeners on that port may be reported. That is once in a
 * minute for all programs together, because users can vary the program. */
static bool take_port_report(Ledger *ledger, const Entry *entry) {
    UserPort *known = user_port(ledger, ledger->transient_ports, entry);
    usec_t now = ledger->now.boottime;

    if (!user_port_is(known, entry))
        return true;
    if (known->silent_until > now)
        return false;
    known->silent_until = now + TRANSIENT_MEMORY;
    return true;
}

/* The last entry of an alert that was not reported has closed. */
static void leave_unreported(Ledger *ledger, uint32_t index, const Entry *entry) {
    Alert *alert = alert_at(ledger, index);
    usec_t settle = ledger->judge->settings.settle, now = ledger->now.boottime;
    usec_t lived = time_open(ledger, alert->began);
    if (entry->found_closed && lived >= settle)
        lived = settle - 1;
    bool transient = lived < settle;
    bool much = transient && count_transient_time(ledger, entry, lived);
    /* dnsmasq binds each socket to a bridge only after it has bound it to a port. */
    bool closed = !ledger->moving;
    bool repeats = transient && ((closed && count_transient(ledger, alert, entry)) || much);

    if (!transient || (repeats && take_port_report(ledger, entry))) {
        alert->repeats = transient;
        alert->since = (BootTime)now;
        LedgerChange change = change_of(ledger, alert, LEDGER_FLAGGED);
        change.brief = true;
        change.duration = lived;
        report(ledger, index, &change, false);
    }
    hold_down(ledger, index, transient ? TRANSIENT_MEMORY : LEDGER_RETURN);
}

/* --- adding and removing entries --- */

void alert_attach(Ledger *ledger, uint32_t entry_index) {
    Entry *entry = entry_at(ledger, entry_index);
    Identity key = alert_key(entry);
    uint32_t index = alert_find(ledger, &key);

    if (!index)
        index = alert_new(ledger, &key);
    if (!index) {
        entry->judged = false;
        ledger->failed = true;
        return;
    }
    join(ledger, index, entry_index);
    alert_schedule(ledger, index);
}

void alert_review(Ledger *ledger, uint32_t entry_index) {
    Entry *entry = entry_at(ledger, entry_index);
    Alert *alert = alert_at(ledger, entry->alert);
    set_rests(ledger, entry, false);
    if (alert->shown != entry_index && is_worse(entry, entry_at(ledger, alert->shown)))
        alert->shown = entry_index;
    alert_schedule(ledger, entry->alert);
}

bool alert_detach(Ledger *ledger, uint32_t entry_index, ResolvedWhy why) {
    Entry *entry = entry_at(ledger, entry_index);
    uint32_t index = entry->alert;
    Alert *alert = alert_at(ledger, index);

    remove_member(ledger, entry_index);
    if (alert->n_live > 0) {
        alert_schedule(ledger, index);
        return false;
    }
    if (ledger->evicting) {
        alert->shown = 0;
        alert_free(ledger, index);
        return false;
    }
    if (why != RESOLVED_GONE) {
        alert_resolve(ledger, index, why);
        return false;
    }
    if (alert->state == ALERT_SETTLING) {
        leave_unreported(ledger, index, entry);
    } else {
        alert->came_back = false;
        hold_down(ledger, index, alert->repeats ? TRANSIENT_MEMORY : LEDGER_RETURN);
    }
    return true;
}

void alert_rest(Ledger *ledger, uint32_t entry_index) {
    Entry *entry = entry_at(ledger, entry_index);
    uint32_t index = entry->alert;

    if (!index && (ledger->n_lingering > 0 || ledger->n_restored_alerts > 0)) {
        Identity key = alert_key(entry);
        index = alert_find(ledger, &key);
        if (index && alert_at(ledger, index)->n_live > 0)
            index = 0;
    }
    if (!index)
        return;
    Alert *alert = alert_at(ledger, index);
    if (alert->state == ALERT_SETTLING || alert->n_live > 1) {
        if (entry->alert)
            alert_detach(ledger, entry_index, RESOLVED_CHANGED);
        return;
    }
    if (!entry->alert) {
        join(ledger, index, entry_index);
        alert->came_back = false;
    }
    set_rests(ledger, entry, true);
    alert_schedule(ledger, index);
}

void alert_clear(Ledger *ledger, uint32_t entry_index, ResolvedWhy why) {
    if (ledger->n_lingering == 0 && ledger->n_restored_alerts == 0)
        return;
    const Entry *entry = entry_at(ledger, entry_index);
    Identity key = alert_key(entry);
    uint32_t index = alert_find(ledger, &key);
    if (!index || alert_at(ledger, index)->n_live > 0)
        return;
    /* A socket on another address may be only the first one of a service that returns. */
    Endpoint was = entry_endpoint(entry_at(ledger, alert_at(ledger, index)->shown));
    Endpoint is = entry_endpoint(entry);
    if (endpoint_equal(&was, &is))
        alert_resolve(ledger, index, why);
}

/* --- change of program --- */

/* Moves the entry to the alert of its new `who`, or to a copy of its previous alert. The previous
 * alert is resolved if another one continues for its last entry. */
static void move(Ledger *ledger, uint32_t entry_index, uint64_t who, uint32_t to) {
    Entry *entry = entry_at(ledger, entry_index);
    uint32_t from = entry->alert;
    Alert was = *alert_at(ledger, from);

    remove_member(ledger, entry_index);
    if (was.n_live > 1) {
        alert_schedule(ledger, from);
    } else {
        if (to)
            tell_resolved(ledger, alert_at(ledger, from), RESOLVED_CHANGED);
        alert_at(ledger, from)->shown = 0;
        alert_free(ledger, from);
    }
    entry->who = who;
    if (!to) {
        Identity key = alert_key(entry);
        to = alert_new(ledger, &key);
        if (!to) {
            entry->judged = false;
            ledger->failed = true;
            return;
        }
        Alert *alert = alert_at(ledger, to);
        alert->state = was.state;
        alert->severity = was.severity;
        alert->scope = was.scope;
        alert->group = was.group;
        alert->since = was.since;
        alert->reported = was.reported;
        alert->came_back = was.came_back;
    }
    join(ledger, to, entry_index);
    alert_schedule(ledger, to);
}

void alert_rekey(Ledger *ledger, uint32_t entry_index, uint64_t who) {
    Entry *entry = entry_at(ledger, entry_index);
    uint32_t index = entry->alert;
    if (!index) {
        entry->who = who;
        return;
    }
    Alert *alert = alert_at(ledger, index);
    Identity key = alert->key;
    key.who = who;
    uint32_t other = alert_find(ledger, &key);
    if (other || alert->n_live > 1) {
        move(ledger, entry_index, who, other);
        return;
    }
    table_rehash(&ledger->by_identity, hash_of(ledger, alert), identity_hash(&key, ledger->seed),
                 index);
    entry->who = who;
    alert->key = key;
}

void alert_replace(Ledger *ledger, uint32_t entry_index, uint64_t who) {
    Entry *entry = entry_at(ledger, entry_index);
    uint32_t index = entry->alert, tombstone;

    /* `appeared` is kept, so that a program that changes continually cannot postpone its alert. */
    entry->first_seen = ledger->now.realtime;
    entry->completed = false;
    if (!index) {
        entry->who = who;
        return;
    }
    Alert *alert = alert_at(ledger, index);
    Identity identity = entry_identity(entry);
    bool last = alert->n_live == 1;
    if (last && alert->state != ALERT_SETTLING &&
        entry_add_ghost(ledger, &identity, entry->cookie, &tombstone) == 0) {
        Entry *ghost = entry_at(ledger, tombstone);
        ghost->scope = entry->scope;
        ghost->owner = entry->owner ? owner_ref(entry->owner) : NULL;
        ghost->rule = entry->rule;
        ghost->severity = entry->severity;
        remove_member(ledger, entry_index);
        alert->shown = tombstone;
        hold_down(ledger, index, LEDGER_RETURN);
    } else {
        remove_member(ledger, entry_index);
        if (last) {
            alert->shown = 0;
            alert_free(ledger, index);
        }
    }
    entry->who = who;
    /* The next verdict adds it to an alert of its own. */
}

/* --- timers and restart --- */

void alert_on_timer(Ledger *ledger, uint32_t index) {
    const Alert *alert = alert_at(ledger, index);
    if (alert->n_live > 0)
        note_due(ledger, index);
    else
        alert_resolve(ledger, index, RESOLVED_GONE);
}

void alerts_age_restored(Ledger *ledger, unsigned full_parts) {
    for (uint32_t i = 1; i <= ledger->alerts.n_ever && ledger->n_restored_alerts > 0; i++) {
        const Alert *alert = alert_at(ledger, i);
        if (alert->restored && full_parts & 1u << entry_part(entry_at(ledger, alert->shown)))
            hold_down(ledger, i, LEDGER_RETURN);
    }
}
