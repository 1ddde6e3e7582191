/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every protocol's listeners, through sock_diag, into a snapshot. */
#pragma once

#include "collect/netlink/netlink.h"
#include "collect/sockdiag/protocols.h"
#include "model/snapshot.h"

/*
 * Dumps each protocol over IPv4 and IPv6 and adds its listeners; the coverage of each tells what
 * could not be seen. MPTCP listeners appear in the TCP dump as well, as their subflow: those are
 * left out there (KERNEL.md 5). Returns 0 or -ENOMEM.
 */
int sockdiag_collect(Netlink *netlink, const Protocols *protocols, Snapshot *snapshot);

/*
 * Joins an MPTCP socket and its subflow, which is dumped as a TCP one: the two share the inode;
 * inode numbers wrap at 32 bits, so the port must agree as well.
 */
static inline uint64_t mptcp_key(uint32_t inode, uint16_t port) {
    return (uint64_t)inode << 16 | port;
}

/* Whether the kernel's errno says that it can't list that protocol at all. */
bool sockdiag_has_no_handler(int error);

/* So many sockets wait in a DiagSink, while what adding them will read comes into the cache. */
#define DIAG_SINK_PENDING 16

/* Takes the messages of one protocol's dump. Zeroed but for the first two. */
typedef struct DiagSink {
    Snapshot *snapshot;
    Proto proto;
    IdMap *mptcp; /* inodes of the MPTCP sockets known so far; NULL: don't look */
    size_t n_malformed;
    size_t n_pending;
    Listener pending[DIAG_SINK_PENDING]; /* parsed, not added yet: see diag_sink_flush() */
} DiagSink;

/* A MessageHandler; `data` is a DiagSink. Returns 0, or -ENOMEM. */
int diag_sink_message(const struct nlmsghdr *message, void *data);

/* Adds what still waits: to be called after the last message. Returns 0 or -ENOMEM. */
int diag_sink_flush(DiagSink *sink);
