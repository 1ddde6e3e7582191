/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/ledger_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/ledger_internal.h"

/* So long after the start what the state file says of a listener waits for that to be seen. */
#define RESTORED_KEPT USEC_PER_MINUTE
/* The clock was set if it is off by more than this from one start to the next. */
#define CLOCK_STEP USEC_PER_SEC

/* --- saved --- */

static const StateStatus statuses[] = {
    [ALERT_REPORTED] = STATE_TOLD,
    [ALERT_SUPPRESSED] = STATE_SUMMED,
    [ALERT_SNOOZED] = STATE_SILENT,
};

typedef struct Save {
    const Ledger *ledger;
    const StateHits *hits;
    size_t n_hits;
    BootTime unsure_since;
} Save;

static void save_listeners(const Ledger *ledger, StateWriter *writer) {
    for (uint32_t i = 1; i <= ledger->sockets.n_ever; i++) {
        const SocketRecord *record = socket_at(ledger, i);
        if (record->cookie == 0)
            continue;
        const Entry *entry = entry_at(ledger, record->entry);
        /* UDP in its grace is not known yet; it shall not be so after a restart. */
        if (entry->state != ENTRY_LIVE)
            continue;
        StateListener listener = {
            .identity = entry_identity(entry),
            .cookie = record->cookie,
            .first_seen = entry->first_seen,
            .born = entry->born,
        };
        state_write_listener(writer, &listener);
    }
}

/* What is known of listeners of before that were not seen yet: another kill must not forget it. */
static void save_restored(const Ledger *ledger, StateWriter *writer) {
    for (size_t i = 0; ledger->restored_by_cookie && i < ledger->n_restored; i++) {
        const Restored *restored = &ledger->restored[i];
        if (ledger_knows(ledger, restored->key))
            continue;
        StateListener listener = {
            .identity = restored->identity,
            .cookie = restored->key,
            .first_seen = restored->first_seen,
            .born = restored->born,
        };
        state_write_listener(writer, &listener);
    }
}

static void save_flags(const Ledger *ledger, BootTime unsure_since, StateWriter *writer) {
    for (uint32_t i = 1; i <= ledger->alerts.n_ever; i++) {
        const Alert *alert = alert_at(ledger, i);
        /* An alert that was not reported starts again. Its listener is known and has settled by
         * then. */
        if (alert->state == ALERT_FREE || alert->state == ALERT_SETTLING)
            continue;
        const Entry *entry = entry_at(ledger, alert->shown);
        StateFlag record = {
            .identity = entry_identity(entry),
            .cookie = entry->cookie,
            .status = alert->state == ALERT_REPORTED && alert->reported >= unsure_since
                          ? STATE_TELLING
                          : statuses[alert->state],
            .severity = (Severity)alert->severity,
            .since = alert->since,
            .told = alert->reported,
            .n_returned = alert->n_returned,
            .n_returned_ever = alert->n_returned_ever,
        };
        state_write_flag(writer, &record);
    }
}

static void save_all(void *userdata, StateWriter *writer) {
    const Save *save = userdata;
    const Ledger *ledger = save->ledger;
    save_listeners(ledger, writer);
    save_restored(ledger, writer);
    save_flags(ledger, save->unsure_since, writer);
    for (uint32_t i = 1; i <= ledger->snoozes.n_ever; i++) {
        const Snooze *snooze = snooze_at(ledger, i);
        if (snooze->used) {
            StateSnooze record = {.identity = snooze->identity,
                                  .until = (BootTime)(snooze->timer.when & INT64_MAX / 4)};
            if (snooze->timer.when > INT64_MAX / 4)
                record.until = INT64_MAX / 4;
            state_write_snooze(writer, &record);
        }
    }
    for (size_t i = 0; i < save->n_hits; i++)
        if (save->hits[i].count > 0)
            state_write_hits(writer, &save->hits[i]);
}

int ledger_save(const Ledger *ledger, int dir_fd, const char *boot_id, uint64_t generation,
                const StateHits *hits, size_t n_hits, BootTime unsure_since, const AuditTime *now) {
    Save save = {.ledger = ledger, .hits = hits, .n_hits = n_hits, .unsure_since = unsure_since};
    StateHeader header = {
        .generation = generation,
        .saved = *now,
        .n_told = ledger->n_told,
        .n_summed = ledger->n_summed,
        .n_evicted = ledger->n_evicted,
        .n_returned = ledger->n_returned,
    };
    size_t length = strcspn(boot_id, " \n");
    if (length == 0 || length >= sizeof(header.boot))
        return -EINVAL;
    memcpy(header.boot, boot_id, length);
    return state_save(dir_fd, &header, save_all, &save);
}

StateFlag ledger_flag_record(const LedgerChange *change, StateStatus status) {
    const Listener *listener = &change->view.listener;
    return (StateFlag){
        .identity = {.endpoint = listener->endpoint,
                     .uid = listener->uid,
                     .origin = listener->origin,
                     .who = change->view.who},
        .cookie = listener->cookie,
        .status = status,
        .severity = listener->verdict.severity,
        .since = change->since,
        .told = (BootTime)change->at,
        .n_returned_ever = change->view.n_returned,
    };
}

/* --- loaded --- */

static int compare_restored(const void *a, const void *b) {
    const Restored *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

void restored_forget(Ledger *ledger) {
    free(ledger->restored);
    ledger->restored = NULL;
    ledger->n_restored = 0;
}

static int load_listeners(Ledger *ledger, const State *state, BootTime offset, int64_t step) {
    ledger->restored = calloc(state->n_listeners + 1, sizeof(*ledger->restored));
    if (!ledger->restored)
        return -ENOMEM;
    ledger->n_restored = state->n_listeners;
    for (size_t i = 0; i < state->n_listeners; i++) {
        const StateListener *from = &state->listeners[i];
        Restored *to = &ledger->restored[i];
        to->key = ledger->restored_by_cookie ? from->cookie : identity_hash(&from->identity, 0);
        to->identity = from->identity;
        to->first_seen = from->first_seen + (usec_t)step;
        if (step < 0 && from->first_seen < (usec_t)-step)
            to->first_seen = 0;
        to->born = from->born + offset;
    }
    qsort(ledger->restored, ledger->n_restored, sizeof(*ledger->restored), compare_restored);
    ledger->restored_until = usec_add(ledger->now.boottime, RESTORED_KEPT);
    return 0;
}

static int load_alert(Ledger *ledger, const StateFlag *from, BootTime offset) {
    Identity key = identity_of_service(from->identity);
    uint32_t entry, index = alert_find(ledger, &key);
    if (index)
        return 0;
    int r = entry_add_ghost(ledger, &from->identity, from->cookie, &entry);
    if (r < 0)
        return r;
    entry_at(ledger, entry)->severity = (uint8_t)from->severity;
    index = alert_new(ledger, &key);
    if (!index) {
        entry_free(ledger, entry);
        return -ENOMEM;
    }
    Alert *alert = alert_at(ledger, index);
    alert->state = from->status == STATE_SUMMED   ? ALERT_SUPPRESSED
                   : from->status == STATE_SILENT ? ALERT_SNOOZED
                                                  : ALERT_REPORTED;
    alert->shown = entry;
    alert->severity = (uint8_t)from->severity;
    alert->scope = SCOPE_COUNT; /* not saved, so the widest is assumed */
    alert->since = from->since + offset;
    alert->reported = from->told + offset;
    alert->n_returned = from->n_returned;
    alert->n_returned_ever = from->n_returned_ever;
    alert->restored = true;
    ledger->n_restored_alerts++;
    return 0;
}

static int load_snooze(Ledger *ledger, const StateSnooze *from, BootTime offset) {
    BootTime until = from->until + offset;
    if (until <= (BootTime)ledger->now.boottime)
        return 0;
    Identity key = identity_of_service(from->identity);
    int r = snooze_set(ledger, &key, (usec_t)until);
    return r == -EDQUOT || r == -ENOSPC ? 0 : r;
}

int ledger_load(Ledger *ledger, const State *state, const char *boot_id,
                bool (*was_told)(void *userdata, const StateFlag *flag), void *userdata,
                const AuditTime *now) {
    const StateHeader *header = &state->header;
    const AuditTime *saved = &header->saved;
    size_t length = strcspn(boot_id, " \n");
    bool same_boot = strlen(header->boot) == length && memcmp(header->boot, boot_id, length) == 0 &&
                     saved->boottime <= now->boottime;
    int64_t step = 0;
    BootTime offset = 0;

    ledger_begin(ledger, now);
    if (same_boot) {
        step =
            (int64_t)(now->realtime - now->boottime) - (int64_t)(saved->realtime - saved->boottime);
        if (step <= (int64_t)CLOCK_STEP && step >= -(int64_t)CLOCK_STEP)
            step = 0;
    } else {
        /* As much time has passed since as the dates say; none, if the clock was set back. */
        usec_t away = now->realtime > saved->realtime ? now->realtime - saved->realtime : 0;
        offset = (BootTime)now->boottime - (BootTime)(saved->boottime + away);
    }
    ledger->restored_by_cookie = same_boot;
    ledger->n_told = header->n_told;
    ledger->n_summed = header->n_summed;
    ledger->n_evicted = header->n_evicted;
    ledger->n_returned = header->n_returned;

    int r = load_listeners(ledger, state, offset, step);
    for (size_t i = 0; i < state->n_flags && r >= 0; i++)
        if (state->flags[i].status != STATE_TELLING ||
            (was_told && was_told(userdata, &state->flags[i])))
            r = load_alert(ledger, &state->flags[i], offset);
    for (size_t i = 0; i < state->n_snoozes && r >= 0; i++)
        r = load_snooze(ledger, &state->snoozes[i], offset);
    return r;
}

/* --- seen again --- */

static bool is_same(const Restored *restored, const Identity *identity, bool with_who) {
    Identity its = *identity;
    if (!with_who)
        its.who = restored->identity.who;
    return identity_equal(&restored->identity, &its);
}

static const Restored *find_restored(const Ledger *ledger, uint64_t cookie,
                                     const Identity *identity) {
    bool by_cookie = ledger->restored_by_cookie;
    uint64_t key = by_cookie ? cookie : identity_hash(identity, 0);
    size_t low = 0, high = ledger->n_restored;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ledger->restored[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < ledger->n_restored && ledger->restored[low].key == key; low++)
        if (is_same(&ledger->restored[low], identity, !by_cookie))
            return &ledger->restored[low];
    return NULL;
}

bool entry_restore(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    Identity identity = entry_identity(entry);
    const Restored *restored = NULL;

    for (uint32_t at = entry->socket; at && !restored; at = socket_at(ledger, at)->next)
        restored = find_restored(ledger, socket_at(ledger, at)->cookie, &identity);
    if (!restored)
        return false;
    entry->first_seen = restored->first_seen;
    entry->appeared = 0;
    if (ledger->restored_by_cookie) {
        entry->born = restored->born;
        if (entry->who == WHO_UNKNOWN)
            entry->who = restored->identity.who;
    } else {
        entry->early = true;
    }
    return true;
}
