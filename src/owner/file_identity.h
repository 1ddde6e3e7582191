/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file a path is. */
#pragma once

#include "model/owner.h"

/*
 * The identity of the regular file at an absolute `path`, symbolic links followed, below the root
 * directory that root_fd is. Returns 0, or a negative errno (-ENOENT; -EINVAL for a path that is
 * not absolute or leads to something else than a regular file).
 */
int file_identity(int root_fd, const char *path, FileId *ret);
