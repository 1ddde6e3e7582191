/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fds of all processes that may hold a listener, from the kernel in one go: a BPF iterator
 * (bpf/fds.bpf.c), at a sixth of what readlink(2) of each costs (docs/KERNEL-FACTS.md, "owner").
 * Whatever fails, /proc is walked instead.
 */
#pragma once

#include <stddef.h>

#include "bpf/record.h"

/*
 * Starts the iterator whose link is `link_fd`; 0: loads it first, which needs CAP_BPF and
 * CAP_PERFMON. Returns an fd to read from, or a negative errno.
 */
int fd_iterator_open(int link_fd);

/* Reads all of it into a new array. Returns 0 or a negative errno; nothing then is known. The
 * records of a task come one after the other. */
int fd_iterator_read(int fd, struct FdRecord **ret, size_t *ret_n);

/* Reads the records of any iterator to its end. Returns 0 with a new buffer, or a negative errno.
 */
int iterator_read(int fd, char **ret, size_t *ret_size);
