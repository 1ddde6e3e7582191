/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All fds of all processes from the kernel in one go, by a BPF iterator over `task_file`: a sixth
 * of what readlink(2) of each costs (docs/KERNEL-FACTS.md, "owner"). It needs CAP_BPF and
 * CAP_PERFMON, a kernel with BTF, and the first pid namespace, whose pids it tells. The program
 * is a dozen instructions, put together here with the offsets that this kernel's BTF gives: no
 * compiler, no library. Whatever fails, /proc is walked instead.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* A socket among the wanted, or an io_uring. Those of a task come one after the other. */
typedef struct FdRecord {
    uint32_t pid; /* the process */
    uint32_t tid; /* the thread whose table it is: the process's first, or one with its own table */
    uint32_t fd;
    uint32_t reserved;
    uint64_t inode; /* 0: an io_uring */
} FdRecord;

/*
 * Opens an iterator over the sockets with an inode from `first` to `last`, and io_urings. `root_fd`
 * is the root directory where sys/kernel/btf is. Returns an fd to read FdRecords from, or a
 * negative errno.
 */
int fd_iterator_open(int root_fd, uint32_t first, uint32_t last);

/*
 * Reads all of it into a new array. Returns 0 or a negative errno; nothing then is known.
 */
int fd_iterator_read(int fd, FdRecord **ret, size_t *ret_n);
