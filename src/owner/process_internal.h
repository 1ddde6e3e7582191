/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between process.c and slow_read.c. */
#pragma once

#include <stddef.h>

#include "model/owner.h"

/* Reads `process_fd`/cmdline, cut to `max` bytes. It may take for ever. Returns 0 or a negative
 * errno; *ret is a new vector. */
int cmdline_read(int process_fd, size_t max, char ***ret);

/* Reads what `process_fd`/environ says of socket activation, which may take for ever, too. Sets
 * both to 0 if it cannot be read. */
void environ_read(int process_fd, pid_t *ret_listen_pid, int *ret_n_listen_fds);

typedef struct SlowRead SlowRead;

/*
 * Starts to read exe, exe_id, exe_state, cmdline and environ of a process of the user `uid` in a
 * helper thread; not the exe if root_fd is -1. Returns 0 or -ENOMEM. slow_read_end() must follow in
 * the same thread.
 */
int slow_read_begin(int process_fd, int root_fd, size_t cmdline_max, uid_t uid, SlowRead **ret);

/*
 * Fills them into the holder, waited for up to patience_msec, and releases `slow`. What is not read
 * in time stays unknown, but for the name of the exe; the errors tell why (-ETIMEDOUT; -EBUSY: that
 * user made us wait just now).
 */
void slow_read_end(SlowRead *slow, unsigned patience_msec, Holder *holder, int *ret_exe_error,
                   int *ret_cmdline_error);
