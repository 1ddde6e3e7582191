/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scopes (RULES.md) and ways in, on a workstation with one of every sort of link. */
#include "model/reach.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LO = 1,
    ETH0,
    WLAN0,
    DOCKER0, /* a bridge of veths */
    VETH1,   /* a port of docker0 */
    VIRBR0,  /* a bridge without any port */
    BR0,     /* a bridge with eth1 in it */
    ETH1,
    TUN0,
    WG0,
    TAP0,
    VLAN5,  /* on eth0 */
    VLAN6,  /* on docker0 */
    BLUE,   /* a VRF */
    ETH2,   /* a port of blue */
    ETH3,   /* down */
    NEW0,   /* without an address */
    NEWTUN, /* likewise */
};

static Link links[] = {
    {.index = LO, .name = "lo", .kind = LINK_LOOPBACK, .up = true},
    {.index = ETH0, .name = "eth0", .kind = LINK_PHYSICAL, .up = true, .default_route = true},
    {.index = WLAN0, .name = "wlan0", .kind = LINK_WIRELESS, .up = true},
    {.index = DOCKER0, .name = "docker0", .kind = LINK_BRIDGE, .up = true},
    {.index = VETH1, .name = "veth1", .kind = LINK_VETH, .up = true, .master = DOCKER0},
    {.index = VIRBR0, .name = "virbr0", .kind = LINK_BRIDGE, .up = true},
    {.index = BR0, .name = "br0", .kind = LINK_BRIDGE, .up = true},
    {.index = ETH1, .name = "eth1", .kind = LINK_PHYSICAL, .up = true, .master = BR0},
    {.index = TUN0, .name = "tun0", .kind = LINK_TUN, .up = true},
    {.index = WG0, .name = "wg0", .kind = LINK_WIREGUARD, .up = true, .default_route = true},
    {.index = TAP0, .name = "tap0", .kind = LINK_TAP, .up = true},
    {.index = VLAN5, .name = "eth0.5", .kind = LINK_VLAN, .up = true, .lower = ETH0},
    {.index = VLAN6, .name = "d.6", .kind = LINK_VLAN, .up = true, .lower = DOCKER0},
    {.index = BLUE, .name = "blue", .kind = LINK_VRF, .up = true},
    {.index = ETH2, .name = "eth2", .kind = LINK_PHYSICAL, .up = true, .master = BLUE},
    {.index = ETH3, .name = "eth3", .kind = LINK_PHYSICAL, .up = false},
    {.index = NEW0, .name = "new0", .kind = LINK_PHYSICAL, .up = true},
    {.index = NEWTUN, .name = "newtun", .kind = LINK_TUN, .up = true},
};

static const struct {
    uint32_t index;
    const char *address;
    uint8_t bits;
} addresses[] = {
    {LO, "127.0.0.1", 8},        {LO, "10.99.0.0", 24},         {LO, "::1", 128},
    {LO, "fd99::1", 64},         {ETH0, "203.0.113.5", 24},     {ETH0, "2001:db8::5", 64},
    {ETH0, "fe80::5", 64},       {WLAN0, "192.168.1.20", 24},   {WLAN0, "fe80::20", 64},
    {DOCKER0, "172.17.0.1", 16}, {VIRBR0, "192.168.122.1", 24}, {VIRBR0, "fe80::122", 64},
    {BR0, "192.168.7.1", 24},    {TUN0, "10.8.0.6", 24},        {WG0, "10.9.0.2", 32},
    {TAP0, "10.10.0.1", 24},     {VLAN5, "10.5.0.1", 24},       {VLAN6, "10.6.0.1", 24},
    {ETH2, "10.2.0.1", 24},      {ETH3, "10.3.0.1", 24},
};

static LinkTable table = {.links = links, .n_links = sizeof(links) / sizeof(links[0])};

static void make_table(void) {
    table.n_addresses = sizeof(addresses) / sizeof(addresses[0]);
    table.addresses = calloc(table.n_addresses, sizeof(LinkAddress));
    for (size_t i = 0; i < table.n_addresses; i++) {
        table.addresses[i].index = addresses[i].index;
        table.addresses[i].prefix_length = addresses[i].bits;
        cr_assert_eq(address_parse(addresses[i].address, &table.addresses[i].address), 0);
    }
}

static void free_table(void) {
    free(table.addresses);
}

TestSuite(reach, .init = make_table, .fini = free_table);

static Endpoint endpoint(const char *address, uint32_t device, bool v6only) {
    Endpoint made = {.proto = PROTO_TCP, .port = 80, .ifindex = device, .v6only = v6only};
    cr_assert_eq(address_parse(address, &made.address), 0);
    return made;
}

Test(reach, scopes) {
    static const struct {
        const char *address;
        uint32_t device;
        Scope scope;
    } cases[] = {
        {"127.0.0.1", 0, SCOPE_LOOPBACK},
        {"127.0.0.2", 0, SCOPE_LOOPBACK},
        {"::1", 0, SCOPE_LOOPBACK},
        {"::ffff:127.0.0.1", 0, SCOPE_LOOPBACK},
        {"0.0.0.0", LO, SCOPE_LOOPBACK},
        {"::", LO, SCOPE_LOOPBACK},
        {"10.99.0.0", LO, SCOPE_LOOPBACK},
        {"224.0.0.251", LO, SCOPE_LOOPBACK},
        {"203.0.113.9", LO, SCOPE_LOOPBACK}, /* that nobody has */
        {"10.99.0.0", 0, SCOPE_PRIVATE},     /* fact 26: neighbours may have a route to it */
        {"fd99::1", 0, SCOPE_PRIVATE},
        {"fe80::5", ETH0, SCOPE_LINK_LOCAL},
        {"fe80::122", VIRBR0, SCOPE_VIRTUAL},
        {"169.254.3.4", 0, SCOPE_LINK_LOCAL},
        {"172.17.0.1", 0, SCOPE_VIRTUAL}, /* fact 26: a bridge that has no way out */
        {"::ffff:172.17.0.1", 0, SCOPE_VIRTUAL},
        {"192.168.122.1", 0, SCOPE_VIRTUAL},
        {"10.10.0.1", 0, SCOPE_VIRTUAL},
        {"10.6.0.1", 0, SCOPE_VIRTUAL},
        {"192.168.7.1", 0, SCOPE_PRIVATE}, /* a bridge with a physical port */
        {"10.5.0.1", 0, SCOPE_PRIVATE},
        {"10.8.0.6", 0, SCOPE_VPN},
        {"10.9.0.2", 0, SCOPE_VPN},
        {"192.168.1.20", 0, SCOPE_PRIVATE},
        {"10.77.0.1", 0, SCOPE_PRIVATE}, /* that nobody has */
        {"203.0.113.5", 0, SCOPE_PUBLIC},
        {"2001:db8::5", 0, SCOPE_PUBLIC},
        {"198.51.100.1", 0, SCOPE_PUBLIC},
        {"224.0.0.251", 0, SCOPE_MULTICAST},
        {"ff02::fb", ETH0, SCOPE_MULTICAST},
        {"0.0.0.0", 0, SCOPE_WILDCARD},
        {"::", 0, SCOPE_WILDCARD},
        {"::ffff:0.0.0.0", 0, SCOPE_WILDCARD},
        {"0.0.0.0", ETH0, SCOPE_PUBLIC}, /* the widest of the device's */
        {"0.0.0.0", WLAN0, SCOPE_PRIVATE},
        {"::", WLAN0, SCOPE_PRIVATE}, /* its IPv4 is wider than fe80 */
        {"0.0.0.0", DOCKER0, SCOPE_VIRTUAL},
        {"0.0.0.0", WG0, SCOPE_VPN},
        {"0.0.0.0", BLUE, SCOPE_PRIVATE}, /* the ports of the VRF */
        {"0.0.0.0", NEW0, SCOPE_PRIVATE},
        {"0.0.0.0", NEWTUN, SCOPE_VPN},
        {"0.0.0.0", VETH1, SCOPE_VIRTUAL},
        {"0.0.0.0", ETH3, SCOPE_PRIVATE},
        {"0.0.0.0", 999, SCOPE_PRIVATE}, /* a device that went */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Endpoint it = endpoint(cases[i].address, cases[i].device, false);
        cr_expect_str_eq(scope_name(endpoint_scope(&it, &table)), scope_name(cases[i].scope),
                         "%s on %u", cases[i].address, cases[i].device);
    }
    Endpoint it = endpoint("::", WLAN0, true);
    cr_expect_eq(endpoint_scope(&it, &table), SCOPE_LINK_LOCAL);
}

static void expect_ways(const Endpoint *it, const char *expected) {
    char all[1024] = "", one[ADDRESS_SIZE];
    Way way;

    for (ReachIterator i = {}; reach_next(&i, it, &table, &way);) {
        size_t length = strlen(all);
        address_format(&way.address, one);
        snprintf(all + length, sizeof(all) - length, "%s%s/%s/%s", length ? " " : "",
                 way.link->name, one, scope_name(way.scope));
    }
    cr_expect_str_eq(all, expected);
}

/* With all addresses known: the VPN is down, the network is another one, a VM's bridge is not there
 * yet. */
Test(reach, what_no_interface_has_is_unreachable) {
    static const struct {
        const char *address;
        uint32_t device;
        Scope scope;
    } cases[] = {
        {"10.77.0.1", 0, SCOPE_UNREACHABLE},
        {"198.51.100.1", 0, SCOPE_UNREACHABLE},
        {"::ffff:198.51.100.1", 0, SCOPE_UNREACHABLE},
        {"169.254.3.4", 0, SCOPE_UNREACHABLE},
        {"fe80::77", 0, SCOPE_UNREACHABLE},
        {"fd99::2", 0, SCOPE_UNREACHABLE},
        {"0.0.0.0", 999, SCOPE_UNREACHABLE}, /* a device that went */
        {"192.168.1.20", 999, SCOPE_UNREACHABLE},
        {"192.168.1.77", WLAN0, SCOPE_UNREACHABLE},
        {"192.168.1.20", ETH0, SCOPE_PRIVATE}, /* Linux answers on it there, too */
        {"10.99.0.77", 0, SCOPE_PRIVATE},
        {"127.0.0.9", 0, SCOPE_LOOPBACK},
        {"127.0.0.9", 999, SCOPE_LOOPBACK},
        {"224.0.0.251", 0, SCOPE_MULTICAST},
        {"0.0.0.0", 0, SCOPE_WILDCARD},
        {"0.0.0.0", NEW0, SCOPE_PRIVATE}, /* it may get an address at any moment */
        {"0.0.0.0", NEWTUN, SCOPE_VPN},
        {"10.3.0.1", 0, SCOPE_PRIVATE}, /* on a link that is down: Linux answers by the others */
        {"10.11.0.1", 0, SCOPE_VPN},    /* likewise */
        {"10.8.0.6", 0, SCOPE_VPN},
        {"10.66.6.6", 0, SCOPE_PRIVATE}, /* of a local prefix */
        {"fd66::6", 0, SCOPE_PRIVATE},
        {"fd67::6", 0, SCOPE_UNREACHABLE},
    };
    static Link down = {.index = NEWTUN + 1, .name = "wg1", .kind = LINK_WIREGUARD};
    Link all[sizeof(links) / sizeof(links[0]) + 1];
    LinkAddress some[sizeof(addresses) / sizeof(addresses[0]) + 3];
    LinkTable complete = table;

    memcpy(all, links, sizeof(links));
    all[table.n_links] = down;
    memcpy(some, table.addresses, table.n_addresses * sizeof(some[0]));
    LinkAddress *more = &some[table.n_addresses];
    more[0] = (LinkAddress){.index = down.index, .prefix_length = 24};
    more[1] = (LinkAddress){.index = LO, .prefix_length = 16, .whole = true};
    more[2] = (LinkAddress){.index = LO, .prefix_length = 64, .whole = true};
    cr_assert_eq(address_parse("10.11.0.1", &more[0].address), 0);
    cr_assert_eq(address_parse("10.66.0.0", &more[1].address), 0);
    cr_assert_eq(address_parse("fd66::", &more[2].address), 0);
    complete.links = all;
    complete.n_links++;
    complete.addresses = some;
    complete.n_addresses += 3;
    complete.complete = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Endpoint it = endpoint(cases[i].address, cases[i].device, false);
        cr_expect_str_eq(scope_name(endpoint_scope(&it, &complete)), scope_name(cases[i].scope),
                         "%s on %u", cases[i].address, cases[i].device);
    }
    /* The kernel forwards what is for others as well. */
    Listener forward = {.endpoint = endpoint("198.51.100.1", 0, false), .origin = ORIGIN_FORWARD};
    cr_expect_eq(listener_scope(&forward, &complete), SCOPE_PUBLIC);
    forward.origin = ORIGIN_SOCKET;
    cr_expect_eq(listener_scope(&forward, &complete), SCOPE_UNREACHABLE);
    /* A local prefix is no address of its own. */
    Endpoint all_of_lo = endpoint("0.0.0.0", LO, false);
    Way way;
    size_t n = 0;
    for (ReachIterator i = {}; reach_next(&i, &all_of_lo, &complete, &way); n++)
        ;
    cr_expect_eq(n, 2);
}

Test(reach, a_broadcast_address_is_of_its_interface) {
    static const struct {
        const char *address;
        Scope scope;
        const char *ways;
    } cases[] = {
        {"192.168.1.255", SCOPE_PRIVATE, "wlan0/192.168.1.255/private"},
        {"192.168.122.255", SCOPE_VIRTUAL, "virbr0/192.168.122.255/virtual"},
        {"172.17.255.255", SCOPE_VIRTUAL, "docker0/172.17.255.255/virtual"},
        {"10.8.0.255", SCOPE_VPN, "tun0/10.8.0.255/vpn"},
        {"203.0.113.255", SCOPE_PUBLIC, "eth0/203.0.113.255/public"},
        {"10.9.0.255", SCOPE_UNREACHABLE, ""}, /* wg0 has a network of one address */
        {"192.168.1.127", SCOPE_UNREACHABLE, ""},
        {"10.3.0.255", SCOPE_PRIVATE, ""}, /* down */
    };
    table.complete = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Endpoint it = endpoint(cases[i].address, 0, false);
        cr_expect_str_eq(scope_name(endpoint_scope(&it, &table)), scope_name(cases[i].scope), "%s",
                         cases[i].address);
        expect_ways(&it, cases[i].ways);
    }
    /* No router passes it on. */
    Endpoint it = endpoint("255.255.255.255", 0, false);
    cr_expect_eq(endpoint_scope(&it, &table), SCOPE_LINK_LOCAL);
    it = endpoint("255.255.255.255", WLAN0, false);
    expect_ways(&it, "wlan0/255.255.255.255/link-local");
    LinkTable lonely = {.links = links, .n_links = 1, .complete = true};
    it = endpoint("255.255.255.255", 0, false);
    cr_expect_eq(endpoint_scope(&it, &lonely), SCOPE_UNREACHABLE);
    table.complete = false;
}

Test(reach, without_links_the_number_decides) {
    Endpoint it = endpoint("172.17.0.1", 0, false);
    cr_assert_eq(endpoint_scope(&it, NULL), SCOPE_PRIVATE);
    it = endpoint("0.0.0.0", 5, false);
    cr_assert_eq(endpoint_scope(&it, NULL), SCOPE_PRIVATE);
    it = endpoint("0.0.0.0", 0, false);
    cr_assert_eq(endpoint_scope(&it, NULL), SCOPE_WILDCARD);
    Way way;
    cr_assert_not(reach_next(&(ReachIterator){}, &it, NULL, &way));
}

/* In a container eth0 is a veth and carries the default route: it is the LAN. */
Test(reach, a_veth_with_the_default_route_is_the_lan) {
    Link own[] = {{.index = 2, .name = "eth0", .kind = LINK_VETH, .up = true}};
    LinkAddress address = {.index = 2, .prefix_length = 16};
    LinkTable container = {.links = own, .n_links = 1, .addresses = &address, .n_addresses = 1};
    Endpoint it = endpoint("172.17.0.2", 0, false);

    address.address = it.address;
    cr_assert_eq(endpoint_scope(&it, &container), SCOPE_VIRTUAL);
    own[0].default_route = true;
    cr_assert_eq(endpoint_scope(&it, &container), SCOPE_PRIVATE);
}

Test(reach, ways_in) {
    Endpoint it = endpoint("192.168.1.20", 0, false);
    expect_ways(&it, "wlan0/192.168.1.20/private");
    it = endpoint("::ffff:192.168.1.20", 0, false);
    expect_ways(&it, "wlan0/192.168.1.20/private");
    it = endpoint("192.168.1.20", ETH0, false);
    expect_ways(&it, "");
    it = endpoint("127.0.0.2", 0, false);
    expect_ways(&it, "lo/127.0.0.2/loopback");
    it = endpoint("10.99.0.77", 0, false);
    expect_ways(&it, "lo/10.99.0.77/private");
    it = endpoint("fd99::2", 0, false); /* of IPv6 only the address itself is ours */
    expect_ways(&it, "");
    it = endpoint("0.0.0.0", BLUE, false);
    expect_ways(&it, "eth2/10.2.0.1/private");
    it = endpoint("0.0.0.0", LO, false);
    expect_ways(&it, "lo/127.0.0.1/loopback lo/10.99.0.0/loopback");
    it = endpoint("::", ETH0, true);
    expect_ways(&it, "eth0/2001:db8::5/public eth0/fe80::5/link-local");
    it = endpoint("10.3.0.1", 0, false); /* its link is down */
    expect_ways(&it, "");
}

Test(reach, a_wildcard_answers_at_every_address_of_its_families) {
    static const struct {
        const char *address;
        bool v6only;
        size_t inet, inet6;
    } cases[] = {{"0.0.0.0", false, 13, 0},
                 {"::", false, 13, 6},
                 {"::", true, 0, 6},
                 {"::ffff:0.0.0.0", false, 13, 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Endpoint it = endpoint(cases[i].address, 0, cases[i].v6only);
        size_t inet = 0, inet6 = 0;
        Way way;
        for (ReachIterator j = {}; reach_next(&j, &it, &table, &way);)
            ++*(way.address.family == AF_INET ? &inet : &inet6);
        cr_expect_eq(inet, cases[i].inet, "%s: %zu", cases[i].address, inet);
        cr_expect_eq(inet6, cases[i].inet6, "%s: %zu", cases[i].address, inet6);
    }
}

Test(reach, links_are_found) {
    cr_assert_eq(link_table_find(&table, WG0), &links[WG0 - 1]);
    cr_assert_null(link_table_find(&table, 0));
    cr_assert_null(link_table_find(&table, 99));
    cr_assert_null(link_table_find(NULL, 1));
    cr_assert_null(link_table_find(&(LinkTable){}, 1));
    cr_assert_eq(link_table_find_name(&table, "br0"), &links[BR0 - 1]);
    cr_assert_null(link_table_find_name(&table, "br"));
    cr_assert_null(link_table_find_name(NULL, "br0"));
    for (LinkKind kind = 0; kind < LINK_KIND_COUNT; kind++)
        cr_assert_not_null(link_kind_name(kind));
    cr_assert_null(link_table_free(NULL));
}

Test(reach, links_that_stand_on_each_other_in_circles_end) {
    Link circle[] = {{.index = 1, .kind = LINK_VLAN, .lower = 2},
                     {.index = 2, .kind = LINK_MACVLAN, .lower = 1}};
    LinkTable round = {.links = circle, .n_links = 2};
    cr_assert_not(link_leads_to_guests_only(&round, &circle[0]));
}

Test(reach, only_guests_ends_and_dummies_make_a_bridge_virtual) {
    static const struct {
        LinkKind port;
        bool guests;
    } cases[] = {{LINK_VETH, true},      {LINK_TAP, true},      {LINK_DUMMY, true},
                 {LINK_PHYSICAL, false}, {LINK_VLAN, false},    {LINK_BOND, false},
                 {LINK_TUNNEL, false},   {LINK_WIRELESS, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Link pair[] = {{.index = 1, .kind = LINK_BRIDGE},
                       {.index = 2, .kind = cases[i].port, .master = 1}};
        LinkTable two = {.links = pair, .n_links = 2};
        cr_expect_eq(link_leads_to_guests_only(&two, &pair[0]), cases[i].guests, "%s",
                     link_kind_name(cases[i].port));
        pair[0].default_route = true;
        cr_expect_not(link_leads_to_guests_only(&two, &pair[0]));
    }
}
