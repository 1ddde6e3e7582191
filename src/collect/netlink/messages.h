/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of one netlink datagram that answers a dump. A pure function of the bytes, so that
 * recorded and hostile datagrams go the same way as the kernel's.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes one message of the answer. Returns 0, or a negative errno that ends the dump. */
typedef int (*MessageHandler)(const struct nlmsghdr *message, void *data);

typedef struct MessageWalk {
    uint32_t seq;    /* of the request */
    uint32_t portid; /* of the socket */
    MessageHandler handler;
    void *data;
    bool interrupted; /* set: NLM_F_DUMP_INTR was seen, something changed meanwhile */
    bool malformed;   /* set: a message did not fit into its datagram */
    int error;        /* set at the end: what the kernel answered, 0 or a negative errno */
} MessageWalk;

/*
 * Hands every message of the datagram that answers the request to the handler; those of another
 * sequence number or port are passed over. `bytes` must be aligned for struct nlmsghdr. Returns 1
 * when the dump has ended (see `error`: a protocol that the kernel lacks is told inside of
 * NLMSG_DONE, KERNEL.md 2, or by NLMSG_ERROR), 0 when more is to come, or what the handler
 * returned.
 */
int messages_walk(const void *bytes, size_t length, MessageWalk *walk);
