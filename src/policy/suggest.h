/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The narrowest rule that allows a listener: what `suggest` prints and `allow` writes. Pure, but
 * for the name of the user. */
#pragma once

#include "model/snapshot.h"

/*
 * One line without its newline, in *ret: protocol, port, scope where it is not the widest, and who:
 * the container; else the file that all holders run, verified, and the user; else the system unit;
 * else the user's unit and the user; else the user alone. What a rules file can't hold (control
 * characters, invalid UTF-8) is passed over for the next. `until`: realtime, USEC_INFINITY for
 * ever; `note` raw, or NULL. Returns 0, -ENOMEM, or -EINVAL: no rule could be written.
 */
int rule_suggest(const Listener *listener, usec_t until, const char *note, char **ret);

/*
 * The text of a rules file with `line` at its end, every byte of it as it was: a new string of
 * *ret_length bytes, with a NUL behind. A line that stands there already is not added: then it
 * returns 0, else 1; or -ENOMEM.
 */
int rules_append(const char *text, size_t length, const char *line, char **ret, size_t *ret_length);
