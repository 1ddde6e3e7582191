/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That the nf_tables ruleset changed: NFNLGRP_NFTABLES. Of each transaction only its last message
 * is received, NFT_MSG_NEWGEN: thousands of rules that are replaced at once are one wake-up
 * (KERNEL-FACTS.md). What is forwarded now is read anew (forwards.h). Needs CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>

#include "collect/netlink/handles.h"

/* Opens it (handles.h). Returns the fd or a negative errno: -EPERM without CAP_NET_ADMIN,
 * -EPROTONOSUPPORT where the kernel has no nfnetlink. */
int ruleset_events_open(const NetHandles *handles);

/*
 * Drains at most `budget` datagrams. Sets *ret_changed to whether the ruleset changed (true also
 * when notifications were lost). Returns 1 when there may be more, 0, or a negative errno: the
 * socket is broken.
 */
int ruleset_events_read(int fd, unsigned budget, bool *ret_changed);
