/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). sd_journal_sendv() speaks it,
 * too, but takes a missing journald as success, and gives no say in who the sender is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct JournalSocket {
    int fd;
    const char *path; /* of journald's socket; borrowed */
    bool connected;
    bool as_root; /* entries can be sent with uid 0 as sender */
    pid_t pid;    /* of this process */
    gid_t gid;    /* of this process */
} JournalSocket;

/*
 * Opens a socket for sending to `path`. The caller closes ret->fd. Returns 0 or a negative errno.
 * The socket is not connected here, because journald may be unavailable. journald accepts
 * OBJECT_PID= only from uid 0, and journalctl -u shows entries of other senders about a unit only
 * if they have uid 0. This is the only use of the daemon's CAP_SETUID (SCM_CREDENTIALS, unix(7)).
 */
int journal_socket_open(const char *path, JournalSocket *ret);

/*
 * Sends one entry with fields `NAME=value` to journald. Connects first, and again after journald
 * closed its socket; the path of a connected socket is not looked up for each entry. Returns 0 or a
 * negative errno without waiting: -EAGAIN if journald's queue is full, -ENOENT or -ECONNREFUSED if
 * journald is unavailable.
 */
int journal_socket_send(JournalSocket *to, const struct iovec *fields, size_t n_fields);
