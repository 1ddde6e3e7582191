/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps and look-ups taken in: what is new, what is there again, what is missing. */
#include <errno.h>
#include <string.h>

#include "audit/ledger_internal.h"
#include "util/memory.h"

uint64_t ledger_forward_cookie(const Ledger *ledger, const Listener *forward) {
    const Endpoint *endpoint = &forward->endpoint;
    uint64_t words[2] = {0}, hash;
    memcpy(words, endpoint->address.bytes, endpoint->address.family == AF_INET ? 4 : sizeof(words));
    hash = hash_mix(ledger->seed ^ endpoint->address.family, words[0]);
    hash = hash_mix(hash, words[1]);
    hash = hash_mix(hash, (uint64_t)endpoint->port << 8 | (uint64_t)endpoint->proto << 1 |
                              endpoint->v6only);
    hash = hash_mix(hash, (uint64_t)endpoint->ifindex << 32 | forward->uid);
    return (hash_mix(hash, forward->cgroup_id) & (COOKIE_OF_FORWARD - 1)) | COOKIE_OF_FORWARD;
}

/* --- begin and end of a look --- */

static int look_begin(Ledger *ledger, const Snapshot *snapshot, const AuditTime *now) {
    if (snapshot->netns.inode != ledger->config.netns.inode)
        return -EXDEV;
    ledger_begin(ledger, now);
    ledger->failed = false;
    ledger->dump++;
    ledger->refuses = false;
    memset(ledger->n_seen_of_part, 0, sizeof(ledger->n_seen_of_part));
    if (snapshot->links && snapshot->links_coverage.state == COVERAGE_FULL)
        links_take(ledger, snapshot->links);
    return 0;
}

static void tell_refused(Ledger *ledger) {
    for (uint32_t i = 0; i < ledger->n_users; i++) {
        User *user = &ledger->users[i];
        if (user->n_refused > 0)
            rate_add_refused(ledger->rate, i == 0 ? RATE_OTHERS : user->uid, user->n_refused,
                             ledger->now.boottime);
        user->n_refused = 0;
        user_put(ledger, (uint16_t)i);
    }
}

static int look_end(Ledger *ledger) {
    if (ledger->refuses)
        tell_refused(ledger);
    ledger_end(ledger);
    return ledger->failed ? -ENOMEM : 0;
}

/* --- taken in --- */

static int add_entry(Ledger *ledger, const Listener *listener, uint32_t *ret_index) {
    int r = ARRAY_RESERVE(ledger->fresh, ledger->fresh_allocated, ledger->n_fresh + 1);
    if (r < 0)
        return r;
    r = entry_add(ledger, listener, ret_index);
    if (r < 0)
        return r;
    entry_at(ledger, *ret_index)->state = ENTRY_NEW;
    ledger->fresh[ledger->n_fresh++] = *ret_index;
    return 0;
}

static void take_new(Ledger *ledger, const Listener *listener, uint64_t cookie, uint32_t inode) {
    uint16_t user = user_get(ledger, listener->uid);
    if (!user_admits_socket(ledger, user, listener->scope)) {
        ledger->users[user].n_refused++;
        ledger->n_refused++;
        ledger->refuses = true;
        return;
    }
    uint32_t index = entry_find(ledger, listener);
    bool is_new = !index;
    int r = is_new ? add_entry(ledger, listener, &index) : 0;
    if (r >= 0)
        r = socket_add(ledger, index, cookie, inode);
    if (r < 0)
        ledger->failed = true;
    else if (!is_new)
        entry_compare(ledger, index, listener);
    if (r < 0 && is_new && index && entry_at(ledger, index)->state == ENTRY_NEW)
        entry_go(ledger, index);
}

static uint64_t cookie_of(const Socket *socket) {
    return socket->cookie ? socket->cookie : COOKIE_OF_INODE | socket->inode;
}

static void note_seen(Ledger *ledger, SocketRecord *record) {
    if (record->seen != ledger->dump)
        ledger->n_seen_of_part[entry_part(entry_at(ledger, record->entry))]++;
    record->seen = ledger->dump;
}

static void take_socket(Ledger *ledger, const Listener *listener, uint64_t cookie, uint32_t inode) {
    uint32_t index = socket_find(ledger, cookie);
    if (index) {
        SocketRecord *record = socket_at(ledger, index);
        uint32_t entry_index = record->entry;
        const Entry *entry = entry_at(ledger, entry_index);
        if (record->missing)
            ledger->n_missing--;
        record->missing = false;
        note_seen(ledger, record);
        record->inode = inode;
        if (entry_is(entry, listener)) {
            entry_compare(ledger, entry_index, listener);
            return;
        }
        /* The socket's owner, device or cgroup is another now: not the same listener. */
        ledger->moving = true;
        socket_remove(ledger, index);
        ledger->moving = false;
    }
    take_new(ledger, listener, cookie, inode);
}

static void take_all(Ledger *ledger, const Snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_sockets; i++) {
        const Socket *socket = &snapshot->sockets[i];
        take_socket(ledger, &snapshot->listeners[socket->listener], cookie_of(socket),
                    socket->inode);
    }
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        if (snapshot->listeners[i].origin == ORIGIN_FORWARD)
            take_socket(ledger, &snapshot->listeners[i],
                        ledger_forward_cookie(ledger, &snapshot->listeners[i]), 0);

    /* Told when all their sockets are known. One may have been evicted meanwhile. */
    for (size_t i = 0; i < ledger->n_fresh; i++)
        if (entry_at(ledger, ledger->fresh[i])->state == ENTRY_NEW)
            entry_begin(ledger, ledger->fresh[i]);
    ledger->n_fresh = 0;
}

/* --- missing --- */

static void miss(Ledger *ledger, uint32_t index) {
    SocketRecord *record = socket_at(ledger, index);
    if (record->missing) {
        socket_remove(ledger, index);
        return;
    }
    record->missing = true;
    ledger->n_missing++;
}

/* The parts of the world that the snapshot has in full. */
static unsigned full_parts(const Snapshot *snapshot) {
    unsigned parts = snapshot->forwards_coverage.state == COVERAGE_FULL ? LEDGER_FORWARDS : 0;
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if (snapshot->coverage[proto].state == COVERAGE_FULL)
            parts |= LEDGER_PROTO(proto);
    return parts;
}

int ledger_update(Ledger *ledger, const Snapshot *snapshot, unsigned parts, const AuditTime *now) {
    int r = look_begin(ledger, snapshot, now);
    if (r < 0)
        return r;
    if (parts == LEDGER_ALL)
        ledger->n_refused = 0;
    take_all(ledger, snapshot);

    unsigned lacking = 0;
    parts &= full_parts(snapshot);
    for (unsigned part = 0; part < PART_COUNT; part++)
        if (parts & 1u << part && ledger->n_seen_of_part[part] < ledger->n_of_part[part])
            lacking |= 1u << part;
    for (uint32_t i = 1; lacking && i <= ledger->sockets.n_ever; i++) {
        const SocketRecord *record = socket_at(ledger, i);
        if (record->cookie != 0 && record->seen != ledger->dump &&
            lacking & 1u << entry_part(entry_at(ledger, record->entry)))
            miss(ledger, i);
    }
    if (ledger->n_restored_alerts > 0)
        alerts_age_restored(ledger, parts);
    return look_end(ledger);
}

int ledger_update_some(Ledger *ledger, const Snapshot *snapshot, const AuditTime *now) {
    int r = look_begin(ledger, snapshot, now);
    if (r < 0)
        return r;
    take_all(ledger, snapshot);
    return look_end(ledger);
}

int ledger_close(Ledger *ledger, uint64_t cookie, const AuditTime *now) {
    ledger_begin(ledger, now);
    uint32_t index = socket_find(ledger, cookie);
    if (index)
        socket_remove(ledger, index);
    ledger_end(ledger);
    return index != 0;
}

void ledger_set_closed_at(Ledger *ledger, usec_t boottime) {
    ledger->closed_at = boottime;
}
