/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File descriptors that must be opened inside the audited namespaces, by a process that is in them.
 * The service has an empty network namespace and its own root directory, and may not open netlink
 * sockets (docs/SERVICE.md). A socket always belongs to the namespace in which it was opened.
 *
 * Each function that accepts NetHandles also accepts NULL, and then opens what it needs in the
 * namespace of the calling thread. The handles are borrowed and must outlive the borrower, which
 * works on duplicates.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef enum NetHandle {
    HANDLE_DIAG,           /* the collector's dumps of sockets */
    HANDLE_ROUTE,          /* the collector's dumps of links, addresses and routes */
    HANDLE_LOOKUP,         /* lookups of single sockets, independent of unfinished dumps */
    HANDLE_LINK_EVENTS,    /* the groups of rtnetlink */
    HANDLE_UDP_EVENTS,     /* the groups of sock_diag */
    HANDLE_RULESET_EVENTS, /* the group of nf_tables, joined if the opener has CAP_NET_ADMIN;
                              missing if the kernel has no nfnetlink */
    HANDLE_PORT_RANGE,     /* net.ipv4.ip_local_port_range, a file; may be missing */
    HANDLE_NETNS,          /* the network namespace itself */
    HANDLE_ROOT,           /* the root directory in which programs are looked up */
    HANDLE_COUNT
} NetHandle;

typedef struct NetHandles {
    int fds[HANDLE_COUNT]; /* -1: missing */
} NetHandles;

/* The name that it is passed under: letters, digits and dashes. */
const char *net_handle_name(NetHandle handle);

/* All missing. */
void net_handles_init(NetHandles *handles);

/* Opens all in the namespace of the calling thread. Returns 0 or a negative errno, and then none.
 */
int net_handles_open(int proc_fd, NetHandles *ret);
void net_handles_close(NetHandles *handles);

/* Takes the fd over if the name is one of these, and none of that name was taken yet. Returns 1, or
 * 0: it is not ours to close. */
int net_handles_take(NetHandles *handles, const char *name, int fd);
/* Whether all are there that must be. */
bool net_handles_complete(const NetHandles *handles);

/*
 * A bound netlink socket of that bus and those flags of socket(2): a duplicate of the handle, or a
 * new one without handles. Returns the fd or a negative errno (-EPROTONOSUPPORT: the handle is
 * missing, or the kernel has no such bus).
 */
int net_socket_open(const NetHandles *handles, NetHandle handle, int bus, int flags);

/*
 * Receives one datagram of the kernel from such a socket into buffer[0..size). Returns its length;
 * 0 for one that is to be passed over (of another process: any may send to our port); -EAGAIN when
 * none came; -EMSGSIZE for one that was cut off; or another negative errno. A signal is no end.
 */
ssize_t net_socket_receive(int fd, void *buffer, size_t size);

/* The directory of the namespace below procfs: `thread-self/net`, or with handles pid 1's. */
const char *net_directory(const NetHandles *handles);
