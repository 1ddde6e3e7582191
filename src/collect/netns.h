/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In which network namespace the calling thread is. */
#pragma once

#include "model/snapshot.h"

/*
 * Reads it below procfs. To look at pid 1's needs CAP_SYS_PTRACE; without it the namespace is
 * taken for the host's, which it is but for a process that somebody has put into another. What
 * can't be read at all leaves the inode 0.
 */
Netns netns_current(int proc_fd);
