/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The request for a dump of one protocol's listeners. Pure. */
#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>

#include "model/endpoint.h"

/* Enough for the header, struct inet_diag_req_v2 and one attribute. */
#define DIAG_REQUEST_SIZE 128

/*
 * Builds the request for the listeners of `proto` over `family` (AF_INET or AF_INET6) into
 * `buffer`, aligned for struct nlmsghdr, and returns it. It asks for the listening state alone
 * (KERNEL.md 1): with any other bit the kernel walks every connection.
 */
struct nlmsghdr *diag_request(char buffer[static DIAG_REQUEST_SIZE], Proto proto,
                              sa_family_t family);
