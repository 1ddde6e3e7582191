/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/links/link_parse.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "collect/links/link_kind.h"
#include "collect/netlink/attributes.h"
#include "util/memory.h"

/* At most so many bits of prefix make a route a default one. */
enum { DEFAULT_BITS_INET = 1, DEFAULT_BITS_INET6 = 3 };

/*
 * The fixed part of a message of that type, and a walk over the attributes behind it; NULL, with
 * the message counted as malformed, where it is too short.
 */
static const void *message_open(LinkBuilder *builder, const struct nlmsghdr *message, size_t size,
                                AttributeWalk *ret_walk) {
    const uint8_t *payload = mnl_nlmsg_get_payload(message);
    size_t length = mnl_nlmsg_get_payload_len(message);
    size_t aligned = NLMSG_ALIGN(size);

    if (length < size) {
        builder->n_malformed++;
        return NULL;
    }
    *ret_walk = length > aligned ? attribute_walk(payload + aligned, length - aligned)
                                 : attribute_walk(payload, 0);
    return payload;
}

/* An interface's name has 1 to 15 bytes, and a NUL behind them. */
static int read_name(const Attribute *attribute, char name[static IFNAMSIZ]) {
    size_t length = strnlen((const char *)attribute->data, attribute->length);
    if (length == 0 || length >= IFNAMSIZ || length == attribute->length)
        return -EBADMSG;
    memcpy(name, attribute->data, length);
    return 0;
}

typedef struct LinkAttributes {
    Attribute info; /* data NULL: none */
    uint32_t lower;
    bool lower_elsewhere; /* in another network namespace: its index means nothing here */
} LinkAttributes;

static int parse_link_attribute(const Attribute *attribute, Link *link, LinkAttributes *extra) {
    switch (attribute->type) {
    case IFLA_IFNAME:
        return read_name(attribute, link->name);
    case IFLA_MASTER:
        return attribute_read(attribute, &link->master, sizeof(link->master));
    case IFLA_LINK:
        return attribute_read(attribute, &extra->lower, sizeof(extra->lower));
    case IFLA_LINK_NETNSID:
        extra->lower_elsewhere = true;
        return 0;
    case IFLA_LINKINFO:
        extra->info = *attribute;
        return 0;
    default:
        return 0;
    }
}

int link_parse(const struct nlmsghdr *message, void *data) {
    LinkBuilder *builder = data;
    LinkAttributes extra = {};
    AttributeWalk walk;
    Link link = {};
    bool good = true;

    if (message->nlmsg_type != RTM_NEWLINK)
        return 0;
    const struct ifinfomsg *head = message_open(builder, message, sizeof(*head), &walk);
    if (!head)
        return 0;
    for (Attribute attribute; good && attribute_next(&walk, &attribute);)
        good = parse_link_attribute(&attribute, &link, &extra) == 0;
    if (!good || walk.malformed || head->ifi_index <= 0 || !link.name[0]) {
        builder->n_malformed++;
        return 0;
    }

    link.index = (uint32_t)head->ifi_index;
    link.kind = link_kind(head->ifi_type, head->ifi_flags, extra.info.data ? &extra.info : NULL);
    link.up = (head->ifi_flags & IFF_UP) != 0;
    /* A veth names its peer there, which it does not stand on. */
    if ((link.kind == LINK_VLAN || link.kind == LINK_MACVLAN) && !extra.lower_elsewhere &&
        extra.lower != link.index)
        link.lower = extra.lower;

    int r = ARRAY_RESERVE(builder->links, builder->links_allocated, builder->n_links + 1);
    if (r < 0)
        return r;
    builder->links[builder->n_links++] = link;
    return 0;
}

static int read_address(const Attribute *attribute, uint8_t family, Address *ret) {
    Address address = {.family = family};
    int r = attribute_read(attribute, address.bytes, family == AF_INET ? 4 : 16);
    if (r >= 0)
        *ret = address;
    return r;
}

int address_parse_message(const struct nlmsghdr *message, void *data) {
    LinkBuilder *builder = data;
    AttributeWalk walk;
    Address local = {}, address = {};
    int r = 0;

    if (message->nlmsg_type != RTM_NEWADDR)
        return 0;
    const struct ifaddrmsg *head = message_open(builder, message, sizeof(*head), &walk);
    if (!head || (head->ifa_family != AF_INET && head->ifa_family != AF_INET6))
        return 0;
    uint32_t flags = head->ifa_flags;
    for (Attribute attribute; r >= 0 && attribute_next(&walk, &attribute);) {
        if (attribute.type == IFA_LOCAL)
            r = read_address(&attribute, head->ifa_family, &local);
        else if (attribute.type == IFA_ADDRESS)
            r = read_address(&attribute, head->ifa_family, &address);
        else if (attribute.type == IFA_FLAGS)
            r = attribute_read(&attribute, &flags, sizeof(flags));
    }
    /* IFA_ADDRESS is the peer's on a point-to-point link; then IFA_LOCAL is ours. */
    if (local.family == 0)
        local = address;
    if (r < 0 || walk.malformed || local.family == 0 || head->ifa_index == 0 ||
        head->ifa_prefixlen > (head->ifa_family == AF_INET ? 32 : 128)) {
        builder->n_malformed++;
        return 0;
    }
    /* A double was found by duplicate address detection: the kernel does not answer on it. One that
     * is tentative still will in a second. */
    if (flags & IFA_F_DADFAILED)
        return 0;

    r = ARRAY_RESERVE(builder->addresses, builder->addresses_allocated, builder->n_addresses + 1);
    if (r < 0)
        return r;
    builder->addresses[builder->n_addresses++] = (LinkAddress){
        .index = head->ifa_index,
        .address = local,
        .prefix_length = head->ifa_prefixlen,
    };
    return 0;
}

static int add_default(LinkBuilder *builder, uint32_t index) {
    int r = ARRAY_RESERVE(builder->defaults, builder->defaults_allocated, builder->n_defaults + 1);
    if (r >= 0)
        builder->defaults[builder->n_defaults++] = index;
    return r;
}

/* RTA_MULTIPATH: struct rtnexthop, each with attributes behind it that are of no interest here. */
static int add_multipath(LinkBuilder *builder, const Attribute *multipath) {
    const uint8_t *at = multipath->data;
    size_t left = multipath->length;
    struct rtnexthop hop;

    while (left >= sizeof(hop)) {
        memcpy(&hop, at, sizeof(hop));
        if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left || hop.rtnh_ifindex <= 0)
            return -EBADMSG;
        int r = add_default(builder, (uint32_t)hop.rtnh_ifindex);
        if (r < 0)
            return r;
        size_t step = ((size_t)hop.rtnh_len + 3) & ~(size_t)3; /* RTNH_ALIGN, which is signed */
        if (step >= left)
            return 0;
        at += step;
        left -= step;
    }
    return left == 0 ? 0 : -EBADMSG;
}

static bool route_is_default(const struct rtmsg *head) {
    if (head->rtm_type != RTN_UNICAST)
        return false;
    if (head->rtm_family == AF_INET)
        return head->rtm_dst_len <= DEFAULT_BITS_INET;
    return head->rtm_family == AF_INET6 && head->rtm_dst_len <= DEFAULT_BITS_INET6;
}

/* A local route of more than one address: AnyIP, or what TPROXY's packets are sent to. 127.0.0.0/8
 * on `lo` is one, too. */
static bool route_is_local_prefix(const struct rtmsg *head) {
    if (head->rtm_type != RTN_LOCAL)
        return false;
    return (head->rtm_family == AF_INET && head->rtm_dst_len < 32) ||
           (head->rtm_family == AF_INET6 && head->rtm_dst_len < 128);
}

static int add_local_prefix(LinkBuilder *builder, const struct rtmsg *head, AttributeWalk *walk) {
    LinkAddress local = {
        .address.family = head->rtm_family,
        .prefix_length = head->rtm_dst_len,
        .whole = true,
    };
    int r = 0;
    for (Attribute attribute; r >= 0 && attribute_next(walk, &attribute);) {
        if (attribute.type == RTA_DST)
            r = read_address(&attribute, head->rtm_family, &local.address);
        else if (attribute.type == RTA_OIF)
            r = attribute_read(&attribute, &local.index, sizeof(local.index));
    }
    if (r < 0 || local.index == 0 || address_is_loopback(&local.address))
        return r;
    r = ARRAY_RESERVE(builder->addresses, builder->addresses_allocated, builder->n_addresses + 1);
    if (r >= 0)
        builder->addresses[builder->n_addresses++] = local;
    return r;
}

static int add_defaults(LinkBuilder *builder, AttributeWalk *walk) {
    uint32_t index;
    int r = 0;
    for (Attribute attribute; r >= 0 && attribute_next(walk, &attribute);) {
        if (attribute.type == RTA_OIF) {
            r = attribute_read(&attribute, &index, sizeof(index));
            if (r >= 0)
                r = add_default(builder, index);
        } else if (attribute.type == RTA_MULTIPATH) {
            r = add_multipath(builder, &attribute);
        }
    }
    return r;
}

int route_parse(const struct nlmsghdr *message, void *data) {
    LinkBuilder *builder = data;
    AttributeWalk walk;
    int r = 0;

    if (message->nlmsg_type != RTM_NEWROUTE)
        return 0;
    const struct rtmsg *head = message_open(builder, message, sizeof(*head), &walk);
    if (!head)
        return 0;
    if (route_is_default(head))
        r = add_defaults(builder, &walk);
    else if (route_is_local_prefix(head))
        r = add_local_prefix(builder, head, &walk);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || walk.malformed)
        builder->n_malformed++;
    return 0;
}
