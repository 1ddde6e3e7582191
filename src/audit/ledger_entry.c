/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries and sockets: made, found, counted and ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/ledger_internal.h"

/* The number of a user's newest sockets that are checked for one to evict. */
#define EVICTABLE_MAX 256

_Static_assert(sizeof(Entry) <= 176, "50,000 of them are to fit");
_Static_assert(sizeof(SocketRecord) <= 40, "50,000 of them are to fit");

Endpoint entry_endpoint(const Entry *entry) {
    Endpoint endpoint = {
        .proto = (Proto)entry->proto,
        .port = entry->port,
        .v6only = entry->v6only,
        .ifindex = entry->ifindex,
        .address.family = entry->family,
    };
    memcpy(endpoint.address.bytes, entry->address, sizeof(entry->address));
    return endpoint;
}

Listener entry_listener(const Entry *entry) {
    Listener listener = {
        .endpoint = entry_endpoint(entry),
        .scope = (Scope)entry->scope,
        .origin = (Origin)entry->origin,
        .uid = entry->uid,
        .n_sockets = entry->origin == ORIGIN_SOCKET ? entry->n_sockets : 0,
        .cookie = entry->cookie & (COOKIE_OF_INODE | COOKIE_OF_FORWARD) ? 0 : entry->cookie,
        .cgroup_id = entry->cgroup_id,
        .owner = entry->owner,
        .verdict =
            {
                .action = (Action)entry->action,
                .severity = (Severity)entry->severity,
                .rule = entry->rule,
            },
    };
    if (entry->forward) {
        listener.forward_to = entry->forward->to;
        listener.forward_port = entry->forward->port;
    }
    return listener;
}

Identity entry_identity(const Entry *entry) {
    return (Identity){
        .endpoint = entry_endpoint(entry),
        .uid = entry->uid,
        .origin = (Origin)entry->origin,
        .who = entry->who,
    };
}

Identity alert_key(const Entry *entry) {
    return identity_of_service(entry_identity(entry));
}

unsigned entry_part(const Entry *entry) {
    return entry->origin == ORIGIN_FORWARD ? PART_FORWARDS : entry->proto;
}

LedgerView entry_view(const Ledger *ledger, const Entry *entry, const AuditTime *now) {
    Identity key = alert_key(entry);
    /* An allowed listener of the service has no alert that could be snoozed. */
    uint32_t snooze = entry->action == ACTION_FLAG ? snooze_find(ledger, &key) : 0;
    LedgerView view = {
        .listener = entry_listener(entry),
        .netns = ledger->config.netns,
        .first_seen = entry->first_seen,
        .age = time_since(entry->born, now),
        .who = entry->who,
        .pending = entry->state == ENTRY_PENDING,
        .flagged = entry->alert != 0 && !entry->rests,
        .n_returned = entry->alert ? alert_at(ledger, entry->alert)->n_returned_ever : 0,
    };
    if (entry->socket)
        view.listener.inode = socket_at(ledger, entry->socket)->inode;
    if (snooze) {
        usec_t until = snooze_at(ledger, snooze)->timer.when;
        view.snoozed = true;
        view.snoozed_for = until > now->boottime ? until - now->boottime : 0;
    }
    return view;
}

/* --- found by what --- */

static uint32_t cookie_hash(const Ledger *ledger, uint64_t cookie) {
    return (uint32_t)hash_mix(ledger->seed, cookie);
}

uint32_t socket_find(const Ledger *ledger, uint64_t cookie) {
    uint32_t index;
    for (size_t at = TABLE_BEGIN;
         (index = table_next(&ledger->by_cookie, cookie_hash(ledger, cookie), &at));)
        if (socket_at(ledger, index)->cookie == cookie)
            break;
    return index;
}

static uint32_t key_hash(const Ledger *ledger, const Listener *listener) {
    Identity key = {.endpoint = listener->endpoint,
                    .uid = listener->uid,
                    .origin = listener->origin,
                    .who = listener->cgroup_id};
    return identity_hash(&key, ledger->seed);
}

bool entry_is(const Entry *entry, const Listener *listener) {
    const Endpoint *endpoint = &listener->endpoint;
    return entry->port == endpoint->port && entry->proto == endpoint->proto &&
           entry->family == endpoint->address.family && entry->uid == listener->uid &&
           entry->cgroup_id == listener->cgroup_id && entry->ifindex == endpoint->ifindex &&
           entry->origin == listener->origin && entry->v6only == endpoint->v6only &&
           memcmp(entry->address, endpoint->address.bytes, entry->family == AF_INET ? 4 : 16) == 0;
}

uint32_t entry_find(const Ledger *ledger, const Listener *listener) {
    uint32_t index;
    for (size_t at = TABLE_BEGIN;
         (index = table_next(&ledger->by_key, key_hash(ledger, listener), &at));)
        if (entry_is(entry_at(ledger, index), listener))
            break;
    return index;
}

uint32_t entry_find_place(const Ledger *ledger, const Endpoint *endpoint) {
    uint32_t hash = place_hash(endpoint, ledger->seed), index;
    for (size_t at = TABLE_BEGIN; (index = table_next(&ledger->by_place, hash, &at));) {
        Endpoint its = entry_endpoint(entry_at(ledger, index));
        if (place_equal(&its, endpoint))
            break;
    }
    return index;
}

/* --- ports of users --- */

UserPort *user_port(const Ledger *ledger, UserPort ports[static USER_PORTS], const Entry *entry) {
    const Endpoint place = {.proto = (Proto)entry->proto, .port = entry->port};
    uint32_t hash = place_hash(&place, hash_mix(ledger->seed, entry->uid));
    return &ports[hash % USER_PORTS];
}

bool user_port_is(const UserPort *known, const Entry *entry) {
    return known->uid == entry->uid && known->port == entry->port && known->proto == entry->proto;
}

void user_port_set(UserPort *known, const Entry *entry, usec_t limit) {
    if (known->limit >= limit)
        return;
    if (!user_port_is(known, entry))
        *known = (UserPort){.uid = entry->uid, .port = entry->port, .proto = entry->proto};
    known->limit = limit;
}

/* --- users --- */

uint16_t user_get(Ledger *ledger, uid_t uid) {
    if (ledger->config.payer)
        uid = ledger->config.payer(ledger->config.payer_userdata, uid);
    uint32_t hash = (uint32_t)hash_mix(ledger->seed, uid), index;
    for (size_t at = TABLE_BEGIN; (index = table_next(&ledger->user_by_uid, hash, &at));)
        if (ledger->users[index].uid == uid)
            return (uint16_t)index;

    for (index = 1; index < ledger->n_users && ledger->users[index].used; index++)
        ;
    if (index == ledger->n_users || table_add(&ledger->user_by_uid, hash, index) < 0)
        return 0;
    ledger->users[index] = (User){.uid = uid, .used = true};
    return (uint16_t)index;
}

void user_put(Ledger *ledger, uint16_t index) {
    User *user = &ledger->users[index];
    if (index == 0 || !user->used || user->n_sockets || user->n_lingering || user->n_snoozes)
        return;
    table_remove(&ledger->user_by_uid, (uint32_t)hash_mix(ledger->seed, user->uid), index);
    user->used = false;
}

static uint32_t user_with_most(const Ledger *ledger) {
    uint32_t most = 0;
    for (uint32_t i = 1; i < ledger->n_users; i++)
        if (ledger->users[i].n_sockets > ledger->users[most].n_sockets)
            most = i;
    return most;
}

static bool is_reachable(Scope scope) {
    return scope != SCOPE_LOOPBACK && scope != SCOPE_UNREACHABLE;
}

static bool is_harmless(const Entry *entry) {
    return !is_reachable((Scope)entry->scope) || (entry->judged && entry->action != ACTION_FLAG);
}

/* Returns the newest harmless one of the EVICTABLE_MAX newest sockets of the user, or 0. */
static uint32_t find_harmless(const Ledger *ledger, const User *user) {
    uint32_t socket = user->newest_socket;

    for (unsigned i = 0; socket && i < EVICTABLE_MAX; i++) {
        const SocketRecord *record = socket_at(ledger, socket);
        if (is_harmless(entry_at(ledger, record->entry)))
            return socket;
        socket = record->user_prev;
    }
    return 0;
}

static void evict(Ledger *ledger, const User *user, uint32_t socket) {
    ledger->n_evicted++;
    rate_add_refused(ledger->rate, user->uid, 1, ledger->now.boottime);
    ledger->evicting = true;
    socket_remove(ledger, socket);
    ledger->evicting = false;
}

/* Evicts a harmless socket for a reachable one, so that nobody can hide a listener behind many
 * listeners on loopback. */
static bool makes_room(Ledger *ledger, const User *user, Scope scope) {
    uint32_t socket = is_reachable(scope) ? find_harmless(ledger, user) : 0;
    if (socket)
        evict(ledger, user, socket);
    return socket;
}

bool user_admits_socket(Ledger *ledger, uint16_t index, Scope scope) {
    const User *user = &ledger->users[index];
    if (user->n_sockets >= ledger->config.limits.sockets_of_user)
        return makes_room(ledger, user, scope);
    if (ledger->sockets.n_live < ledger->config.limits.sockets)
        return true;

    /* Evict a newest socket of the user with the most sockets: one of a flood, not an older one. */
    const User *most = &ledger->users[user_with_most(ledger)];
    if (most->n_sockets <= user->n_sockets + 1)
        return makes_room(ledger, user, scope);
    evict(ledger, most, find_harmless(ledger, most) ?: most->newest_socket);
    return true;
}

/* --- made and ended --- */

static int entry_link(Ledger *ledger, uint32_t index, const Listener *listener) {
    Entry *entry = entry_at(ledger, index);
    uint32_t first = entry_find_place(ledger, &listener->endpoint);

    int r = table_add(&ledger->by_key, key_hash(ledger, listener), index);
    if (r < 0)
        return r;
    if (first) {
        Entry *peer = entry_at(ledger, first);
        entry->peer_prev = first;
        entry->peer_next = peer->peer_next;
        if (peer->peer_next)
            entry_at(ledger, peer->peer_next)->peer_prev = index;
        peer->peer_next = index;
        return 0;
    }
    r = table_add(&ledger->by_place, place_hash(&listener->endpoint, ledger->seed), index);
    if (r < 0)
        table_remove(&ledger->by_key, key_hash(ledger, listener), index);
    return r;
}

void entry_unlink(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    Listener listener = entry_listener(entry);
    uint32_t hash = place_hash(&listener.endpoint, ledger->seed);

    table_remove(&ledger->by_key, key_hash(ledger, &listener), index);
    if (entry->peer_prev)
        entry_at(ledger, entry->peer_prev)->peer_next = entry->peer_next;
    else if (entry->peer_next)
        table_replace(&ledger->by_place, hash, index, entry->peer_next);
    else
        table_remove(&ledger->by_place, hash, index);
    if (entry->peer_next)
        entry_at(ledger, entry->peer_next)->peer_prev = entry->peer_prev;
    entry->peer_prev = entry->peer_next = 0;
    timer_set(&ledger->timers, &entry->timer, USEC_INFINITY);
}

static int entry_fill(Ledger *ledger, Entry *entry, const Listener *listener) {
    const Endpoint *endpoint = &listener->endpoint;
    size_t length = endpoint->address.family == AF_INET ? 4 : sizeof(entry->address);

    if (listener->origin == ORIGIN_FORWARD) {
        entry->forward = malloc(sizeof(*entry->forward));
        if (!entry->forward)
            return -ENOMEM;
        *entry->forward = (Forward){.to = listener->forward_to, .port = listener->forward_port};
    }
    memcpy(entry->address, endpoint->address.bytes, length);
    entry->family = (uint8_t)endpoint->address.family;
    entry->proto = (uint8_t)endpoint->proto;
    entry->port = endpoint->port;
    entry->ifindex = endpoint->ifindex;
    entry->v6only = endpoint->v6only;
    entry->uid = listener->uid;
    entry->scope = (uint8_t)listener->scope;
    entry->origin = (uint8_t)listener->origin;
    entry->cgroup_id = listener->cgroup_id;
    entry->cookie = listener->cookie;
    entry->owner = listener->owner ? owner_ref(listener->owner) : NULL;
    entry->who = listener->origin == ORIGIN_FORWARD ? identity_of_target(listener->forward_port)
                                                    : identity_who(listener->owner);
    entry->first_seen = ledger->now.realtime;
    entry->appeared = ledger->now.boottime;
    entry->born = (BootTime)ledger->now.boottime;
    if (listener->owner && listener->owner->created &&
        listener->owner->created < ledger->now.realtime)
        entry->born -= (BootTime)(ledger->now.realtime - listener->owner->created);
    return 0;
}

int entry_add(Ledger *ledger, const Listener *listener, uint32_t *ret_index) {
    uint32_t index;
    int r = pool_add(&ledger->entries, &index);
    if (r < 0)
        return r;
    Entry *entry = entry_at(ledger, index);
    entry->timer.id = TIMER_ID(TIMER_ENTRY, index);
    r = timers_reserve(&ledger->timers, (size_t)ledger->entries.n_live + ledger->alerts.n_live +
                                            ledger->snoozes.n_live);
    if (r >= 0)
        r = entry_fill(ledger, entry, listener);
    if (r >= 0)
        r = entry_link(ledger, index, listener);
    if (r < 0) {
        owner_unref(entry->owner);
        free(entry->forward);
        pool_remove(&ledger->entries, index);
        return r;
    }
    entry->user = user_get(ledger, listener->uid);
    *ret_index = index;
    return 0;
}

int entry_add_ghost(Ledger *ledger, const Identity *identity, uint64_t cookie,
                    uint32_t *ret_index) {
    int r = pool_add(&ledger->entries, ret_index);
    if (r < 0)
        return r;
    Entry *entry = entry_at(ledger, *ret_index);
    const Endpoint *endpoint = &identity->endpoint;
    *entry = (Entry){
        .uid = identity->uid,
        .ifindex = endpoint->ifindex,
        .port = endpoint->port,
        .state = ENTRY_GHOST,
        .proto = (uint8_t)endpoint->proto,
        .family = (uint8_t)endpoint->address.family,
        .origin = (uint8_t)identity->origin,
        .action = ACTION_FLAG,
        .v6only = endpoint->v6only,
        .early = true,
        .cookie = cookie,
        .who = identity->who,
        .first_seen = ledger->now.realtime,
        .born = (BootTime)ledger->now.boottime,
        .timer.id = TIMER_ID(TIMER_ENTRY, *ret_index),
    };
    memcpy(entry->address, endpoint->address.bytes,
           endpoint->address.family == AF_INET ? 4 : sizeof(entry->address));
    ledger->n_ghosts++;
    return 0;
}

void entry_free(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    uint16_t user = entry->user;
    timer_set(&ledger->timers, &entry->timer, USEC_INFINITY);
    owner_unref(entry->owner);
    free(entry->forward);
    if (entry->state == ENTRY_GHOST)
        ledger->n_ghosts--;
    pool_remove(&ledger->entries, index);
    user_put(ledger, user);
}

int socket_add(Ledger *ledger, uint32_t entry_index, uint64_t cookie, uint32_t inode) {
    Entry *entry = entry_at(ledger, entry_index);
    User *user = &ledger->users[entry->user];
    uint32_t index;
    int r = pool_add(&ledger->sockets, &index);
    if (r < 0)
        return r;
    r = table_add(&ledger->by_cookie, cookie_hash(ledger, cookie), index);
    if (r < 0) {
        pool_remove(&ledger->sockets, index);
        return r;
    }

    SocketRecord *record = socket_at(ledger, index);
    *record = (SocketRecord){
        .entry = entry_index,
        .cookie = cookie,
        .inode = inode,
        .prev = entry->socket_last,
        .user_prev = user->newest_socket,
        .seen = ledger->dump,
    };
    *(record->prev ? &socket_at(ledger, record->prev)->next : &entry->socket) = index;
    entry->socket_last = index;
    *(record->user_prev ? &socket_at(ledger, record->user_prev)->user_next : &user->oldest_socket) =
        index;
    user->newest_socket = index;
    if (entry->n_sockets++ == 0)
        entry->cookie = cookie;
    entry->joined = ledger->dump;
    user->n_sockets++;
    ledger->n_of_part[entry_part(entry)]++;
    ledger->n_seen_of_part[entry_part(entry)]++;
    ledger->revision++;
    return 0;
}

static void socket_unlink(Ledger *ledger, const SocketRecord *record) {
    Entry *entry = entry_at(ledger, record->entry);
    User *user = &ledger->users[entry->user];

    *(record->prev ? &socket_at(ledger, record->prev)->next : &entry->socket) = record->next;
    *(record->next ? &socket_at(ledger, record->next)->prev : &entry->socket_last) = record->prev;
    *(record->user_prev ? &socket_at(ledger, record->user_prev)->user_next : &user->oldest_socket) =
        record->user_next;
    *(record->user_next ? &socket_at(ledger, record->user_next)->user_prev : &user->newest_socket) =
        record->user_prev;
    entry->n_sockets--;
    user->n_sockets--;
    ledger->n_of_part[entry_part(entry)]--;
    if (record->seen == ledger->dump)
        ledger->n_seen_of_part[entry_part(entry)]--;
    if (record->missing)
        ledger->n_missing--;
}

void socket_remove(Ledger *ledger, uint32_t index) {
    SocketRecord *record = socket_at(ledger, index);
    uint32_t entry_index = record->entry;
    Entry *entry = entry_at(ledger, entry_index);

    socket_unlink(ledger, record);
    table_remove(&ledger->by_cookie, cookie_hash(ledger, record->cookie), index);
    pool_remove(&ledger->sockets, index);
    ledger->revision++;
    if (entry->n_sockets == 0) {
        entry_go(ledger, entry_index);
        return;
    }
    const SocketRecord *first = socket_at(ledger, entry->socket);
    if (first->cookie != entry->cookie) {
        LedgerChange change = {
            .event = LEDGER_CHANGED, .what = LEDGER_ID, .was_cookie = entry->cookie};
        entry->cookie = first->cookie;
        if (entry->found_closed && entry->alert) /* only the first socket was */
            alert_schedule(ledger, entry->alert);
        entry->found_closed = false;
        if (entry->state == ENTRY_LIVE) {
            change.view = entry_view(ledger, entry, &ledger->now);
            ledger_tell(ledger, &change);
        }
    }
}

usec_t time_open(const Ledger *ledger, usec_t began) {
    usec_t now = ledger->now.boottime;
    usec_t end = ledger->closed_at && ledger->closed_at < now ? ledger->closed_at : now;
    return end > began ? end - began : 0;
}

/* Returns whether it closed before an alert was due. */
static bool is_transient(const Ledger *ledger, const Entry *entry) {
    return entry->action == ACTION_FLAG && !ledger->evicting &&
           (entry->found_closed ||
            time_open(ledger, entry->appeared) < ledger->judge->settings.settle);
}

static void note_closed_port(Ledger *ledger, const Entry *entry) {
    if (entry->origin == ORIGIN_SOCKET && entry->action == ACTION_FLAG)
        ledger->closed_ports[ledger->n_closed_ports++ % CLOSED_PORTS] =
            (ClosedPort){.at = ledger->now.boottime, .port = entry->port, .proto = entry->proto};
}

void entry_close(Ledger *ledger, uint32_t index) {
    uint32_t next;
    for (uint32_t at = entry_at(ledger, index)->socket; at; at = next) {
        next = socket_at(ledger, at)->next;
        socket_remove(ledger, at);
    }
}

/* Reports the end of a socket whose appearance was not reported. A socket that became a client, or
 * is only no longer tracked, is still open and is not reported. */
static void tell_unannounced(Ledger *ledger, const Entry *entry) {
    LedgerChange change = {
        .event = LEDGER_GONE,
        .view = entry_view(ledger, entry, &ledger->now),
        .unannounced = true,
        .duration = time_open(ledger, entry->appeared),
    };
    if (!entry->is_client && !ledger->evicting && !ledger->moving)
        ledger_tell(ledger, &change);
}

void entry_go(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    entry_unlink(ledger, index);
    if (entry_has_grace(entry))
        grace_keep(ledger, entry);
    if (entry->state == ENTRY_PENDING) {
        ledger->n_pending--;
        tell_unannounced(ledger, entry);
    } else if (entry->state == ENTRY_LIVE) {
        LedgerChange change = {
            .event = LEDGER_GONE,
            .view = entry_view(ledger, entry, &ledger->now),
            .transient = is_transient(ledger, entry),
            .evicted = ledger->evicting,
            .duration = time_since(entry->born, &ledger->now),
        };
        if (change.transient) /* its start time may be that of its process */
            change.duration = time_open(ledger, entry->appeared);
        const RateAlert asked = {ledger->users[entry->user].uid, (Severity)entry->severity,
                                 entry_endpoint(entry)};
        if (change.transient && !rate_take_transient(ledger->rate, &asked, ledger->now.boottime))
            change.transient = false;
        ledger_tell(ledger, &change);
        note_closed_port(ledger, entry);
        if (entry->alert && alert_detach(ledger, index, RESOLVED_GONE)) {
            uint16_t user = entry->user;
            entry->state = ENTRY_GHOST;
            entry->user = 0; /* may be another's by the time the ghost goes */
            ledger->n_ghosts++;
            user_put(ledger, user);
            return;
        }
    }
    entry_free(ledger, index);
}
