/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and pipes, read to their end, however many pieces they come in. */
#pragma once

#include <stddef.h>

/* Reads until the end or until `size` bytes are there. Returns 0 or a negative errno of read(2). */
int read_up_to(int fd, char *buffer, size_t size, size_t *ret_length);

/*
 * Reads all of it into *ret, with a NUL behind, which the caller frees. Returns 0, -EFBIG for more
 * than `max` bytes, -ENOMEM, or a negative errno of read(2).
 */
int read_whole(int fd, size_t max, char **ret, size_t *ret_length);
