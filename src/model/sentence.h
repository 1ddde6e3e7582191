/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listener told as a sentence: in `scan`, in the journal, to a person. Pure. */
#pragma once

#include "model/snapshot.h"

/*
 * Describes the listener: `Vite (node, pid 4242, user alice, ~/src/shop) listens on 0.0.0.0:3000,
 * reachable at wlan0 192.168.1.20`. Without a tool it is `node server.js (pid …)`; a name that says
 * nothing has its unit behind it: `systemd for cups.socket (pid …)`. The folder is shown of
 * programs outside of system services. `user` is the name of the listener's uid, or NULL: then the
 * number is shown. A socket of another user than its process's is `(pid 4242, socket of root)`. All
 * text is escaped. Returns a string that the caller frees, or NULL when out of memory.
 */
char *listener_sentence(const Listener *listener, const LinkTable *links, const char *user);

/*
 * The holder that stands for the listener: the first that is not pid 1, which passes sockets on to
 * the services that it starts; else the first. NULL: none is known.
 */
const Holder *listener_holder(const Listener *listener);

/*
 * The endpoint as endpoint_format() has it, with the device's name from the table; for a forward
 * also where it leads. Escaped, freed by the caller, NULL when out of memory.
 */
char *listener_endpoint(const Listener *listener, const LinkTable *links);
