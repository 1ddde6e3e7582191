/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/reach.h"

/* The scope of one concrete address that stands on `link` (NULL: on none that we know). */
static Scope address_scope(const Address *address, const Link *link, const LinkTable *links) {
    if (address_is_loopback(address))
        return SCOPE_LOOPBACK;
    bool virtual = link && link_leads_to_guests_only(links, link);
    if (virtual && address_is_link_local(address))
        return SCOPE_VIRTUAL;
    /* Routers do not forward packets to 255.255.255.255. */
    if (address_is_link_local(address) || address_is_broadcast(address))
        return SCOPE_LINK_LOCAL;
    if (address_is_multicast(address))
        return SCOPE_MULTICAST;
    if (virtual)
        return SCOPE_VIRTUAL;
    if (link && link_is_vpn(link))
        return SCOPE_VPN;
    return address_is_private(address) ? SCOPE_PRIVATE : SCOPE_PUBLIC;
}

/* Whether what comes in by `link` reaches a socket bound to `device`: itself, or a port of that
 * VRF. */
static bool device_covers(const LinkTable *links, uint32_t device, const Link *link) {
    if (device == 0 || link->index == device)
        return true;
    const Link *master = link_table_find(links, device);
    return master && master->kind == LINK_VRF && link->master == device;
}

/* Of IPv4, the whole prefix of an address on `lo` is the host's own: all of 127.0.0.0/8 as well. */
static bool loopback_prefix_holds(const LinkAddress *candidate, const Link *link,
                                  const Address *bound) {
    if (link->kind != LINK_LOOPBACK || candidate->address.family != AF_INET)
        return false;
    Prefix prefix = {.address = candidate->address, .length = candidate->prefix_length};
    for (unsigned bit = prefix.length; bit < 32; bit++)
        prefix.address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    return prefix_holds(&prefix, bound);
}

/* Whether the endpoint is reached at that address of the link; *ret is then what answers. */
static bool endpoint_answers(const Endpoint *endpoint, const LinkAddress *candidate,
                             const Link *link, Address *ret) {
    const Address *address = &candidate->address;
    if (address_is_wildcard(&endpoint->address)) {
        *ret = *address;
        if (candidate->whole)
            return false;
        return address->family == AF_INET ? endpoint_takes_ipv4(endpoint)
                                          : endpoint_takes_ipv6(endpoint);
    }
    *ret = address_unmapped(&endpoint->address);
    if (candidate->whole) {
        const Prefix prefix = {candidate->address, candidate->prefix_length};
        return prefix_holds(&prefix, ret);
    }
    if (address_is_broadcast(ret))
        return address->family == AF_INET && link->kind != LINK_LOOPBACK;
    return address_equal(ret, address) || loopback_prefix_holds(candidate, link, ret) ||
           address_is_broadcast_of(ret, address, candidate->prefix_length);
}

/* Returns the link with the address. It may be down: the address is then reachable through others.
 */
static const Link *link_of_address(const Endpoint *endpoint, const LinkTable *links) {
    Address answers;
    for (size_t i = 0; links && i < links->n_addresses; i++) {
        const Link *link = link_table_find(links, links->addresses[i].index);
        if (link && endpoint_answers(endpoint, &links->addresses[i], link, &answers))
            return link;
    }
    return NULL;
}

bool reach_next(ReachIterator *iterator, const Endpoint *endpoint, const LinkTable *links,
                Way *ret) {
    while (links && iterator->next < links->n_addresses) {
        const LinkAddress *candidate = &links->addresses[iterator->next++];
        const Link *link = link_table_find(links, candidate->index);
        Address answers;
        if (!link || !link->up || !device_covers(links, endpoint->ifindex, link) ||
            !endpoint_answers(endpoint, candidate, link, &answers))
            continue;
        *ret = (Way){
            .link = link,
            .address = answers,
            .scope = link->kind == LINK_LOOPBACK && endpoint->ifindex == link->index
                         ? SCOPE_LOOPBACK
                         : address_scope(&answers, link, links),
        };
        return true;
    }
    return false;
}

/* A device that has no address now may get one at any moment: what it would then be. */
static Scope device_scope(const LinkTable *links, const Link *device) {
    if (device && link_leads_to_guests_only(links, device))
        return SCOPE_VIRTUAL;
    if (device && link_is_vpn(device))
        return SCOPE_VPN;
    return SCOPE_PRIVATE;
}

static bool is_on_no_interface(const Endpoint *endpoint, const Link *device,
                               const LinkTable *links) {
    const Address *address = &endpoint->address;
    if (!links || !links->complete || address_is_multicast(address))
        return false;
    if (endpoint->ifindex && !device)
        return true;
    return !address_is_wildcard(address) && !link_of_address(endpoint, links);
}

static Scope scope_of(const Endpoint *endpoint, bool forwarded, const LinkTable *links) {
    const Link *device = endpoint->ifindex ? link_table_find(links, endpoint->ifindex) : NULL;
    bool wildcard = address_is_wildcard(&endpoint->address);

    if (device && device->kind == LINK_LOOPBACK)
        return SCOPE_LOOPBACK;
    if (wildcard && !endpoint->ifindex)
        return SCOPE_WILDCARD;
    /* The number decides alone: no walk over the addresses for each of many listeners. */
    if (address_is_loopback(&endpoint->address))
        return SCOPE_LOOPBACK;

    Scope widest = SCOPE_LOOPBACK;
    bool found = false;
    Way way;
    for (ReachIterator i = {}; reach_next(&i, endpoint, links, &way);) {
        if (!found || way.scope > widest)
            widest = way.scope;
        found = true;
    }
    if (found)
        return widest;
    if (!forwarded && is_on_no_interface(endpoint, device, links))
        return SCOPE_UNREACHABLE;
    if (wildcard)
        return device_scope(links, device);
    return address_scope(&endpoint->address, device ?: link_of_address(endpoint, links), links);
}

Scope endpoint_scope(const Endpoint *endpoint, const LinkTable *links) {
    return scope_of(endpoint, false, links);
}

Scope listener_scope(const Listener *listener, const LinkTable *links) {
    return scope_of(&listener->endpoint, listener->origin == ORIGIN_FORWARD, links);
}
