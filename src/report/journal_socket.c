/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/journal_socket.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"

/* Room for SCM_CREDENTIALS and SCM_RIGHTS with one fd. */
typedef union Control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
} Control;

typedef struct Entry {
    char *data;
    size_t size;
} Entry;

static void entry_cleanup(Entry *entry) {
    free(entry->data);
}

static void put(Entry *entry, const void *data, size_t size) {
    if (size > 0)
        memcpy(entry->data + entry->size, data, size);
    entry->size += size;
}

/* `NAME=value\n`; a value of several lines stands behind its length: `NAME\n`, le64, value, `\n`.
 */
static int entry_write(const struct iovec *fields, size_t n_fields, Entry *entry) {
    size_t room = 1; /* an entry without fields is one, too */

    for (size_t i = 0; i < n_fields; i++)
        room += fields[i].iov_len + sizeof(uint64_t) + 2;
    entry->data = malloc(room);
    if (!entry->data)
        return -ENOMEM;
    for (size_t i = 0; i < n_fields; i++) {
        const char *field = fields[i].iov_base;
        const char *equals = memchr(field, '=', fields[i].iov_len);
        if (!equals)
            return -EINVAL;
        size_t name = (size_t)(equals - field), value = fields[i].iov_len - name - 1;
        if (memchr(equals + 1, '\n', value)) {
            uint64_t length = htole64(value);
            put(entry, field, name);
            put(entry, "\n", 1);
            put(entry, &length, sizeof(length));
            put(entry, equals + 1, value);
        } else {
            put(entry, field, fields[i].iov_len);
        }
        put(entry, "\n", 1);
    }
    return 0;
}

static void control_add(struct msghdr *message, int type, const void *data, size_t size) {
    struct cmsghdr *header =
        (struct cmsghdr *)((char *)message->msg_control + message->msg_controllen);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), data, size);
    message->msg_controllen += CMSG_SPACE(size);
}

static int connect_to_journal(JournalSocket *to) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(to->path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, to->path, strlen(to->path) + 1);
    if (connect(to->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    to->connected = true;
    return 0;
}

/* Sends the entry, or with `memory` >= 0 that file instead. */
static int send_connected(const JournalSocket *to, const Entry *entry, int memory) {
    const struct ucred root = {.pid = to->pid, .uid = 0, .gid = to->gid};
    struct iovec data = {.iov_base = entry->data, .iov_len = memory < 0 ? entry->size : 0};
    Control control = {};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control};

    if (to->as_root)
        control_add(&message, SCM_CREDENTIALS, &root, sizeof(root));
    if (memory >= 0)
        control_add(&message, SCM_RIGHTS, &memory, sizeof(memory));
    if (message.msg_controllen == 0)
        message.msg_control = NULL;
    return sendmsg(to->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_message(JournalSocket *to, const Entry *entry, int memory) {
    int r = to->connected ? send_connected(to, entry, memory) : -ENOTCONN;
    if (r != -ECONNREFUSED && r != -ENOTCONN)
        return r;
    to->connected = false; /* journald closed its socket, and may have opened a new one */
    r = connect_to_journal(to);
    return r < 0 ? r : send_connected(to, entry, memory);
}

/* Sends an entry that is too long for a datagram as a sealed memfd. */
static int send_large(JournalSocket *to, const Entry *entry) {
    _cleanup_close_ int memory = memfd_create("sockauditd-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0)
        return -errno;
    ssize_t n = write(memory, entry->data, entry->size);
    if (n < 0)
        return -errno;
    if ((size_t)n < entry->size)
        return -EIO;
    if (fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -errno;
    return send_message(to, entry, memory);
}

int journal_socket_send(JournalSocket *to, const struct iovec *fields, size_t n_fields) {
    _cleanup_(entry_cleanup) Entry entry = {};

    int r = entry_write(fields, n_fields, &entry);
    if (r < 0)
        return r;
    r = send_message(to, &entry, -1);
    return r == -EMSGSIZE ? send_large(to, &entry) : r;
}

/* Whether it may is found by doing it, to a socket of its own. */
static bool may_be_root(const JournalSocket *to) {
    const struct ucred root = {.pid = to->pid, .uid = 0, .gid = to->gid};
    int pair[2];
    Control control = {};
    struct iovec data = {.iov_base = (char[]){""}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control};

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    control_add(&message, SCM_CREDENTIALS, &root, sizeof(root));
    bool may = sendmsg(pair[0], &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
    close(pair[0]);
    close(pair[1]);
    return may;
}

int journal_socket_open(const char *path, JournalSocket *ret) {
    /* The size of an entry that still goes as a datagram, as libsystemd asks for it. */
    const int size = 8 * 1024 * 1024;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *ret = (JournalSocket){.fd = fd, .path = path, .pid = getpid(), .gid = getgid()};
    ret->as_root = may_be_root(ret);
    return 0;
}
