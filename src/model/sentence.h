/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listener told as a sentence: in `scan`, in the journal, to a person. Pure. */
#pragma once

#include "model/snapshot.h"

/*
 * Describes the listener: `Vite (node, pid 4242, user alice, ~/src/shop) listens on 0.0.0.0:3000,
 * reachable at wlan0 192.168.1.20`. Without a tool it is `node server.js (pid …)`. A generic name
 * is followed by the unit: `systemd for cups.socket (pid …)`. The working directory is shown for
 * programs outside of system services. `user` is the name of the listener's uid, or NULL to show
 * the number. If the socket and the process have different users, it is `(pid 4242, socket of
 * root)`. All text is escaped. Returns a string that the caller frees, or NULL if out of memory.
 */
char *listener_sentence(const Listener *listener, const LinkTable *links, const char *user);

/*
 * The holder that stands for the listener: the first that is not pid 1, which passes sockets on to
 * the services that it starts; else the first. NULL: none is known.
 */
const Holder *listener_holder(const Listener *listener);

/*
 * The processes that started the holder, the first one first, and itself: `systemd → bash → npm run
 * dev → node`. Raw bytes, freed by the caller; NULL: they are unknown, or out of memory.
 */
char *holder_chain(const Holder *holder);

/*
 * The endpoint as endpoint_format() has it, with the device's name from the table; for a forward
 * also where it leads. Escaped, freed by the caller, NULL when out of memory.
 */
char *listener_endpoint(const Listener *listener, const LinkTable *links);
