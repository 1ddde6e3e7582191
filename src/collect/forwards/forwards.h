/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ports that this network namespace's NAT rules forward, read from nf_tables. */
#pragma once

#include "collect/netlink/netlink.h"
#include "model/snapshot.h"

/*
 * Adds the forwarded ports to the snapshot, whose sockets and links are there already, and sets its
 * forwards_coverage. `netfilter` is of NETLINK_NETFILTER, or NULL where the kernel has none: then
 * nothing is forwarded. Reading the rules needs CAP_NET_ADMIN; without, the coverage is
 * "unavailable". iptables-legacy's rules are not read: where they have a nat table, the coverage
 * says so. Returns 0 or -ENOMEM.
 */
int forwards_collect(Netlink *netfilter, int proc_fd, const char *directory, Snapshot *snapshot);
