/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between process.c and slow_read.c. */
#pragma once

#include <stddef.h>

#include "model/owner.h"

/* Reads `process_fd`/cmdline, cut to `max` bytes. It may take for ever. Returns 0 or a negative
 * errno; *ret is a new vector. */
int cmdline_read(int process_fd, size_t max, char ***ret);

/*
 * Fills exe, exe_id, exe_state and cmdline of the holder, whose uid is known, with a patience for
 * both. What is not read in time stays unknown, but for the name of the exe; the errors tell why
 * (-ETIMEDOUT; -EBUSY: that user made us wait just now). Returns 0 or -ENOMEM.
 */
int process_read_slow(int process_fd, int root_fd, size_t cmdline_max, unsigned patience_msec,
                      Holder *holder, int *ret_exe_error, int *ret_cmdline_error);
