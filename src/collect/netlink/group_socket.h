/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A netlink socket that listens to multicast groups: what the kernel tells unasked. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collect/netlink/handles.h"
#include "collect/netlink/messages.h"

/* Larger than any notification; several come one by one. */
#define GROUP_BUFFER_SIZE 16384

/*
 * Opens a bound socket of that bus (handles.h), not blocking, and then joins the groups: those of
 * NETLINK_SOCK_DIAG stay silent for a socket that joined before it was bound (KERNEL.md 23). A
 * passed socket may have joined already.
 * `filter`, unless NULL, decides on each message in the kernel, so that what is not wanted wakes
 * nobody. Returns the fd or a negative errno.
 */
int group_socket_open(const NetHandles *handles, NetHandle handle, int bus, const unsigned *groups,
                      size_t n_groups, const struct sock_fprog *filter);

/*
 * Receives one datagram of the kernel into buffer[0..GROUP_BUFFER_SIZE), aligned for struct
 * nlmsghdr. Returns its length; 0 for one that is to be passed over (of another process);
 * -EAGAIN when there is none; -ENOBUFS when some were lost, and so for one that was cut off; or
 * another negative errno.
 */
ssize_t group_socket_receive(int fd, void *buffer);

/*
 * Hands every message of the datagram to the handler. Returns 0; -EBADMSG when a length makes no
 * sense; or the first negative value of the handler. Pure.
 */
int group_messages_walk(const void *bytes, size_t length, MessageHandler handler, void *data);
