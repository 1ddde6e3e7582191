/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes started a process, from /proc. */
#pragma once

#include "model/owner.h"

/*
 * Reads the ancestors of each holder that has none. A pid that was given out again is never taken
 * for a parent: after a parent was read, the child must still name it, which the kernel changes
 * when a parent ends. Returns 0 or -ENOMEM; what can't be read ends the chain.
 */
int owner_read_ancestors(int proc_fd, Owner *owner);
