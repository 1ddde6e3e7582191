/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). sd_journal_sendv() speaks it,
 * too, but takes a missing journald as success, and gives no say in who the sender is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/*
 * Opens a socket to send from. Returns an fd or a negative errno; *ret_as_root whether entries can
 * be sent with uid 0 as their sender's. journald takes OBJECT_PID= from root alone, and journalctl
 * -u shows what others say of a unit from root alone: the daemon, which is not root, holds
 * CAP_SETUID for nothing else (unix(7), SCM_CREDENTIALS).
 */
int journal_socket_open(bool *ret_as_root);

/*
 * Sends one entry, its fields being `NAME=value`, to journald's socket at `path`. Returns 0 or a
 * negative errno; it does not wait: -EAGAIN while journald's queue is full, -ENOENT or
 * -ECONNREFUSED while it is away.
 */
int journal_socket_send(int fd, bool as_root, const char *path, const struct iovec *fields,
                        size_t n_fields);
