/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In which network namespace the calling thread is. */
#pragma once

#include "model/snapshot.h"

/*
 * Reads it below procfs. The host's is that of pid 1, or where that can't be looked at, which needs
 * CAP_SYS_PTRACE, of the kernel's own thread. Without both the namespace is taken for the host's:
 * only somebody with privileges could have put this process into another. What can't be read at
 * all leaves the inode 0.
 */
Netns netns_current(int proc_fd);

/* Reads the host's network namespace from a file descriptor of it (HANDLE_NETNS). */
Netns netns_passed(int fd);

/* Whether the text of /proc/PID/stat is a kernel thread's. Pure. */
bool netns_stat_is_kernel_thread(const char *text, size_t length);
