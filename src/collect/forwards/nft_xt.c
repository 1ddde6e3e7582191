/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/nft_xt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <string.h>

/* xt_tcp and xt_udp hold host-order ranges {first, last}; the lengths are padded to 8 bytes. */
static int tcpudp_ports(const XtMatch *match, bool tcp, PortRange *range) {
    struct xt_tcp tcp_info;
    struct xt_udp udp_info;

    if (match->length < (tcp ? sizeof(tcp_info) : sizeof(udp_info)))
        return 0;
    if (tcp) {
        memcpy(&tcp_info, match->info, sizeof(tcp_info));
        if (tcp_info.invflags & XT_TCP_INV_DSTPT)
            return 0;
        *range = (PortRange){tcp_info.dpts[0], tcp_info.dpts[1]};
    } else {
        memcpy(&udp_info, match->info, sizeof(udp_info));
        if (udp_info.invflags & XT_UDP_INV_DSTPT)
            return 0;
        *range = (PortRange){udp_info.dpts[0], udp_info.dpts[1]};
    }
    return range->first == 0 && range->last == UINT16_MAX ? 0 : 1;
}

static int multiport_ports(const XtMatch *match, PortRange *ranges) {
    struct xt_multiport_v1 info;
    int count = 0;

    if (match->revision != 1 || match->length < sizeof(info))
        return 0;
    memcpy(&info, match->info, sizeof(info));
    if (info.invert || info.flags == XT_MULTIPORT_SOURCE || info.count > XT_MULTI_PORTS)
        return 0;
    for (int i = 0; i < info.count; i++) {
        PortRange *range = &ranges[count++];
        *range = (PortRange){info.ports[i], info.ports[i]};
        if (info.pflags[i] && i + 1 < info.count)
            range->last = info.ports[++i];
    }
    return count;
}

int xt_match_ports(const XtMatch *match, PortRange ranges[static XT_PORT_RANGES_MAX]) {
    if (strcmp(match->name, "tcp") == 0)
        return tcpudp_ports(match, true, ranges);
    if (strcmp(match->name, "udp") == 0)
        return tcpudp_ports(match, false, ranges);
    if (strcmp(match->name, "multiport") == 0)
        return multiport_ports(match, ranges);
    return 0;
}

/* Revision 0 is IPv4's own struct; 1 is nf_nat_range, 2 the same with a field behind it. */
static int ipv4_range(const XtMatch *target, struct nf_nat_range *ret) {
    struct nf_nat_ipv4_multi_range_compat old;

    if (target->length < sizeof(old))
        return -EBADMSG;
    memcpy(&old, target->info, sizeof(old));
    *ret = (struct nf_nat_range){
        .flags = old.range[0].flags,
        .min_addr.ip = old.range[0].min_ip,
        .min_proto = old.range[0].min,
        .max_proto = old.range[0].max,
    };
    return 0;
}

int xt_target_forward(const XtMatch *target, bool ipv6, Address *ret_to, uint16_t *ret_port,
                      uint16_t *ret_last) {
    struct nf_nat_range range;
    bool redirect = strcmp(target->name, "REDIRECT") == 0;

    if (!redirect && strcmp(target->name, "DNAT") != 0)
        return 0;
    if (target->revision == 0 && !ipv6) {
        int r = ipv4_range(target, &range);
        if (r < 0)
            return r;
    } else {
        if (target->length < sizeof(range))
            return -EBADMSG;
        memcpy(&range, target->info, sizeof(range));
    }

    *ret_to = (Address){};
    if (!redirect && range.flags & NF_NAT_RANGE_MAP_IPS) {
        ret_to->family = ipv6 ? AF_INET6 : AF_INET;
        memcpy(ret_to->bytes, &range.min_addr, ipv6 ? 16 : 4);
    }
    bool has_port = range.flags & NF_NAT_RANGE_PROTO_SPECIFIED;
    *ret_port = has_port ? ntohs(range.min_proto.all) : 0;
    *ret_last = has_port ? ntohs(range.max_proto.all) : 0;
    return 1;
}
