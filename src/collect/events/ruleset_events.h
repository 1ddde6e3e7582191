/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notifications of changes of the nf_tables ruleset (NFNLGRP_NFTABLES). Only the last message of
 * each transaction is received, NFT_MSG_NEWGEN, so that replacing thousands of rules causes one
 * wake-up (KERNEL-FACTS.md). The forwards are then read again (forwards.h). Only joining the group
 * needs CAP_NET_ADMIN; a passed socket has joined already.
 */
#pragma once

#include <stdbool.h>

#include "collect/netlink/handles.h"

/* Opens the socket (handles.h). Returns the fd or a negative errno: -EPERM without CAP_NET_ADMIN,
 * -EPROTONOSUPPORT if the kernel has no nfnetlink. */
int ruleset_events_open(const NetHandles *handles);

/*
 * Drains at most `budget` datagrams. Sets *ret_changed to whether the ruleset changed, which is
 * also assumed if notifications were lost. Returns 1 if there may be more, 0, or a negative errno
 * if the socket is broken.
 */
int ruleset_events_read(int fd, unsigned budget, bool *ret_changed);
