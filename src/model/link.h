/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network interfaces of one network namespace with their addresses, as collected through
 * rtnetlink. Plain data: built by collect (or by a test), read by scope and reach.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/address.h"

typedef enum LinkKind {
    LINK_PHYSICAL, /* a real device, or a kind that we do not know: treated as the LAN */
    LINK_LOOPBACK,
    LINK_WIRELESS,
    LINK_BRIDGE,
    LINK_VETH,
    LINK_TUN, /* layer 3: what VPN clients use */
    LINK_TAP, /* layer 2: what virtual machines use */
    LINK_WIREGUARD,
    LINK_PPP,
    LINK_IPSEC,  /* xfrm, vti */
    LINK_TUNNEL, /* ipip, sit, gre, vxlan, geneve, … */
    LINK_VLAN,
    LINK_MACVLAN, /* macvlan, ipvlan and their taps */
    LINK_BOND,    /* bond, team */
    LINK_VRF,
    LINK_DUMMY,
    LINK_KIND_COUNT,
} LinkKind;

typedef struct Link {
    uint32_t index;
    uint32_t master; /* ifindex of the bridge, bond or VRF that it is a port of, 0: none */
    uint32_t lower;  /* ifindex that it stands on (VLAN, macvlan), 0: none */
    char name[IFNAMSIZ];
    LinkKind kind;
    bool up;
    bool default_route; /* a default route of IPv4 or IPv6 leaves by it */
} Link;

typedef struct LinkAddress {
    uint32_t index; /* of the link */
    Address address;
    uint8_t prefix_length;
    bool whole; /* a local route for the whole prefix, not an address */
} LinkAddress;

typedef struct LinkTable {
    Link *links; /* sorted by index */
    size_t n_links;
    LinkAddress *addresses; /* only those that answer: not tentative-and-failed ones */
    size_t n_addresses;
    bool complete; /* the dumps were complete: no interface has an address that is not here */
} LinkTable;

/* `physical`, `wireless`, `bridge`, … */
const char *link_kind_name(LinkKind kind);

/* Takes NULL, returns NULL. */
LinkTable *link_table_free(LinkTable *table);

/* The link of that index or name, or NULL; the table may be NULL. */
const Link *link_table_find(const LinkTable *table, uint32_t index);
const Link *link_table_find_name(const LinkTable *table, const char *name);

/*
 * Whether the link leads to this host's own guests only: a bridge without a port that leads
 * elsewhere, a veth, a tap, or what stands on one of them, none with a default route. Inside a
 * container eth0 is a veth and has the default route: it is the LAN.
 */
bool link_leads_to_guests_only(const LinkTable *table, const Link *link);

/* Whether it is a tunnel of a VPN: tun, WireGuard, PPP, IPsec. */
bool link_is_vpn(const Link *link);
