/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ports that this network namespace's NAT rules forward, parsed from a dump (nft_dump.h). */
#pragma once

#include "collect/netlink/netlink.h"
#include "model/snapshot.h"

typedef struct Forwards Forwards;

/* Returns an empty table of forwards, or NULL: out of memory. */
Forwards *forwards_new(void);
/* Returns a table without ports, whose coverage is "unavailable" with that reason, or NULL: out of
 * memory. */
Forwards *forwards_unavailable(const char *why);
/* Takes NULL, returns NULL. */
Forwards *forwards_free(Forwards *forwards);

/* MessageHandler of a dump; `forwards` is a Forwards. The message is aligned and as long as its
 * header says; its contents may be hostile. Returns 0, -EBADMSG, or -ENOMEM. */
int forwards_take(const struct nlmsghdr *message, void *forwards);
/* The largest message of a dump. */
#define FORWARDS_MESSAGE_MAX NETLINK_BUFFER_SIZE
/*
 * Parses the complete messages in bytes[0..size), aligned for struct nlmsghdr, up to the last one
 * of the dump. Returns the number of bytes that were parsed, or a negative errno as
 * forwards_take(); -EBADMSG also for a message that is too large. Pure.
 */
ssize_t forwards_take_bytes(Forwards *forwards, const void *bytes, size_t size);
/* Returns whether the last message of the dump was parsed. */
bool forwards_ended(const Forwards *forwards);
const Coverage *forwards_coverage(const Forwards *forwards);

/*
 * Adds the forwarded ports to the snapshot, which must have its sockets and links, and sets its
 * forwards_coverage. If the dump lacked CAP_NET_ADMIN, the coverage is "unavailable". Rules of
 * iptables-legacy are not read; if such a nat table exists, the coverage mentions it. Returns 0 or
 * -ENOMEM.
 */
int forwards_resolve(const Forwards *forwards, Snapshot *snapshot);

/* Dumps and resolves. `netfilter`, `proc_fd` and `directory`: see nft_dump(). Returns 0 or -ENOMEM.
 */
int forwards_collect(Netlink *netfilter, int proc_fd, const char *directory, Snapshot *snapshot);

static inline void forwards_cleanup(Forwards **forwards) {
    forwards_free(*forwards);
}
