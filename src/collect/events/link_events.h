/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That interfaces, addresses or default routes changed: rtnetlink's notifications, of which only
 * the fact counts. What is there now is read anew (links.h). Needs no privilege.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collect/netlink/handles.h"

/* Opens it (handles.h). Returns the fd or a negative errno. */
int link_events_open(const NetHandles *handles);

/*
 * Takes what has come, at most `budget` datagrams, and says whether it matters in *ret_changed
 * (set to true also when notifications were lost). Returns 1 when there may be more, 0, or a
 * negative errno: the socket is broken.
 */
int link_events_read(int fd, unsigned budget, bool *ret_changed);

/*
 * Whether a datagram tells of a change that matters: a link but not what a wireless driver tells of
 * its signal, an address, a default route (or half of one), a local prefix; other routes don't.
 * What can't be understood matters. Pure; `bytes` aligned for struct nlmsghdr.
 */
bool link_events_matter(const void *bytes, size_t length);
