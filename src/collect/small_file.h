/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small text files of the kernel's file systems (sysfs, procfs), read whole. */
#pragma once

#include <stddef.h>

/* Larger files are refused. */
#define SMALL_FILE_MAX 65536

/*
 * Reads the file at `path` below the directory `dir_fd` into *ret, with a NUL behind it, which the
 * caller frees. Returns 0 or a negative errno: -EFBIG for a longer one.
 */
int small_file_read(int dir_fd, const char *path, char **ret, size_t *ret_length);
