/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/link_events.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "collect/netlink/attributes.h"
#include "collect/netlink/group_socket.h"
#include "util/memory.h"

int link_events_open(const NetHandles *handles) {
    static const unsigned groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
    return group_socket_open(handles, HANDLE_LINK_EVENTS, NETLINK_ROUTE, groups, ELEMENTS(groups),
                             NULL);
}

/* wireless_send_event() sends a NEWLINK that says nothing but IFLA_WIRELESS: scans, signal. */
static bool link_matters(const struct nlmsghdr *message) {
    size_t length = mnl_nlmsg_get_payload_len(message);
    if (length < sizeof(struct ifinfomsg))
        return true;

    AttributeWalk walk =
        attribute_walk((const struct ifinfomsg *)mnl_nlmsg_get_payload(message) + 1,
                       length - sizeof(struct ifinfomsg));
    for (Attribute attribute; attribute_next(&walk, &attribute);)
        if (attribute.type == IFLA_WIRELESS)
            return false;
    return true;
}

/* As link_parse.c takes them: a default route or a VPN's two halves of everything, and a prefix
 * that is local as a whole. */
static bool is_relevant(const struct rtmsg *route) {
    if (route->rtm_type == RTN_LOCAL)
        return route->rtm_dst_len < (route->rtm_family == AF_INET6 ? 128 : 32);
    return route->rtm_dst_len <= (route->rtm_family == AF_INET6 ? 3 : 1);
}

static bool route_matters(const struct nlmsghdr *message) {
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    if (mnl_nlmsg_get_payload_len(message) < sizeof(*route))
        return true;
    return is_relevant(route) && !(route->rtm_flags & RTM_F_CLONED);
}

static int take_message(const struct nlmsghdr *message, void *data) {
    bool *matters = data;

    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
        *matters = *matters || link_matters(message);
        return 0;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        *matters = *matters || route_matters(message);
        return 0;
    case NLMSG_NOOP:
        return 0;
    default:
        *matters = true;
        return 0;
    }
}

bool link_events_matter(const void *bytes, size_t length) {
    bool matters = false;
    return group_messages_walk(bytes, length, take_message, &matters) < 0 || matters;
}

int link_events_read(int fd, unsigned budget, bool *ret_changed) {
    _Alignas(struct nlmsghdr) char buffer[GROUP_BUFFER_SIZE];
    bool changed = false;
    int r = 1;

    for (unsigned i = 0; i < budget && r > 0; i++) {
        ssize_t n = group_socket_receive(fd, buffer);
        if (n == -EAGAIN)
            r = 0;
        else if (n < 0 && n != -ENOBUFS)
            return (int)n;
        else if (n < 0 || (n > 0 && link_events_matter(buffer, (size_t)n)))
            changed = true;
    }
    *ret_changed = changed;
    return r;
}
