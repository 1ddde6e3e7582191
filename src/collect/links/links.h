/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interfaces of the network namespace, their addresses and default routes, by rtnetlink. */
#pragma once

#include "collect/netlink/netlink.h"
#include "model/snapshot.h"

/*
 * Reads the links, with sysfs (or -1) for which of them are wireless. *ret_coverage says what is
 * missing; *ret is then what was seen, or empty. Returns 0 or -ENOMEM.
 */
int links_collect(Netlink *netlink, int sys_fd, LinkTable **ret, Coverage *ret_coverage);

/*
 * Marks the wireless ones of the physical links: those with class/net/NAME/phy80211 (or wireless,
 * of old drivers). A mount of sysfs shows the network namespace that it was made in, which may be
 * another than the table's: the interface's index must agree.
 */
void links_mark_wireless(LinkTable *table, int sys_fd);
