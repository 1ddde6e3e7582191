/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One answer of sock_diag (linux/inet_diag.h) as a socket. Pure: bytes in, struct out. */
#pragma once

#include <linux/netlink.h>

#include "model/snapshot.h"

typedef struct DiagSocket {
    Listener found;        /* what snapshot_add() takes */
    const uint8_t *locals; /* SCTP: struct sockaddr_storage each, inside of the message; or NULL */
    size_t n_locals;
} DiagSocket;

/*
 * Reads a message of the dump of `proto`. Returns 1 with *ret filled for a socket that listens; 0
 * for one that does not: of another state than was asked for, or with no port (yet); -EBADMSG when
 * the message is too short, of no inet family, or an attribute has not the size of its kind.
 * Attributes that we don't know are passed over.
 */
int diag_parse(const struct nlmsghdr *message, Proto proto, DiagSocket *ret);

/*
 * Address number `index` of an SCTP socket's: it may be bound to several. Returns 0 or -EBADMSG.
 */
int diag_local(const DiagSocket *socket, size_t index, Address *ret);

/* The one state of a listening socket of that protocol, as in struct inet_diag_msg. */
uint8_t diag_state(Proto proto);
