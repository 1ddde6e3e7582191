/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Just enough of io_uring (linux/io_uring.h) to make a listener without a system call of its own.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

/*
 * Makes a TCP socket, binds it to `address` and listens, all by a ring's requests: as an fd, or as
 * a direct descriptor in the ring's own table, which has no fd at all. *ret_ring is the ring's fd:
 * the direct descriptor lives as long. Returns the socket's fd (or its index in the ring's table),
 * or a negative errno: -EINVAL from a kernel that can't (listen is of 6.11).
 */
int ring_listen(const struct sockaddr_in *address, bool direct, int *ret_ring);
