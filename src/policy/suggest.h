/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The narrowest lasting rule that allows a listener: what `suggest` prints and `allow` writes.
 * Pure, but for the name of the user. */
#pragma once

#include "model/snapshot.h"

/*
 * One line without its newline, in *ret: protocol, port, scope where it is not the widest, and what
 * lasts longer than the process: the target of a forward; the container; the system unit, if it is
 * a service or socket; the user's service or socket, and the user; else the user and the files that
 * all processes run, which must be known completely and verified; else the user alone. Never a
 * scope, a session or another unit with a name that is made up for one start. What a rules file
 * can't hold (control characters, invalid UTF-8) is passed over for the next. `until`: realtime,
 * USEC_INFINITY for ever; `note` raw, or NULL. Returns 0, -ENOMEM, or -ENODATA: no process is known
 * (the socket may be the kernel's own), so nothing narrower than the user could be named.
 */
int rule_suggest(const Listener *listener, usec_t until, const char *note, char **ret);

/*
 * The text of a rules file with `line` at its end, every byte of it as it was: a new string of
 * *ret_length bytes, with a NUL behind. A line that stands there already is not added: then it
 * returns 0, else 1; or -ENOMEM.
 */
int rules_append(const char *text, size_t length, const char *line, char **ret, size_t *ret_length);
