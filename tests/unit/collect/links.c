/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of rtnetlink as a table of links. */
#include "collect/links/links.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "collect/links/link_kind.h"
#include "collect/links/link_parse.h"
#include "util/cleanup.h"

static void feed(LinkBuilder *builder, const Build *build) {
    const struct nlmsghdr *message = build_first(build);
    cr_assert_eq(link_parse(message, builder), 0);
    cr_assert_eq(address_parse_message(message, builder), 0);
    cr_assert_eq(route_parse(message, builder), 0);
}

typedef struct LinkSpec {
    int index;
    const char *name;
    uint16_t type;
    uint32_t flags;
    const char *kind; /* IFLA_INFO_KIND, or NULL */
    int tun_type;     /* 0: not told */
    uint32_t master, lower;
    bool elsewhere;
} LinkSpec;

static Build link_message(const LinkSpec *spec) {
    Build build = {};
    struct ifinfomsg head = {
        .ifi_index = spec->index, .ifi_type = spec->type, .ifi_flags = spec->flags};
    int32_t nsid = 0;

    build_message(&build, RTM_NEWLINK, NLM_F_MULTI, &head, sizeof(head));
    build_attribute(&build, IFLA_IFNAME, spec->name, strlen(spec->name) + 1);
    if (spec->master)
        build_attribute(&build, IFLA_MASTER, &spec->master, 4);
    if (spec->lower)
        build_attribute(&build, IFLA_LINK, &spec->lower, 4);
    if (spec->elsewhere)
        build_attribute(&build, IFLA_LINK_NETNSID, &nsid, 4);
    if (spec->kind) {
        size_t info = build_begin(&build, IFLA_LINKINFO | NLA_F_NESTED);
        build_attribute(&build, IFLA_INFO_KIND, spec->kind, strlen(spec->kind) + 1);
        if (spec->tun_type) {
            uint8_t tun_type = (uint8_t)spec->tun_type;
            size_t data = build_begin(&build, IFLA_INFO_DATA);
            build_attribute(&build, 3, &tun_type, 1);
            build_end(&build, data);
        }
        build_end(&build, info);
    }
    return build;
}

static Link parsed_link(const LinkSpec *spec) {
    _cleanup_(link_builder_done) LinkBuilder builder = {};
    Build build = link_message(spec);
    feed(&builder, &build);
    cr_assert_eq(builder.n_links, 1, "%s", spec->name);
    return builder.links[0];
}

Test(links, kinds) {
    static const struct {
        LinkSpec spec;
        LinkKind kind;
    } cases[] = {
        {{1, "lo", ARPHRD_LOOPBACK, IFF_LOOPBACK | IFF_UP}, LINK_LOOPBACK},
        {{2, "eth0", ARPHRD_ETHER, IFF_UP}, LINK_PHYSICAL},
        {{3, "br0", ARPHRD_ETHER, 0, "bridge"}, LINK_BRIDGE},
        {{3, "veth0", ARPHRD_ETHER, 0, "veth"}, LINK_VETH},
        {{3, "nk0", ARPHRD_NONE, 0, "netkit"}, LINK_VETH},
        {{3, "tun0", ARPHRD_NONE, 0, "tun", 1}, LINK_TUN},
        {{3, "tap0", ARPHRD_ETHER, 0, "tun", 2}, LINK_TAP},
        {{3, "tun0", ARPHRD_NONE, 0, "tun"}, LINK_TUN},
        {{3, "tap0", ARPHRD_ETHER, 0, "tun"}, LINK_TAP},
        {{3, "wg0", ARPHRD_NONE, 0, "wireguard"}, LINK_WIREGUARD},
        {{3, "ovpn0", ARPHRD_NONE, 0, "ovpn"}, LINK_TUN},
        {{3, "ppp0", ARPHRD_PPP, 0, "ppp"}, LINK_PPP},
        {{3, "ppp1", ARPHRD_PPP, 0}, LINK_PPP},
        {{3, "ipsec0", ARPHRD_NONE, 0, "xfrm"}, LINK_IPSEC},
        {{3, "vti0", ARPHRD_TUNNEL, 0, "vti"}, LINK_IPSEC},
        {{3, "tunl0", ARPHRD_TUNNEL, 0, "ipip"}, LINK_TUNNEL},
        {{3, "sit0", ARPHRD_SIT, 0}, LINK_TUNNEL},
        {{3, "vxlan0", ARPHRD_ETHER, 0, "vxlan"}, LINK_TUNNEL},
        {{3, "eth0.5", ARPHRD_ETHER, 0, "vlan", 0, 0, 2}, LINK_VLAN},
        {{3, "mv0", ARPHRD_ETHER, 0, "macvlan", 0, 0, 2}, LINK_MACVLAN},
        {{3, "ipvl0", ARPHRD_ETHER, 0, "ipvlan", 0, 0, 2}, LINK_MACVLAN},
        {{3, "bond0", ARPHRD_ETHER, 0, "bond"}, LINK_BOND},
        {{3, "team0", ARPHRD_ETHER, 0, "team"}, LINK_BOND},
        {{3, "blue", ARPHRD_ETHER, 0, "vrf"}, LINK_VRF},
        {{3, "dummy0", ARPHRD_ETHER, 0, "dummy"}, LINK_DUMMY},
        {{3, "mon0", ARPHRD_IEEE80211_RADIOTAP, 0}, LINK_WIRELESS},
        {{3, "new0", ARPHRD_ETHER, 0, "invented-in-2040"}, LINK_PHYSICAL},
        {{3, "br1", ARPHRD_ETHER, 0, "bridges"}, LINK_PHYSICAL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(parsed_link(&cases[i].spec).kind, cases[i].kind, "case %zu, %s", i,
                     cases[i].spec.name);
}

Test(links, master_and_lower) {
    Link port = parsed_link(&(LinkSpec){5, "veth1", ARPHRD_ETHER, IFF_UP, "veth", 0, 4, 6});
    cr_assert_eq(port.index, 5);
    cr_assert_eq(port.master, 4);
    cr_assert_eq(port.lower, 0, "a veth does not stand on its peer");
    cr_assert(port.up);
    cr_assert_str_eq(port.name, "veth1");

    Link vlan = parsed_link(&(LinkSpec){6, "eth0.7", ARPHRD_ETHER, 0, "vlan", 0, 0, 2});
    cr_assert_eq(vlan.lower, 2);
    cr_assert_not(vlan.up);
    vlan = parsed_link(&(LinkSpec){6, "eth0.7", ARPHRD_ETHER, 0, "vlan", 0, 0, 2, true});
    cr_assert_eq(vlan.lower, 0, "an index of another namespace");
}

static Build address_message(uint8_t family, const char *text, const char *local, uint32_t index,
                             uint32_t flags) {
    Build build = {};
    struct ifaddrmsg head = {.ifa_family = family, .ifa_prefixlen = 24, .ifa_index = index};
    uint8_t bytes[16];
    size_t size = family == AF_INET ? 4 : 16;

    build_message(&build, RTM_NEWADDR, NLM_F_MULTI, &head, sizeof(head));
    inet_pton(family, text, bytes);
    build_attribute(&build, IFA_ADDRESS, bytes, size);
    if (local) {
        inet_pton(family, local, bytes);
        build_attribute(&build, IFA_LOCAL, bytes, size);
    }
    build_attribute(&build, IFA_FLAGS, &flags, sizeof(flags));
    return build;
}

static const char *only_address(LinkBuilder *builder) {
    static char text[ADDRESS_SIZE];
    cr_assert_eq(builder->n_addresses, 1);
    address_format(&builder->addresses[0].address, text);
    return text;
}

Test(links, the_local_address_is_ours_and_the_other_the_peers) {
    _cleanup_(link_builder_done) LinkBuilder builder = {};
    Build build = address_message(AF_INET, "10.8.0.1", "10.8.0.6", 3, 0);
    feed(&builder, &build);
    cr_assert_str_eq(only_address(&builder), "10.8.0.6");
    link_builder_done(&builder);
    build = address_message(AF_INET6, "fd00::1", NULL, 3, 0);
    feed(&builder, &build);
    cr_assert_str_eq(only_address(&builder), "fd00::1");
}

Test(links, a_double_does_not_answer_and_a_tentative_one_will) {
    _cleanup_(link_builder_done) LinkBuilder builder = {};
    Build build = address_message(AF_INET6, "fd00::1", NULL, 3, IFA_F_DADFAILED | IFA_F_TENTATIVE);
    feed(&builder, &build);
    cr_assert_eq(builder.n_addresses, 0);
    build = address_message(AF_INET6, "fd00::1", NULL, 3, IFA_F_TENTATIVE);
    feed(&builder, &build);
    cr_assert_eq(builder.n_addresses, 1);
    cr_assert_eq(builder.n_malformed, 0);
}

static Build route_message(uint8_t family, uint8_t bits, uint8_t type, uint8_t table) {
    Build build = {};
    struct rtmsg head = {
        .rtm_family = family, .rtm_dst_len = bits, .rtm_type = type, .rtm_table = table};
    build_message(&build, RTM_NEWROUTE, NLM_F_MULTI, &head, sizeof(head));
    return build;
}

Test(links, default_routes) {
    static const struct {
        uint8_t family, bits, type, table;
        bool expected;
    } cases[] = {
        {AF_INET, 0, RTN_UNICAST, RT_TABLE_MAIN, true},
        {AF_INET, 0, RTN_UNICAST, 200, true},           /* of policy routing */
        {AF_INET, 1, RTN_UNICAST, RT_TABLE_MAIN, true}, /* OpenVPN's halves */
        {AF_INET, 8, RTN_UNICAST, RT_TABLE_MAIN, false},
        {AF_INET, 0, RTN_UNREACHABLE, RT_TABLE_MAIN, false},
        {AF_INET6, 0, RTN_UNICAST, RT_TABLE_MAIN, true},
        {AF_INET6, 3, RTN_UNICAST, RT_TABLE_MAIN, true},   /* 2000::/3 */
        {AF_INET6, 10, RTN_UNICAST, RT_TABLE_MAIN, false}, /* fe80::/10 */
        {129, 0, RTN_UNICAST, RT_TABLE_MAIN, false},       /* another family's table */
    };
    uint32_t index = 2;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_(link_builder_done) LinkBuilder builder = {};
        Build build = route_message(cases[i].family, cases[i].bits, cases[i].type, cases[i].table);
        build_attribute(&build, RTA_OIF, &index, 4);
        feed(&builder, &build);
        cr_expect_eq(builder.n_defaults, cases[i].expected, "case %zu", i);
    }
}

/* AnyIP: every address of the prefix is this host's. Those of 127.0.0.0/8 are known anyway. */
Test(links, local_prefixes) {
    static const struct {
        uint8_t family, bits, type, first;
        bool expected;
    } cases[] = {
        {AF_INET, 16, RTN_LOCAL, 10, true},    {AF_INET, 0, RTN_LOCAL, 0, true},
        {AF_INET, 32, RTN_LOCAL, 10, false},   {AF_INET, 8, RTN_LOCAL, 127, false},
        {AF_INET, 16, RTN_UNICAST, 10, false}, {AF_INET, 16, RTN_BROADCAST, 10, false},
        {AF_INET6, 64, RTN_LOCAL, 0xfd, true}, {AF_INET6, 128, RTN_LOCAL, 0xfd, false},
        {129, 16, RTN_LOCAL, 10, false},
    };
    uint32_t index = 1;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_(link_builder_done) LinkBuilder builder = {};
        uint8_t destination[16] = {cases[i].first};
        Build build = route_message(cases[i].family, cases[i].bits, cases[i].type, RT_TABLE_LOCAL);
        if (cases[i].bits > 0)
            build_attribute(&build, RTA_DST, destination, cases[i].family == AF_INET ? 4 : 16);
        build_attribute(&build, RTA_OIF, &index, 4);
        feed(&builder, &build);
        cr_expect_eq(builder.n_defaults, 0, "case %zu", i);
        cr_expect_eq(builder.n_addresses, cases[i].expected, "case %zu", i);
        cr_expect_eq(builder.n_malformed, 0, "case %zu", i);
        if (builder.n_addresses > 0) {
            const LinkAddress *local = &builder.addresses[0];
            cr_expect(local->whole && local->index == 1 && local->prefix_length == cases[i].bits);
            cr_expect_eq(local->address.bytes[0], cases[i].first);
        }
    }
}

Test(links, a_default_route_of_several_ways) {
    _cleanup_(link_builder_done) LinkBuilder builder = {};
    Build build = route_message(AF_INET, 0, RTN_UNICAST, RT_TABLE_MAIN);
    struct rtnexthop hops[2] = {
        {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 4},
        {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 5},
    };

    build_attribute(&build, RTA_MULTIPATH, hops, sizeof(hops));
    feed(&builder, &build);
    cr_assert_eq(builder.n_defaults, 2);
    cr_assert_eq(builder.defaults[1], 5);

    static const uint16_t lengths[] = {0, 7, 64};
    for (size_t i = 0; i < 3; i++) {
        link_builder_done(&builder);
        build = route_message(AF_INET, 0, RTN_UNICAST, RT_TABLE_MAIN);
        hops[0].rtnh_len = lengths[i];
        build_attribute(&build, RTA_MULTIPATH, hops, sizeof(hops));
        feed(&builder, &build);
        cr_assert_eq(builder.n_malformed, 1, "length %u", lengths[i]);
    }
}

Test(links, the_table_is_sorted_without_doubles) {
    LinkBuilder builder = {};
    LinkTable *table;
    static const LinkSpec specs[] = {
        {9, "z", ARPHRD_ETHER, 0}, {2, "eth0", ARPHRD_ETHER, 0}, {9, "z", ARPHRD_ETHER, 0}};
    uint32_t index = 2;

    for (size_t i = 0; i < 3; i++) {
        Build build = link_message(&specs[i]);
        feed(&builder, &build);
    }
    static const char *const addresses[] = {"192.0.2.9", "192.0.2.1", "192.0.2.9"};
    for (size_t i = 0; i < 3; i++) {
        Build build = address_message(AF_INET, addresses[i], NULL, 2, 0);
        feed(&builder, &build);
    }
    Build route = route_message(AF_INET, 0, RTN_UNICAST, RT_TABLE_MAIN);
    build_attribute(&route, RTA_OIF, &index, 4);
    feed(&builder, &route);

    cr_assert_eq(link_builder_finish(&builder, &table), 0);
    cr_assert_eq(table->n_links, 2);
    cr_assert_eq(table->links[0].index, 2);
    cr_assert(table->links[0].default_route && !table->links[1].default_route);
    cr_assert_eq(table->n_addresses, 2);
    cr_assert_eq(table->addresses[0].address.bytes[3], 1);
    link_table_free(table);
}

Test(links, what_does_not_fit_is_counted_and_passed_over) {
    static const struct {
        uint16_t message, attribute;
        size_t fixed, size;
        const char *data;
    } cases[] = {
        {RTM_NEWLINK, 0, 8, 0, NULL},
        {RTM_NEWLINK, IFLA_IFNAME, sizeof(struct ifinfomsg), 16, "0123456789abcdef"},
        {RTM_NEWLINK, IFLA_IFNAME, sizeof(struct ifinfomsg), 1, ""},
        {RTM_NEWLINK, IFLA_MASTER, sizeof(struct ifinfomsg), 2, "ab"},
        {RTM_NEWLINK, IFLA_LINK, sizeof(struct ifinfomsg), 8, "abcdefgh"},
        {RTM_NEWADDR, 0, 4, 0, NULL},
        {RTM_NEWADDR, IFA_ADDRESS, sizeof(struct ifaddrmsg), 5, "abcde"},
        {RTM_NEWADDR, IFA_FLAGS, sizeof(struct ifaddrmsg), 1, "a"},
        {RTM_NEWROUTE, 0, 8, 0, NULL},
        {RTM_NEWROUTE, RTA_OIF, sizeof(struct rtmsg), 1, "a"},
    };
    uint8_t fixed[16] = {AF_INET};

    fixed[4] = 1; /* the index of a link and of an address */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_(link_builder_done) LinkBuilder builder = {};
        Build build = {};
        fixed[0] = cases[i].message == RTM_NEWLINK ? 0 : AF_INET;
        fixed[7] = cases[i].message == RTM_NEWROUTE ? RTN_UNICAST : 0;
        fixed[4] = cases[i].message != RTM_NEWROUTE;
        build_message(&build, cases[i].message, 0, fixed, cases[i].fixed);
        if (cases[i].data)
            build_attribute(&build, cases[i].attribute, cases[i].data, cases[i].size);
        feed(&builder, &build);
        cr_expect_eq(builder.n_malformed, 1, "case %zu", i);
        cr_expect_eq(builder.n_links + builder.n_addresses + builder.n_defaults, 0, "case %zu", i);
    }
}

/* Files of a made-up sysfs. */
static void put(const char *root, const char *path, const char *text) {
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    if (!text) {
        cr_assert_eq(mkdir(full, 0700), 0);
        return;
    }
    _cleanup_fclose_ FILE *file = fopen(full, "we");
    cr_assert_not_null(file);
    fputs(text, file);
}

Test(links, wireless_is_told_by_sysfs_where_the_index_agrees) {
    char root[] = "/tmp/sockaudit-sysfs-XXXXXX", command[64];
    cr_assert_not_null(mkdtemp(root));
    static const char *const folders[] = {"class",           "class/net",
                                          "class/net/wlan0", "class/net/wlan0/phy80211",
                                          "class/net/wlan1", "class/net/wlan1/phy80211",
                                          "class/net/eth0"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        put(root, folders[i], NULL);
    put(root, "class/net/wlan0/ifindex", "3\n");
    put(root, "class/net/wlan1/ifindex", "44\n"); /* another namespace's */
    put(root, "class/net/eth0/ifindex", "2\n");

    Link links[] = {{.index = 2, .name = "eth0"},
                    {.index = 3, .name = "wlan0"},
                    {.index = 4, .name = "wlan1"},
                    {.index = 3, .name = "../net/wlan0"}};
    LinkTable table = {.links = links, .n_links = 4};
    _cleanup_close_ int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    links_mark_wireless(&table, fd);
    cr_expect_eq(links[0].kind, LINK_PHYSICAL);
    cr_expect_eq(links[1].kind, LINK_WIRELESS);
    cr_expect_eq(links[2].kind, LINK_PHYSICAL);
    cr_expect_eq(links[3].kind, LINK_PHYSICAL);
    links[1].kind = LINK_PHYSICAL;
    links_mark_wireless(&table, -1);
    cr_expect_eq(links[1].kind, LINK_PHYSICAL);

    snprintf(command, sizeof(command), "rm -r %s", root);
    cr_assert_eq(system(command), 0);
}
