/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One peer: its bytes in, cut into messages, and what waits for it to read. Internal. */
#pragma once

#include "bus/server_internal.h"

/* `cred` is what SO_PEERCRED says. Takes over fd with success. Returns 0 or a negative errno. */
int peer_new(BusServer *server, int fd, const struct ucred *cred, Peer **ret);
/* Sends what can be sent at once. Takes NULL, returns NULL. */
Peer *peer_free(Peer *peer);
