/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

#define ALL_PROTOS ((1u << PROTO_COUNT) - 1)

/* Chains may not loop (the kernel refuses it), but may branch: both bounds keep the walk small. */
#define JUMP_DEPTH_MAX 16
#define WALK_STEPS_MAX 100000

PacketMatch packet_match_any(void) {
    return (PacketMatch){.ipv4 = true, .ipv6 = true, .protos = ALL_PROTOS, .any_port = true};
}

void packet_match_protos(PacketMatch *match, uint32_t protos) {
    match->protos &= protos;
}

int packet_match_ports(PacketMatch *match, const PortRange *ranges, size_t n_ranges) {
    static const PortRange whole = {0, UINT16_MAX};
    const PortRange *old = match->any_port ? &whole : match->ports;
    size_t n_old = match->any_port ? 1 : match->n_ports, n_both = 0;
    PortRange both[PORT_RANGES_MAX] = {};

    for (size_t i = 0; i < n_old; i++)
        for (size_t j = 0; j < n_ranges; j++) {
            uint16_t first = old[i].first > ranges[j].first ? old[i].first : ranges[j].first;
            uint16_t last = old[i].last < ranges[j].last ? old[i].last : ranges[j].last;
            if (first > last)
                continue;
            if (n_both == PORT_RANGES_MAX)
                return -E2BIG;
            both[n_both++] = (PortRange){first, last};
        }
    memcpy(match->ports, both, n_both * sizeof(*both));
    match->n_ports = n_both;
    match->any_port = false;
    return 0;
}

/* The narrower of two prefixes; where they exclude each other, either: no packet passes anyway. */
static void narrow_destination(PacketMatch *match, const Prefix *other) {
    if (other->address.family == 0)
        return;
    if (match->destination.address.family == 0 || other->length > match->destination.length)
        match->destination = *other;
}

int packet_match_narrow(PacketMatch *match, const PacketMatch *other) {
    match->ipv4 &= other->ipv4;
    match->ipv6 &= other->ipv6;
    match->protos &= other->protos;
    narrow_destination(match, &other->destination);
    if (!match->device[0])
        memcpy(match->device, other->device, sizeof(match->device));
    if (!match->ifindex)
        match->ifindex = other->ifindex;
    return other->any_port ? 0 : packet_match_ports(match, other->ports, other->n_ports);
}

static void forward_rule_done(ForwardRule *rule) {
    free(rule->chain);
    free(rule->jump);
}

void forward_table_done(ForwardTable *table) {
    for (size_t i = 0; i < table->n_rules; i++)
        forward_rule_done(&table->rules[i]);
    for (size_t i = 0; i < table->n_hooks; i++)
        free(table->hooks[i]);
    free(table->rules);
    free(table->hooks);
    *table = (ForwardTable){};
}

int forward_table_add(ForwardTable *table, ForwardRule *rule) {
    int r = ARRAY_RESERVE(table->rules, table->rules_allocated, table->n_rules + 1);
    if (r < 0)
        forward_rule_done(rule);
    else
        table->rules[table->n_rules++] = *rule;
    return r;
}

int forward_table_add_hook(ForwardTable *table, const char *chain) {
    int r = ARRAY_RESERVE(table->hooks, table->hooks_allocated, table->n_hooks + 1);
    if (r < 0)
        return r;
    char *copy = strdup(chain);
    if (!copy)
        return -ENOMEM;
    table->hooks[table->n_hooks++] = copy;
    return 0;
}

/* The walk from the hooks along the jumps. */
typedef struct Walk {
    const ForwardTable *table;
    Snapshot *snapshot;
    size_t n_sockets_listeners; /* the snapshot's listeners that are sockets come first */
    size_t n_forwards;
    size_t n_unclear;
    size_t n_steps;
    bool too_many;
} Walk;

/* Whether a socket takes what comes to that endpoint: then it is the one to be shown. */
static bool socket_listens(const Walk *walk, const Endpoint *forward) {
    for (size_t i = 0; i < walk->n_sockets_listeners; i++) {
        const Endpoint *endpoint = &walk->snapshot->listeners[i].endpoint;
        Proto proto = endpoint->proto == PROTO_MPTCP ? PROTO_TCP : endpoint->proto;
        if (endpoint->port != forward->port || proto != forward->proto)
            continue;
        if (address_equal(&endpoint->address, &forward->address))
            return true;
        if (address_is_wildcard(&endpoint->address) && endpoint->ifindex == 0 &&
            (forward->address.family == AF_INET ? endpoint_takes_ipv4(endpoint)
                                                : endpoint_takes_ipv6(endpoint)))
            return true;
    }
    return false;
}

/* The kernel keeps a port in the range, and otherwise uses the first port of the range. */
static uint16_t target_port(const ForwardRule *rule, uint16_t port) {
    bool stays = rule->to_port == 0 || (rule->to_port <= port && port <= rule->to_last);
    return stays ? port : rule->to_port;
}

static int add_forward(Walk *walk, const ForwardRule *rule, const Endpoint *endpoint) {
    if (socket_listens(walk, endpoint))
        return 0;
    if (walk->n_forwards == FORWARDS_MAX) {
        walk->too_many = true;
        return 0;
    }
    Listener forward = {
        .endpoint = *endpoint,
        .origin = ORIGIN_FORWARD,
        .uid = (uint32_t)-1,
        .forward_to = rule->to,
        .forward_port = target_port(rule, endpoint->port),
    };
    int r = snapshot_add(walk->snapshot, &forward);
    if (r > 0)
        walk->n_forwards++;
    return r < 0 ? r : 0;
}

/* Every port and protocol that the match lets through, at one address. */
static int add_ports(Walk *walk, const ForwardRule *rule, const PacketMatch *match,
                     const Endpoint *at) {
    for (Proto proto = 0; proto < PROTO_COUNT; proto++) {
        if (proto == PROTO_MPTCP || !(match->protos & 1u << proto))
            continue;
        for (size_t i = 0; i < match->n_ports; i++)
            /* Port 0 is in `< 1024`, but nobody can connect to it. */
            for (uint32_t port = match->ports[i].first ?: 1; port <= match->ports[i].last; port++) {
                Endpoint endpoint = *at;
                endpoint.proto = proto;
                endpoint.port = (uint16_t)port;
                int r = add_forward(walk, rule, &endpoint);
                if (r < 0 || walk->too_many)
                    return r;
            }
    }
    return 0;
}

static uint32_t match_ifindex(const Walk *walk, const PacketMatch *match) {
    if (match->ifindex || !match->device[0])
        return match->ifindex;
    const Link *link = link_table_find_name(walk->snapshot->links, match->device);
    return link ? link->index : 0;
}

/* One family: at the wildcard, at the address named, or at each of ours in the prefix named. */
static int add_family(Walk *walk, const ForwardRule *rule, const PacketMatch *match,
                      sa_family_t family) {
    const Prefix *destination = &match->destination;
    const LinkTable *links = walk->snapshot->links;
    Endpoint at = {
        .ifindex = match_ifindex(walk, match),
        .v6only = family == AF_INET6,
        .address.family = family,
    };

    if (destination->address.family == 0)
        return add_ports(walk, rule, match, &at);
    if (destination->address.family != family)
        return 0;
    if (destination->length == (family == AF_INET ? 32 : 128)) {
        at.address = destination->address;
        return add_ports(walk, rule, match, &at);
    }
    for (size_t i = 0; links && i < links->n_addresses; i++) {
        at.address = links->addresses[i].address;
        bool holds = !links->addresses[i].whole && prefix_holds(destination, &at.address);
        int r = holds ? add_ports(walk, rule, match, &at) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int walk_chain(Walk *walk, const char *chain, const PacketMatch *so_far, unsigned depth);

static int walk_rule(Walk *walk, const ForwardRule *rule, const PacketMatch *so_far,
                     unsigned depth) {
    PacketMatch match = *so_far;
    if (packet_match_narrow(&match, &rule->match) < 0) {
        walk->n_unclear++;
        return 0;
    }
    if (rule->action == FORWARD_JUMP && depth < JUMP_DEPTH_MAX)
        return walk_chain(walk, rule->jump, &match, depth + 1);
    if (rule->action == FORWARD_JUMP || rule->unclear || match.any_port) {
        walk->n_unclear++;
        return 0;
    }
    int r = match.ipv4 ? add_family(walk, rule, &match, AF_INET) : 0;
    if (r < 0)
        return r;
    return match.ipv6 ? add_family(walk, rule, &match, AF_INET6) : 0;
}

static int walk_chain(Walk *walk, const char *chain, const PacketMatch *so_far, unsigned depth) {
    for (size_t i = 0; i < walk->table->n_rules; i++) {
        const ForwardRule *rule = &walk->table->rules[i];
        if (walk->n_steps++ >= WALK_STEPS_MAX)
            walk->too_many = true;
        if (walk->too_many)
            return 0;
        if (strcmp(rule->chain, chain) != 0)
            continue;
        int r = walk_rule(walk, rule, so_far, depth);
        if (r < 0)
            return r;
    }
    return 0;
}

int forward_table_resolve(const ForwardTable *table, Snapshot *snapshot) {
    const PacketMatch any = packet_match_any();
    Walk walk = {
        .table = table, .snapshot = snapshot, .n_sockets_listeners = snapshot->n_listeners};

    for (size_t i = 0; i < table->n_hooks; i++) {
        int r = walk_chain(&walk, table->hooks[i], &any, 0);
        if (r < 0)
            return r;
    }
    if (walk.too_many)
        coverage_set(&snapshot->forwards_coverage, COVERAGE_INCOMPLETE,
                     "too many forwarded ports to list; %zu are listed", walk.n_forwards);
    else if (walk.n_unclear > 0)
        coverage_set(&snapshot->forwards_coverage, COVERAGE_INCOMPLETE,
                     "%zu NAT rule%s not resolved to ports; see nft list ruleset", walk.n_unclear,
                     walk.n_unclear == 1 ? " was" : "s were");
    return 0;
}
