/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dumps the part of the nf_tables ruleset that may forward ports: base chains of prerouting, type
 * nat, and all sets and rules of their tables. Only reading needs CAP_NET_ADMIN, parsing does not.
 * The messages of the kernel are therefore passed on unchanged, so that one process can dump them
 * and another can parse them (--dump-nft).
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
 * Dumps chains, then elements of sets, then rules to the handler. `netfilter` is a socket of
 * NETLINK_NETFILTER, or NULL if the kernel has none; the dump is then empty. `directory` is the
 * directory of the network namespace below procfs. Returns 0, the handler's negative errno, or
 * -ENOMEM. Errors of the kernel are in the last message.
 */
int nft_dump(Netlink *netfilter, int proc_fd, const char *directory, MessageHandler handler,
             void *data);
