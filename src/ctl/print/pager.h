/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text on its way to stdout, through a pager where it is long and a person reads it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ctl/print/terminal.h"

/*
 * Writes text[0..length) to stdout; through $SYSTEMD_PAGER, $PAGER or `less` when stdout is a
 * terminal, `allowed`, and the text has more lines than fit. No shell is asked. With more rights
 * than the person who called (sudo), or SYSTEMD_PAGERSECURE=1, only less, with LESSSECURE=1: a
 * pager must not be a way to a root shell. Returns 0 or a negative errno; a reader who went away
 * (EPIPE) is no error.
 */
int pager_write(const Terminal *terminal, bool allowed, const char *text, size_t length);
