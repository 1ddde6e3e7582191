/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink messages, built as the kernel would, or as it never would. */
#pragma once

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILD_SEQ    7
#define BUILD_PORTID 4711

typedef struct Build {
    _Alignas(struct nlmsghdr) uint8_t bytes[8192];
    size_t length;     /* of the datagram */
    size_t message_at; /* of the message that is being built */
} Build;

/* Begins a message with a fixed part (or NULL). */
struct nlmsghdr *build_message(Build *build, uint16_t type, uint16_t flags, const void *fixed,
                               size_t size);
/* Adds an attribute to the message begun last; its data may be NULL for zeroes. */
void build_attribute(Build *build, uint16_t type, const void *data, size_t size);
/* Begins a nested attribute; what follows is inside of it until build_end(). Returns its place. */
size_t build_begin(Build *build, uint16_t type);
void build_end(Build *build, size_t at);
/* NLMSG_DONE with its errno. */
void build_done(Build *build, int error);

/* The fixed part of a listener of `family` at that port, of state LISTEN. */
struct inet_diag_msg build_diag(uint8_t family, uint8_t state, uint16_t port, uint64_t cookie,
                                uint32_t inode);
/* The first message of the datagram. */
const struct nlmsghdr *build_first(const Build *build);
