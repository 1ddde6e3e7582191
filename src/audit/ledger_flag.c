/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flags: the alerts that stand. Told once, reminded of, resolved once; see ledger.h. */
#include "audit/ledger_internal.h"

static uint32_t hash_of(const Ledger *ledger, uint32_t entry) {
    Identity identity = entry_identity(entry_at(ledger, entry));
    return identity_hash(&identity, ledger->seed);
}

uint32_t flag_find(const Ledger *ledger, const Identity *identity) {
    uint32_t hash = identity_hash(identity, ledger->seed), index;
    for (size_t at = TABLE_BEGIN; (index = table_next(&ledger->by_identity, hash, &at));) {
        Identity its = entry_identity(entry_at(ledger, flag_at(ledger, index)->entry));
        if (identity_equal(&its, identity))
            break;
    }
    return index;
}

static bool is_snoozed(const Ledger *ledger, const Entry *entry) {
    Identity identity = entry_identity(entry);
    return snooze_find(ledger, &identity) != 0;
}

static uid_t payer_of(const Ledger *ledger, const Entry *entry) {
    const LedgerConfig *config = &ledger->config;
    return config->payer ? config->payer(config->payer_userdata, entry->uid) : entry->uid;
}

/* --- made and freed --- */

uint32_t flag_new(Ledger *ledger, uint32_t entry) {
    uint32_t index;
    if (pool_add(&ledger->flags, &index) < 0)
        return 0;
    if (timers_reserve(&ledger->timers, (size_t)ledger->entries.n_live + ledger->flags.n_live +
                                            ledger->snoozes.n_live) < 0 ||
        table_add(&ledger->by_identity, hash_of(ledger, entry), index) < 0) {
        pool_remove(&ledger->flags, index);
        return 0;
    }
    *flag_at(ledger, index) = (Flag){
        .entry = entry,
        .since = (BootTime)ledger->now.boottime,
        .told = (BootTime)ledger->now.boottime,
        .timer.id = TIMER_ID(TIMER_FLAG, index),
    };
    ledger->revision++;
    return index;
}

static void end_lingering(Ledger *ledger, uint32_t index) {
    Flag *flag = flag_at(ledger, index);
    if (flag->restored)
        ledger->n_restored_flags--;
    flag->restored = false;
    if (!flag->lingers)
        return;
    User *user = &ledger->users[flag->user];
    *(flag->prev ? &flag_at(ledger, flag->prev)->next : &user->oldest_lingering) = flag->next;
    *(flag->next ? &flag_at(ledger, flag->next)->prev : &user->newest_lingering) = flag->prev;
    flag->prev = flag->next = 0;
    flag->lingers = false;
    user->n_lingering--;
    ledger->n_lingering--;
    user_put(ledger, flag->user);
}

/* Nothing stands under it; its ghost goes with it. */
static void flag_free(Ledger *ledger, uint32_t index) {
    Flag *flag = flag_at(ledger, index);
    uint32_t entry = flag->entry;
    end_lingering(ledger, index);
    timer_set(&ledger->timers, &flag->timer, USEC_INFINITY);
    table_remove(&ledger->by_identity, hash_of(ledger, entry), index);
    pool_remove(&ledger->flags, index);
    if (entry_at(ledger, entry)->state == ENTRY_GHOST)
        entry_free(ledger, entry);
    ledger->revision++;
}

/* --- told --- */

static void tell(Ledger *ledger, uint32_t index, LedgerEvent event, bool brief, usec_t lived) {
    Flag *flag = flag_at(ledger, index);
    const Entry *entry = entry_at(ledger, flag->entry);
    Severity severity = (Severity)entry->severity;
    uid_t payer = payer_of(ledger, entry);
    usec_t now = ledger->now.boottime;
    bool reminds = event == LEDGER_STILL_FLAGGED;

    flag->severity = entry->severity > flag->severity ? entry->severity : flag->severity;
    flag->told = (BootTime)now;
    ledger->revision++;
    if (is_snoozed(ledger, entry)) {
        flag->status = FLAG_SILENT;
    } else if (reminds ? rate_take_reminder(ledger->rate, payer, severity, now)
                       : rate_take_alert(ledger->rate, payer, severity, now)) {
        LedgerChange change = {
            .event = event,
            .view = entry_view(ledger, entry, &ledger->now),
            .n_returned = flag->n_returned,
            .since = flag->since,
            .brief = brief,
            .duration = reminds ? time_since(flag->since, &ledger->now) : lived,
        };
        flag->status = FLAG_TOLD;
        flag->n_returned = 0;
        ledger->n_told++;
        ledger_tell(ledger, &change);
    } else {
        ledger->n_summed++;
        flag->status = flag->status == FLAG_TOLD ? FLAG_TOLD : FLAG_SUMMED;
    }
    flag_set_reminder(ledger, index);
}

void flag_set_reminder(Ledger *ledger, uint32_t index) {
    Flag *flag = flag_at(ledger, index);
    usec_t remind = ledger->judge->settings.remind, when = USEC_INFINITY;
    if (flag->n_live == 0)
        return;
    if (flag->status != FLAG_SILENT && remind != USEC_INFINITY) {
        usec_t passed = time_since(flag->told, &ledger->now);
        when = usec_add(ledger->now.boottime, remind > passed ? remind - passed : 0);
    }
    timer_set(&ledger->timers, &flag->timer, when);
}

void flag_resolve(Ledger *ledger, uint32_t index, ResolvedWhy why) {
    const Flag *flag = flag_at(ledger, index);
    if (flag->status == FLAG_TOLD) {
        LedgerChange change = {
            .event = LEDGER_RESOLVED,
            .view = entry_view(ledger, entry_at(ledger, flag->entry), &ledger->now),
            .why = why,
            .n_returned = flag->n_returned,
            .since = flag->since,
            .duration = time_since(flag->since, &ledger->now),
        };
        ledger_tell(ledger, &change);
    }
    flag_free(ledger, index);
}

void flag_silence(Ledger *ledger, uint32_t index) {
    Flag *flag = flag_at(ledger, index);
    if (flag->status == FLAG_TOLD) {
        LedgerChange change = {
            .event = LEDGER_RESOLVED,
            .view = entry_view(ledger, entry_at(ledger, flag->entry), &ledger->now),
            .why = RESOLVED_SNOOZE,
            .n_returned = flag->n_returned,
            .since = flag->since,
            .duration = time_since(flag->since, &ledger->now),
        };
        ledger_tell(ledger, &change);
    }
    flag->status = FLAG_SILENT;
    flag_set_reminder(ledger, index);
}

void flag_wake(Ledger *ledger, uint32_t index) {
    const Flag *flag = flag_at(ledger, index);
    if (flag->status == FLAG_SILENT && flag->n_live > 0)
        tell(ledger, index, LEDGER_FLAGGED, false, 0);
}

/* --- entries come and go under it --- */

static void join(Ledger *ledger, uint32_t index, uint32_t entry_index) {
    Flag *flag = flag_at(ledger, index);
    if (flag->n_live == 0 && flag->entry != entry_index) {
        uint32_t ghost = flag->entry;
        if (!flag->restored) {
            flag->n_returned++;
            flag->n_returned_ever++;
            ledger->n_returned++;
        }
        end_lingering(ledger, index);
        flag->entry = entry_index;
        entry_free(ledger, ghost);
    }
    flag->n_live++;
    entry_at(ledger, entry_index)->flag = index;
    ledger->n_flagged++;
}

/* Takes an entry from under its flag, which keeps another if there is one. */
static void leave(Ledger *ledger, uint32_t index, uint32_t entry_index) {
    Flag *flag = flag_at(ledger, index);
    Entry *entry = entry_at(ledger, entry_index);

    entry->flag = 0;
    ledger->n_flagged--;
    flag->n_live--;
    if (flag->entry != entry_index || flag->n_live == 0) {
        flag->entry = flag->n_live == 0 ? entry_index : flag->entry;
        return;
    }
    Endpoint endpoint = entry_endpoint(entry);
    uint32_t other = entry_find_place(ledger, &endpoint);
    while (entry_at(ledger, other)->flag != index)
        other = entry_at(ledger, other)->peer_next;
    flag->entry = other;
}

void flag_touch(Ledger *ledger, uint32_t entry_index) {
    Entry *entry = entry_at(ledger, entry_index);
    Flag *flag = flag_at(ledger, entry->flag);
    bool worse = entry->severity > flag->severity;

    if (flag->status == FLAG_SILENT ? !is_snoozed(ledger, entry) : worse) {
        flag->entry = entry_index;
        tell(ledger, entry->flag, LEDGER_FLAGGED, false, 0);
    }
}

void flag_attach(Ledger *ledger, uint32_t entry_index, bool brief, usec_t lived) {
    Entry *entry = entry_at(ledger, entry_index);
    Identity identity = entry_identity(entry);
    uint32_t index = flag_find(ledger, &identity);

    if (index) {
        join(ledger, index, entry_index);
        flag_set_reminder(ledger, index);
        flag_touch(ledger, entry_index);
        return;
    }
    index = flag_new(ledger, entry_index);
    if (!index) {
        entry->judged = false;
        ledger->failed = true;
        return;
    }
    join(ledger, index, entry_index);
    tell(ledger, index, LEDGER_FLAGGED, brief, lived);
}

bool flag_detach(Ledger *ledger, uint32_t entry_index, ResolvedWhy why) {
    uint32_t index = entry_at(ledger, entry_index)->flag;
    leave(ledger, index, entry_index);
    if (flag_at(ledger, index)->n_live > 0)
        return false;
    if (ledger->evicting) {
        flag_free(ledger, index);
        return false;
    }
    if (why != RESOLVED_GONE) {
        flag_resolve(ledger, index, why);
        return false;
    }
    flag_linger(ledger, index);
    return true;
}

void flag_clear(Ledger *ledger, uint32_t entry, ResolvedWhy why) {
    if (ledger->n_lingering == 0 && ledger->n_restored_flags == 0)
        return;
    Identity identity = entry_identity(entry_at(ledger, entry));
    uint32_t index = flag_find(ledger, &identity);
    if (index && flag_at(ledger, index)->n_live == 0)
        flag_resolve(ledger, index, why);
}

/* Brings the entry under another flag than its own: that of `who`, or a copy. */
static void move(Ledger *ledger, uint32_t entry_index, uint64_t who, uint32_t to) {
    Entry *entry = entry_at(ledger, entry_index);
    uint32_t from = entry->flag;
    Flag was = *flag_at(ledger, from);

    leave(ledger, from, entry_index);
    if (was.n_live == 1)
        flag_free(ledger, from);
    entry->who = who;
    if (!to) {
        to = flag_new(ledger, entry_index);
        if (!to) {
            entry->judged = false;
            ledger->failed = true;
            return;
        }
        Flag *flag = flag_at(ledger, to);
        flag->status = was.status;
        flag->severity = was.severity;
        flag->since = was.since;
        flag->told = was.told;
    }
    join(ledger, to, entry_index);
    flag_set_reminder(ledger, to);
}

void flag_rename(Ledger *ledger, uint32_t entry_index, uint64_t who) {
    Entry *entry = entry_at(ledger, entry_index);
    uint32_t index = entry->flag;
    if (!index) {
        entry->who = who;
        return;
    }
    Identity identity = entry_identity(entry);
    identity.who = who;
    uint32_t other = flag_find(ledger, &identity);
    if (other || flag_at(ledger, index)->n_live > 1) {
        move(ledger, entry_index, who, other);
        return;
    }
    uint32_t before = hash_of(ledger, entry_index);
    entry->who = who;
    table_rehash(&ledger->by_identity, before, hash_of(ledger, entry_index), index);
}

/* --- lingering --- */

/* The flag that has lingered longest of who has the most of them. */
static uint32_t flag_to_give_up(const Ledger *ledger) {
    const User *most = &ledger->users[0];
    for (uint32_t i = 1; i < ledger->n_users; i++)
        if (ledger->users[i].oldest_lingering &&
            (!most->oldest_lingering || ledger->users[i].n_lingering > most->n_lingering))
            most = &ledger->users[i];
    return most->oldest_lingering;
}

void flag_linger(Ledger *ledger, uint32_t index) {
    Flag *flag = flag_at(ledger, index);
    uint16_t user_index = user_get(ledger, entry_at(ledger, flag->entry)->uid);
    User *user = &ledger->users[user_index];

    if (flag->restored)
        ledger->n_restored_flags--;
    flag->restored = false;
    user->n_lingering++; /* first, so that the user is kept while room is made */
    if (user->n_lingering > ledger->config.limits.lingering_of_user)
        flag_resolve(ledger, user->oldest_lingering, RESOLVED_GONE);
    if (ledger->n_lingering >= ledger->config.limits.lingering)
        flag_resolve(ledger, flag_to_give_up(ledger), RESOLVED_GONE);
    flag->user = user_index;
    flag->lingers = true;
    flag->prev = user->newest_lingering;
    *(flag->prev ? &flag_at(ledger, flag->prev)->next : &user->oldest_lingering) = index;
    user->newest_lingering = index;
    ledger->n_lingering++;
    timer_set(&ledger->timers, &flag->timer, usec_add(ledger->now.boottime, LEDGER_RETURN));
}

void flag_on_timer(Ledger *ledger, uint32_t index) {
    if (flag_at(ledger, index)->lingers)
        flag_resolve(ledger, index, RESOLVED_GONE);
    else
        tell(ledger, index, LEDGER_STILL_FLAGGED, false, 0);
}

void flags_age_restored(Ledger *ledger, unsigned full_parts) {
    for (uint32_t i = 1; i <= ledger->flags.n_ever && ledger->n_restored_flags > 0; i++) {
        const Flag *flag = flag_at(ledger, i);
        if (flag->restored && full_parts & 1u << entry_part(entry_at(ledger, flag->entry)))
            flag_linger(ledger, i);
    }
}
