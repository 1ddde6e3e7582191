/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/links/link_kind.h"

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "util/memory.h"

/* IFLA_TUN_TYPE of linux/if_link.h (4.20), with IFF_TUN and IFF_TAP of linux/if_tun.h. */
enum { TUN_ATTRIBUTE_TYPE = 3, TUN_TYPE_TAP = 2 };

/* IFLA_INFO_KIND: the name under which `ip link add type` knows it. */
static const struct {
    const char *name;
    LinkKind kind;
} kinds[] = {
    {"bridge", LINK_BRIDGE},
    {"veth", LINK_VETH},
    {"netkit", LINK_VETH},
    {"wireguard", LINK_WIREGUARD},
    {"amneziawg", LINK_WIREGUARD},
    {"ovpn", LINK_TUN},
    {"ovpn-dco", LINK_TUN},
    {"ppp", LINK_PPP},
    {"xfrm", LINK_IPSEC},
    {"vti", LINK_IPSEC},
    {"vti6", LINK_IPSEC},
    {"ipip", LINK_TUNNEL},
    {"sit", LINK_TUNNEL},
    {"gre", LINK_TUNNEL},
    {"gretap", LINK_TUNNEL},
    {"ip6gre", LINK_TUNNEL},
    {"ip6gretap", LINK_TUNNEL},
    {"ip6tnl", LINK_TUNNEL},
    {"erspan", LINK_TUNNEL},
    {"ip6erspan", LINK_TUNNEL},
    {"vxlan", LINK_TUNNEL},
    {"geneve", LINK_TUNNEL},
    {"bareudp", LINK_TUNNEL},
    {"gtp", LINK_TUNNEL},
    {"amt", LINK_TUNNEL},
    {"vlan", LINK_VLAN},
    {"macvlan", LINK_MACVLAN},
    {"macvtap", LINK_MACVLAN},
    {"ipvlan", LINK_MACVLAN},
    {"ipvtap", LINK_MACVLAN},
    {"bond", LINK_BOND},
    {"team", LINK_BOND},
    {"vrf", LINK_VRF},
    {"dummy", LINK_DUMMY},
    {"ifb", LINK_DUMMY},
    {"virt_wifi", LINK_WIRELESS},
};

/* Without IFLA_TUN_TYPE (before 4.20) the hardware type tells: a tap has Ethernet addresses. */
static LinkKind tun_kind(uint16_t type, const Attribute *data) {
    AttributeWalk walk = attribute_nested(data);
    uint8_t tun_type;

    for (Attribute attribute; attribute_next(&walk, &attribute);)
        if (attribute.type == TUN_ATTRIBUTE_TYPE &&
            attribute_read(&attribute, &tun_type, sizeof(tun_type)) == 0)
            return tun_type == TUN_TYPE_TAP ? LINK_TAP : LINK_TUN;
    return type == ARPHRD_ETHER ? LINK_TAP : LINK_TUN;
}

static LinkKind kind_by_type(uint16_t type) {
    switch (type) {
    case ARPHRD_PPP:
        return LINK_PPP;
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
        return LINK_TUNNEL;
    case ARPHRD_IEEE80211:
    case ARPHRD_IEEE80211_PRISM:
    case ARPHRD_IEEE80211_RADIOTAP:
        return LINK_WIRELESS;
    default:
        return LINK_PHYSICAL;
    }
}

LinkKind link_kind(uint16_t type, uint32_t flags, const Attribute *link_info) {
    Attribute name = {}, data = {};

    if (flags & IFF_LOOPBACK)
        return LINK_LOOPBACK;
    AttributeWalk walk = link_info ? attribute_nested(link_info) : attribute_walk(NULL, 0);
    for (Attribute attribute; attribute_next(&walk, &attribute);) {
        if (attribute.type == IFLA_INFO_KIND)
            name = attribute;
        else if (attribute.type == IFLA_INFO_DATA)
            data = attribute;
    }
    if (name.data && attribute_is_text(&name, "tun"))
        return tun_kind(type, &data);
    for (size_t i = 0; name.data && i < ELEMENTS(kinds); i++)
        if (attribute_is_text(&name, kinds[i].name))
            return kinds[i].kind;
    return kind_by_type(type);
}
