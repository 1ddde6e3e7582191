/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/ruleset_events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stddef.h>

#include "collect/netlink/group_socket.h"
#include "util/memory.h"

/* The kernel sends NFT_MSG_NEWGEN in a separate datagram. The type is in host order, while BPF
 * loads in network order. */
#define NEW_GENERATION ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN)

int ruleset_events_open(const NetHandles *handles) {
    static const unsigned groups[] = {NFNLGRP_NFTABLES};
    struct sock_filter only_generations[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NEW_GENERATION), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog filter = {
        .len = ELEMENTS(only_generations),
        .filter = only_generations,
    };
    return group_socket_open(handles, HANDLE_RULESET_EVENTS, NETLINK_NETFILTER, groups,
                             ELEMENTS(groups), &filter);
}

int ruleset_events_read(int fd, unsigned budget, bool *ret_changed) {
    _Alignas(struct nlmsghdr) char buffer[GROUP_BUFFER_SIZE];

    *ret_changed = false;
    for (unsigned i = 0; i < budget; i++) {
        ssize_t n = group_socket_receive(fd, buffer);
        if (n == -EAGAIN)
            return 0;
        if (n < 0 && n != -ENOBUFS)
            return (int)n;
        if (n != 0)
            *ret_changed = true;
    }
    return 1;
}
