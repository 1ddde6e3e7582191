/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A netlink socket that dumps: sends the request, receives until the end, never hangs. */
#pragma once

#include "collect/netlink/handles.h"
#include "collect/netlink/messages.h"
#include "util/cleanup.h"

/*
 * The receive buffer. The kernel sizes the datagrams of a dump after the largest buffer that the
 * socket was ever read with (nlk->max_recvmsg_len, af_netlink.c) and truncates them for a smaller
 * one: so it is one size for all reads. 32 KiB is the most that the kernel makes use of
 * (KERNEL.md 9).
 */
#define NETLINK_BUFFER_SIZE 32768

/* So long may the kernel take for one datagram (it may have to load a module), and for a dump. */
#define NETLINK_RECEIVE_SECONDS 5
#define NETLINK_DUMP_SECONDS    30

typedef struct Netlink Netlink;

typedef enum DumpEnd {
    DUMP_COMPLETE,
    DUMP_INTERRUPTED, /* something changed or was lost meanwhile: worth another try */
    DUMP_REFUSED,     /* the kernel said `error`: before, or after some messages */
    DUMP_BROKEN,      /* truncated, malformed or out of time: `error` says which (-EMSGSIZE,
                         -EBADMSG, -ETIMEDOUT), or of the socket itself */
} DumpEnd;

typedef struct DumpResult {
    DumpEnd end;
    int error; /* a negative errno, or 0 */
} DumpResult;

/* Opens a socket of that bus (NETLINK_ROUTE, …), or takes that handle's (handles.h). Returns 0 or a
 * negative errno. */
int netlink_open(const NetHandles *handles, NetHandle handle, int bus, Netlink **ret);
/* Takes NULL, returns NULL. */
Netlink *netlink_close(Netlink *netlink);

/*
 * Sends the request, whose sequence number is set here, and hands every message of the answer to
 * the handler. How it ended stands in *ret_result. Returns 0, or the handler's negative errno. The
 * socket is ready for the next dump either way.
 */
int netlink_dump(Netlink *netlink, struct nlmsghdr *request, MessageHandler handler, void *data,
                 DumpResult *ret_result);

/* The number of tries before a dump that is interrupted each time counts as incomplete. */
#define DUMP_TRIES 4

/*
 * The same, but tries an interrupted dump up to DUMP_TRIES times. The results of interrupted dumps
 * are kept, so the handler may get the same message several times.
 */
int netlink_dump_again(Netlink *netlink, struct nlmsghdr *request, MessageHandler handler,
                       void *data, DumpResult *ret_result);

/* The socket's fd, owned by it: for tests that put another peer in the kernel's place. */
int netlink_fd(const Netlink *netlink);

/*
 * Reads the answer to a request of that sequence number from `fd`: what netlink_dump() does once it
 * has sent. `buffer` has NETLINK_BUFFER_SIZE bytes and is aligned for struct nlmsghdr.
 */
int netlink_receive(int fd, void *buffer, MessageWalk *walk, DumpResult *ret_result);

DEFINE_CLEANUP(Netlink, netlink_cleanup, netlink_close)
#define _cleanup_netlink_ _cleanup_(netlink_cleanup)
