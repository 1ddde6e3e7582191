/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One process in /proc. Everything is read relative to one directory fd of it: procfs ties that to
 * the process, not to its pid, so that once the process is gone every read fails (-ESRCH) and a
 * pid that was given out again can't be mistaken for it (KERNEL.md 16).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "owner/owners.h"

/* What the fd leads to whose link in /proc has that name, relative to `directory`. Returns a FdKind
 * (proc_parse.h), with *ret_inode when it is a socket, or a negative errno. */
int fd_read(int directory, const char *name, uint32_t *ret_inode);

/* What the fds of one process are looked through for. */
typedef struct FdVisitor {
    /* A socket by its inode; fd -1: registered in an io_uring. Returns 0; 1 to end the scan, or a
     * negative errno, which does so, too. */
    int (*socket)(void *userdata, int fd, uint32_t inode);
    void *userdata;
    bool newest_first; /* of each few hundred: a new fd is most often the last */
    bool ring_busy;    /* set when a ring could not be read: its thread was at work each time */
} FdVisitor;

/*
 * Visits the sockets in the fd table that `fd_directory` is (/proc/PID/fd or
 * /proc/PID/task/TID/fd), and those in its io_urings. `fdinfo` is opened as `../fdinfo` only when
 * there is one. Fds that vanish meanwhile are passed over. Returns 0, or a negative errno: the
 * visitor's, or that of reading the directory.
 */
int fds_visit(int fd_directory, FdVisitor *visitor);

/* The sockets registered in the ring that is fd `ring` of that table. Returns as fds_visit(). */
int io_uring_visit(int fd_directory, const char *ring, FdVisitor *visitor);

/* The process to read, and limits for reading it. */
typedef struct ProcessWish {
    pid_t pid;
    int process_fd;         /* its directory in /proc; -1: hidden */
    size_t cmdline_max;     /* cuts the command line */
    unsigned patience_msec; /* for the command line and the exe, which may hang (slow_read.c) */
    /* The record of the iterator over fds, or NULL. If the process differs from it, it is gone. */
    const struct FdRecord *seen;
} ProcessWish;

/*
 * Fills everything of a Holder except the fd, from sources->processes or /proc. Values that cannot
 * be read stay unknown; *ret_error (if not NULL) is the first reason, or 0. Returns 0, -ESRCH if
 * the process is gone, or -ENOMEM.
 */
int process_read(const OwnerSources *sources, const ProcessWish *wish, Holder *ret, int *ret_error);

/*
 * Returns whether each of n > 0 processes still exists, and runs the same program under the same
 * name. The check never blocks. It does not compare the user and the working directory, which a
 * process can change.
 */
bool processes_are_still(const OwnerSources *sources, const Holder *seen, size_t n);

/* What takes longer is stuck, not slow; the loop may wait this long for it. */
#define PROCESS_PATIENCE_MSEC 250

/*
 * Reads `process_fd`/exe: the path as the kernel names it, the file's identity, and whether that
 * path leads to that file below root_fd. Returns 0 or a negative errno (-ENOENT: a kernel thread;
 * -EACCES).
 *
 * It may take for ever, where the file's server is away; unless `cached`, by what the kernel has in
 * its caches: -EBUSY when they don't tell where the path leads, and the rest is told. A hard link
 * is the file itself under another name: it verifies, under the name that was run.
 */
int exe_read(int process_fd, int root_fd, bool cached, char **ret_path, FileId *ret_id,
             ExeState *ret_state, bool *ret_deleted);

/* When it started, in clock ticks since boot; 0: unknown. */
uint64_t process_start(int process_fd);

/* The path of the process's cgroup now (see proc_cgroup_parse()). Returns 0 or a negative errno. */
int process_read_cgroup(int process_fd, char **ret);

static inline void holder_cleanup(Holder *holder) {
    holder_done(holder);
}
#define _cleanup_holder_ _cleanup_(holder_cleanup)
