/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/link.h"

#include <stdlib.h>
#include <string.h>

const char *link_kind_name(LinkKind kind) {
    static const char *const names[LINK_KIND_COUNT] = {
        [LINK_PHYSICAL] = "physical", [LINK_LOOPBACK] = "loopback",   [LINK_WIRELESS] = "wireless",
        [LINK_BRIDGE] = "bridge",     [LINK_VETH] = "veth",           [LINK_TUN] = "tun",
        [LINK_TAP] = "tap",           [LINK_WIREGUARD] = "wireguard", [LINK_PPP] = "ppp",
        [LINK_IPSEC] = "ipsec",       [LINK_TUNNEL] = "tunnel",       [LINK_VLAN] = "vlan",
        [LINK_MACVLAN] = "macvlan",   [LINK_BOND] = "bond",           [LINK_VRF] = "vrf",
        [LINK_DUMMY] = "dummy",
    };
    return names[kind];
}

LinkTable *link_table_free(LinkTable *table) {
    if (!table)
        return NULL;
    free(table->links);
    free(table->addresses);
    free(table);
    return NULL;
}

static int compare_index(const void *index, const void *link) {
    uint32_t a = *(const uint32_t *)index, b = ((const Link *)link)->index;
    return (a > b) - (a < b);
}

const Link *link_table_find(const LinkTable *table, uint32_t index) {
    if (!table || table->n_links == 0)
        return NULL;
    return bsearch(&index, table->links, table->n_links, sizeof(Link), compare_index);
}

const Link *link_table_find_name(const LinkTable *table, const char *name) {
    for (size_t i = 0; table && i < table->n_links; i++)
        if (strcmp(table->links[i].name, name) == 0)
            return &table->links[i];
    return NULL;
}

bool link_is_vpn(const Link *link) {
    return link->kind == LINK_TUN || link->kind == LINK_WIREGUARD || link->kind == LINK_PPP ||
           link->kind == LINK_IPSEC;
}

/* A bridge's ports that are guests' ends (veth, tap) lead nowhere else; any other port does. */
static bool bridge_has_way_out(const LinkTable *table, const Link *bridge) {
    for (size_t i = 0; i < table->n_links; i++) {
        const Link *port = &table->links[i];
        if (port->master == bridge->index && port->kind != LINK_VETH && port->kind != LINK_TAP &&
            port->kind != LINK_DUMMY)
            return true;
    }
    return false;
}

/* A VLAN on a VLAN on a bridge is deep already; a table that goes in circles ends here too. */
#define LOWER_DEPTH 8

static bool leads_to_guests(const LinkTable *table, const Link *link, unsigned depth) {
    if (link->default_route)
        return false;
    switch (link->kind) {
    case LINK_VLAN:
    case LINK_MACVLAN: {
        /* It goes where the link goes that it stands on. */
        const Link *lower = link->lower ? link_table_find(table, link->lower) : NULL;
        return lower && depth > 0 && leads_to_guests(table, lower, depth - 1);
    }
    case LINK_VETH:
    case LINK_TAP:
        return true;
    case LINK_BRIDGE:
        return !bridge_has_way_out(table, link);
    default:
        return false;
    }
}

bool link_leads_to_guests_only(const LinkTable *table, const Link *link) {
    return leads_to_guests(table, link, LOWER_DEPTH);
}
