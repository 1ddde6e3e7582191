/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The narrowest rule that allows a listener and outlives its process, for `suggest` and `allow`.
 * Pure, except for the name of the user. */
#pragma once

#include "model/snapshot.h"

/*
 * Writes the rule to *ret, as one line without a newline. It names the protocol, the port, the
 * scope (except the widest), and the first of these that the listener has: the target of a forward;
 * the container; the system unit, if it is a service or socket; the user's service or socket, and
 * the user; the user and the executables of all processes, if all are known and verified; the user.
 * Scope units, sessions and other units with a name for one start are never used. A value that a
 * rules file cannot hold (control characters, invalid UTF-8) is skipped. `until` is in realtime,
 * USEC_INFINITY: no expiry. `note` is raw, or NULL. Returns 0, -ENOMEM, or -ENODATA if no process
 * is known (the socket may belong to the kernel), so that the rule could name only the user.
 */
int rule_suggest(const Listener *listener, usec_t until, const char *note, char **ret);

/*
 * The text of a rules file with `line` at its end, every byte of it as it was: a new string of
 * *ret_length bytes, with a NUL behind. A line that stands there already is not added: then it
 * returns 0, else 1; or -ENOMEM.
 */
int rules_append(const char *text, size_t length, const char *line, char **ret, size_t *ret_length);
