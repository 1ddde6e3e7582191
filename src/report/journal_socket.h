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
    bool as_root; /* entries can be sent with uid 0 as their sender's */
    pid_t pid;    /* ours, */
    gid_t gid;    /* asked for once */
} JournalSocket;

/*
 * Opens a socket to send to `path` from; ret->fd is the caller's to close. Returns 0 or a negative
 * errno. It does not connect: journald may be away. journald takes OBJECT_PID= from root alone, and
 * journalctl -u shows what others say of a unit from root alone: the daemon, which is not root,
 * holds CAP_SETUID for nothing else (unix(7), SCM_CREDENTIALS).
 */
int journal_socket_open(const char *path, JournalSocket *ret);

/*
 * Sends one entry, its fields being `NAME=value`, to journald. It connects first, and again after
 * journald's socket was closed: the path of a connected one is not looked up for each entry.
 * Returns 0 or a negative errno; it does not wait: -EAGAIN while journald's queue is full, -ENOENT
 * or -ECONNREFUSED while it is away.
 */
int journal_socket_send(JournalSocket *to, const struct iovec *fields, size_t n_fields);
