/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Closed UDP sockets: the groups SKNLGRP_INET_UDP_DESTROY and _INET6_UDP_DESTROY of sock_diag
 * report cookie, address and port, of this network namespace alone, with no inode and no pid. Needs
 * no privilege. Those of TCP are not joined: they cost a quarter of all connect/accept throughput,
 * even with a filter (KERNEL.md 24), and the program in the kernel reports closed TCP listeners.
 */
#pragma once

#include <stdint.h>

#include "collect/netlink/handles.h"
#include "model/endpoint.h"

/* Opens it (handles.h). Returns the fd or a negative errno. */
int destroy_open(const NetHandles *handles);

typedef struct Destroyed {
    Endpoint endpoint; /* v6only is not told */
    uint64_t cookie;
} Destroyed;

typedef void (*DestroyedHandler)(const Destroyed *destroyed, void *data);

/*
 * Hands what has come, at most `budget` datagrams, to the handler. Returns 1 when there may be
 * more, 0, -ENOBUFS when notifications were lost (dump; what was received is handed over, and the
 * socket goes on), or another negative errno: the socket is broken.
 */
int destroy_read(int fd, unsigned budget, DestroyedHandler handler, void *data);

/* The same from the bytes of one datagram; pure. Returns 0, or -EBADMSG. */
int destroy_parse(const void *bytes, size_t length, DestroyedHandler handler, void *data);
