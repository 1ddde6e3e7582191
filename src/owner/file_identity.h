/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file a path is. */
#pragma once

#include "model/owner.h"

/*
 * The identity of the regular file at an absolute `path`, symbolic links followed, below the root
 * directory that root_fd is. Returns 0, or a negative errno (-ENOENT; -EINVAL for a path that is
 * not absolute or leads to something else than a regular file).
 *
 * It may take for ever, where the file's server is away.
 */
int file_identity(int root_fd, const char *path, FileId *ret);

/* The same from the kernel's caches alone, at once; -EAGAIN: they don't tell. */
int file_identity_cached(int root_fd, const char *path, FileId *ret);

/*
 * The same with a patience, for paths that an administrator named and a server or a user may hang.
 * What the kernel has in its caches costs no more; the rest is asked for aside (util/aside.h).
 * -ETIMEDOUT: it takes longer; -EBUSY: what lies in that directory did so just now, or too much
 * else did. Both mean that it is not known which file it is, or whether there is one.
 */
int file_identity_within(int root_fd, const char *path, unsigned patience_msec, FileId *ret);

/* The same for a path from the kernel, without following symbolic links: fails with -ELOOP. Fails
 * with -ENOSYS if openat2(2) is not available. */
int file_identity_of_real_path(int root_fd, const char *path, unsigned patience_msec, FileId *ret);

/*
 * Of the file that a link of /proc is (`PID/exe` below directory_fd), whatever its name leads to.
 * No server is asked: what a file is does not change while it is open. Returns 0 or a negative
 * errno.
 */
int file_identity_of_link(int directory_fd, const char *link, FileId *ret);
