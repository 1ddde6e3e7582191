/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the nf_tables ruleset that may forward ports: base chains of prerouting, type nat,
 * and all sets and rules of their tables. Reading it needs CAP_NET_ADMIN, parsing it does not: so
 * the messages of the kernel are handed on as they are, from one process to another if need be
 * (--dump-nft).
 */
#pragma once

#include "collect/netlink/netlink.h"

/* Additional messages: */
enum {
    NFT_DUMP_AGAIN = NLMSG_OVERRUN, /* all messages before this one are void */
    NFT_DUMP_END = NLMSG_DONE,      /* the last one, with an NftDumpEnd as payload */
};

typedef struct NftDumpEnd {
    int32_t error;         /* a negative errno, or 0; -EAGAIN if the ruleset keeps changing */
    uint8_t sets_lack;     /* elements of sets could not be read */
    uint8_t legacy_exists; /* iptables-legacy has a nat table */
    uint8_t reserved[2];
} NftDumpEnd;

/*
 * Dumps to the handler: chains, then elements of sets, then rules. `netfilter` is of
 * NETLINK_NETFILTER, or NULL if the kernel has none: then the dump is empty. `directory` is that of
 * the network namespace below procfs. Returns 0, the handler's negative errno, or -ENOMEM. Errors
 * of the kernel are in the last message.
 */
int nft_dump(Netlink *netfilter, int proc_fd, const char *directory, MessageHandler handler,
             void *data);
