/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an entry is seen as: its owner, its ways in, the verdict; and when that may change. */
#include <string.h>

#include "audit/ledger_internal.h"
#include "model/reach.h"
#include "util/fnv.h"

/* --- owner --- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_owner(const Owner *a, const Owner *b) {
    if (!a || !b || a->n_holders != b->n_holders || a->runtime != b->runtime)
        return a == b;
    for (size_t i = 0; i < a->n_holders; i++) {
        const Holder *x = &a->holders[i], *y = &b->holders[i];
        if (x->pid != y->pid || x->start != y->start || x->exe_state != y->exe_state ||
            !file_id_equal(&x->exe_id, &y->exe_id) || !same_text(x->exe, y->exe))
            return false;
    }
    return a->complete == b->complete && same_text(a->unit, b->unit) &&
           same_text(a->user_unit, b->user_unit) && same_text(a->container_id, b->container_id) &&
           same_text(a->container_name, b->container_name);
}

unsigned entry_take_owner(Ledger *ledger, uint32_t index, Owner *owner, bool same_socket) {
    Entry *entry = entry_at(ledger, index);
    Owner *before = entry->owner;
    if (before == owner) {
        owner_unref(owner);
        return 0;
    }
    /* Between two looks a process may be gone, or the socket on its way to another: who held it
     * last says more than nobody. */
    if (before && before->n_holders > 0 && owner->n_holders == 0 && !owner->container_id) {
        owner_unref(owner);
        return 0;
    }
    uint64_t who = identity_who(owner);
    bool same = who == entry->who && same_owner(before, owner);
    if (who != entry->who) {
        if (same_socket)
            snooze_copy(ledger, entry, who);
        /* Another program with a socket of its own is another service. A process that inherited
         * the socket is not. */
        if (same_socket || entry->who == WHO_UNKNOWN)
            alert_rekey(ledger, index, who);
        else
            alert_replace(ledger, index, who);
        ledger->revision++; /* what else is known of an owner is not saved */
    }
    entry->owner = owner;
    owner_unref(before);
    return same ? 0 : LEDGER_HOLDERS;
}

/* --- ways in --- */

static uint64_t links_hash(const LinkTable *links) {
    uint64_t hash = hash_mix(links->n_links, links->n_addresses);
    for (size_t i = 0; i < links->n_links; i++) {
        const Link *link = &links->links[i];
        hash = hash_mix(hash, (uint64_t)link->index << 32 | link->master);
        hash = hash_mix(hash, (uint64_t)link->lower << 32 | (uint64_t)link->kind << 2 |
                                  (uint64_t)link->up << 1 | link->default_route);
        hash = fnv_add(hash, link->name, strnlen(link->name, sizeof(link->name)));
    }
    for (size_t i = 0; i < links->n_addresses; i++) {
        const LinkAddress *address = &links->addresses[i];
        hash = hash_mix(hash, (uint64_t)address->index << 8 | address->prefix_length);
        hash = fnv_add(hash, address->address.bytes, sizeof(address->address.bytes));
    }
    return hash | 1; /* 0 is none */
}

uint32_t entry_reach(const Entry *entry, const LinkTable *links) {
    Endpoint endpoint = entry_endpoint(entry);
    uint64_t hash = 1;
    Way way;
    if (!links)
        return 0;
    for (ReachIterator i = {0}; reach_next(&i, &endpoint, links, &way);) {
        hash =
            hash_mix(hash, (uint64_t)(way.link ? way.link->index : 0) << 8 | (uint64_t)way.scope);
        hash = fnv_add(hash, way.address.bytes, way.address.family == AF_INET ? 4 : 16);
    }
    return (uint32_t)hash | 1;
}

bool ledger_links_are_other(const Ledger *ledger, const LinkTable *links) {
    return links_hash(links) != ledger->links_hash;
}

void links_take(Ledger *ledger, const LinkTable *links) {
    uint64_t hash = links_hash(links);
    ledger->links = links;
    if (hash == ledger->links_hash)
        return;
    ledger->links_hash = hash;
    for (uint32_t i = 1; i <= ledger->entries.n_ever; i++) {
        Entry *entry = entry_at(ledger, i);
        if (entry->state != ENTRY_LIVE && entry->state != ENTRY_PENDING)
            continue;
        Endpoint endpoint = entry_endpoint(entry);
        uint8_t scope = (uint8_t)endpoint_scope(&endpoint, links);
        uint32_t reach = entry_reach(entry, links);
        unsigned what = (scope != entry->scope ? LEDGER_SCOPE : 0) |
                        (entry->reach && reach != entry->reach ? LEDGER_REACH : 0);
        entry->scope = scope;
        entry->reach = reach;
        if (what)
            entry_judge(ledger, i, what, RESOLVED_CHANGED);
    }
}

/* --- verdict --- */

static void ask(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    const Judge *judge = ledger->judge;
    const RuleInfo *before = entry->judged ? entry->rule : NULL;
    LedgerView view = entry_view(ledger, entry, &ledger->now);
    Verdict verdict = {0};

    judge->judge(judge->userdata, &view.listener, view.age, ledger->now.realtime, &verdict);
    if (verdict.needs_all_holders && judge->find_all_holders) {
        Owner *owner = judge->find_all_holders(judge->userdata, &view.listener);
        if (owner) {
            entry_take_owner(ledger, index, owner, true);
            view = entry_view(ledger, entry, &ledger->now);
            judge->judge(judge->userdata, &view.listener, view.age, ledger->now.realtime, &verdict);
        }
    }
    entry->action = (uint8_t)verdict.action;
    entry->severity = (uint8_t)verdict.severity;
    entry->rule = verdict.rule;
    entry->judged = true;
    /* The rules of another policy are others all: that is no news. */
    if (judge->count && verdict.rule && verdict.rule != before && !ledger->swapping)
        judge->count(judge->userdata, verdict.rule);
}

static void apply_verdict(Ledger *ledger, uint32_t index, ResolvedWhy why) {
    const Entry *entry = entry_at(ledger, index);
    if (entry->action == ACTION_FLAG && entry->alert)
        alert_review(ledger, index);
    else if (entry->action == ACTION_FLAG)
        alert_attach(ledger, index);
    else if (entry->scope == SCOPE_UNREACHABLE)
        alert_rest(ledger, index);
    else if (entry->alert)
        alert_detach(ledger, index, why);
    else
        alert_clear(ledger, index, RESOLVED_POLICY);
    entry_set_timer(ledger, index);
}

void entry_judge(Ledger *ledger, uint32_t index, unsigned what, ResolvedWhy why) {
    Entry *entry = entry_at(ledger, index);
    if (entry->state != ENTRY_LIVE)
        return;
    uint8_t action = entry->action, severity = entry->severity;
    ask(ledger, index);
    if (entry->action != action || (action == ACTION_FLAG && entry->severity != severity))
        what |= LEDGER_VERDICT;
    if (what) {
        LedgerChange change = {
            .event = LEDGER_CHANGED, .view = entry_view(ledger, entry, &ledger->now), .what = what};
        ledger_tell(ledger, &change);
    }
    apply_verdict(ledger, index, why);
}

void entry_judge_all(Ledger *ledger, ResolvedWhy why) {
    for (uint32_t i = 1; i <= ledger->entries.n_ever; i++)
        entry_judge(ledger, i, 0, why);
}

/* --- begin, and what time brings --- */

void entry_announce(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    if (entry->state == ENTRY_PENDING)
        ledger->n_pending--;
    entry->state = ENTRY_LIVE;
    ask(ledger, index);
    LedgerChange change = {.event = LEDGER_APPEARED,
                           .view = entry_view(ledger, entry, &ledger->now)};
    ledger_tell(ledger, &change);
    apply_verdict(ledger, index, RESOLVED_POLICY);
}

/*
 * Where a container's port is published, its socket hides the forward of the same port. The engine
 * adds the NAT rule before it opens the socket, and closes the socket before it removes the rule:
 * neither is an exposure of its own. On a busy machine each takes seconds.
 */
#define FORWARD_PRECEDES (2 * USEC_PER_SEC)
#define FORWARD_OUTLASTS LEDGER_RETURN

static bool outlasts_socket(const Ledger *ledger, const Entry *forward) {
    for (unsigned i = 0; i < CLOSED_PORTS; i++) {
        const ClosedPort *closed = &ledger->closed_ports[i];
        if (closed->port == forward->port && closed->proto == forward->proto &&
            closed->at + LEDGER_RETURN > ledger->now.boottime)
            return true;
    }
    return false;
}

/*
 * The grace is for short-lived clients. A server could have a new socket at the end of each grace,
 * so the time is kept for which the user's sockets on the port were open. Half of the time in
 * between is deducted.
 */
bool entry_has_grace(const Entry *entry) {
    return entry->origin == ORIGIN_SOCKET &&
           (entry->proto == PROTO_UDP || entry->proto == PROTO_UDPLITE);
}

static usec_t grace_used(Ledger *ledger, const Entry *entry) {
    const UserPort *known = user_port(ledger, ledger->udp_ports, entry);
    return user_port_is(known, entry) ? limit_used(known->limit, ledger->now.boottime) / 2 : 0;
}

void grace_keep(Ledger *ledger, const Entry *entry) {
    usec_t grace = ledger->judge->settings.udp_grace;
    usec_t used = time_since(entry->born, &ledger->now);

    user_port_set(user_port(ledger, ledger->udp_ports, entry), entry,
                  ledger->now.boottime + 2 * (used < grace ? used : grace));
}

void entry_begin(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    bool known = ledger->n_restored > 0 && entry_restore(ledger, index);

    entry->reach = entry_reach(entry, ledger->links);
    if (entry->origin == ORIGIN_FORWARD && !known && ledger->judge->settings.settle > 0)
        entry->appeared += outlasts_socket(ledger, entry) ? FORWARD_OUTLASTS : FORWARD_PRECEDES;
    if (entry_has_grace(entry) && !known)
        entry->born -= (BootTime)grace_used(ledger, entry);
    if (entry_has_grace(entry) && !known &&
        time_since(entry->born, &ledger->now) < ledger->judge->settings.udp_grace) {
        entry->state = ENTRY_PENDING;
        ledger->n_pending++;
        entry_set_timer(ledger, index);
        return;
    }
    entry_announce(ledger, index);
}

void entry_compare(Ledger *ledger, uint32_t index, const Listener *found) {
    Entry *entry = entry_at(ledger, index);
    unsigned what = 0;

    if (found->owner && found->owner != entry->owner)
        what |=
            entry_take_owner(ledger, index, owner_ref(found->owner), entry->joined != ledger->dump);
    if (ledger->links && (uint8_t)found->scope != entry->scope) {
        entry->scope = (uint8_t)found->scope;
        what |= LEDGER_SCOPE;
    }
    if (entry->forward && (entry->forward->port != found->forward_port ||
                           !address_equal(&entry->forward->to, &found->forward_to))) {
        if (entry->forward->port != found->forward_port)
            alert_replace(ledger, index, identity_of_target(found->forward_port));
        *entry->forward = (Forward){.to = found->forward_to, .port = found->forward_port};
        what |= LEDGER_HOLDERS;
    }
    /* Not judged, because an alert could not be allocated the last time. */
    if (what || (entry->state == ENTRY_LIVE && !entry->judged))
        entry_judge(ledger, index, what, RESOLVED_CHANGED);
}

void entry_set_timer(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    usec_t age = time_since(entry->born, &ledger->now), at = USEC_INFINITY;
    if (entry->state == ENTRY_PENDING)
        at = ledger->judge->settings.udp_grace;
    else if (entry->state == ENTRY_LIVE)
        at = ledger->judge->next_age(ledger->judge->userdata, age);
    if (at != USEC_INFINITY)
        at = usec_add(ledger->now.boottime, at > age ? at - age : 0);
    timer_set(&ledger->timers, &entry->timer, at);
}

/* A socket that was connected since it was bound is a client's: it hears its peer only. */
static bool became_client(const Ledger *ledger, const Entry *entry) {
    Listener listener = entry_listener(entry);
    return ledger->judge->is_open && !ledger->judge->is_open(ledger->judge->userdata, &listener);
}

void entry_on_timer(Ledger *ledger, uint32_t index) {
    Entry *entry = entry_at(ledger, index);
    entry->is_client = entry->state == ENTRY_PENDING && became_client(ledger, entry);
    if (entry->is_client)
        entry_close(ledger, index);
    else if (entry->state == ENTRY_PENDING)
        entry_announce(ledger, index);
    else
        entry_judge(ledger, index, 0, RESOLVED_CHANGED);
}
