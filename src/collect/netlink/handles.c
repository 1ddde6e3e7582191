/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/netlink/handles.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/cleanup.h"

static const struct {
    const char *name;
    int bus;          /* of a netlink socket */
    const char *file; /* or a file: below procfs unless absolute */
    bool optional;
    unsigned group; /* 0: none; the opener joins it, because the borrower may lack the capability */
} kinds[HANDLE_COUNT] = {
    [HANDLE_DIAG] = {"diag", NETLINK_SOCK_DIAG},
    [HANDLE_ROUTE] = {"route", NETLINK_ROUTE},
    [HANDLE_LOOKUP] = {"lookup", NETLINK_SOCK_DIAG},
    [HANDLE_LINK_EVENTS] = {"link-events", NETLINK_ROUTE},
    [HANDLE_UDP_EVENTS] = {"udp-events", NETLINK_SOCK_DIAG},
    [HANDLE_RULESET_EVENTS] = {"ruleset-events", NETLINK_NETFILTER, .optional = true,
                               .group = NFNLGRP_NFTABLES},
    [HANDLE_PORT_RANGE] = {"port-range", .file = "sys/net/ipv4/ip_local_port_range",
                           .optional = true},
    [HANDLE_NETNS] = {"netns", .file = "thread-self/ns/net"},
    [HANDLE_ROOT] = {"root", .file = "/"},
};

const char *net_handle_name(NetHandle handle) {
    return kinds[handle].name;
}

void net_handles_init(NetHandles *handles) {
    for (NetHandle i = 0; i < HANDLE_COUNT; i++)
        handles->fds[i] = -1;
}

static int open_socket(int bus, int flags) {
    const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, bus);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int open_file(int proc_fd, const char *path) {
    int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int net_handles_open(int proc_fd, NetHandles *ret) {
    NetHandles handles;

    net_handles_init(&handles);
    for (NetHandle i = 0; i < HANDLE_COUNT; i++) {
        int fd = kinds[i].file ? open_file(proc_fd, kinds[i].file) : open_socket(kinds[i].bus, 0);
        if (fd < 0 && !kinds[i].optional) {
            net_handles_close(&handles);
            return fd;
        }
        if (fd >= 0 && kinds[i].group > 0)
            (void)setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &kinds[i].group,
                             sizeof(kinds[i].group));
        handles.fds[i] = fd < 0 ? -1 : fd;
    }
    *ret = handles;
    return 0;
}

void net_handles_close(NetHandles *handles) {
    for (NetHandle i = 0; i < HANDLE_COUNT; i++)
        cleanup_close(&handles->fds[i]);
    net_handles_init(handles);
}

int net_handles_take(NetHandles *handles, const char *name, int fd) {
    for (NetHandle i = 0; i < HANDLE_COUNT; i++)
        if (strcmp(name, kinds[i].name) == 0 && handles->fds[i] < 0) {
            handles->fds[i] = fd;
            return 1;
        }
    return 0;
}

bool net_handles_complete(const NetHandles *handles) {
    for (NetHandle i = 0; i < HANDLE_COUNT; i++)
        if (handles->fds[i] < 0 && !kinds[i].optional)
            return false;
    return true;
}

int net_socket_open(const NetHandles *handles, NetHandle handle, int bus, int flags) {
    if (!handles)
        return open_socket(bus, flags);
    if (handles->fds[handle] < 0)
        return -EPROTONOSUPPORT;
    _cleanup_close_ int fd = fcntl(handles->fds[handle], F_DUPFD_CLOEXEC, 3);
    /* The flag is the socket's, of all its duplicates; each handle has one use. */
    if (fd < 0 || fcntl(fd, F_SETFL, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0) < 0)
        return -errno;
    return TAKE_FD(fd);
}

ssize_t net_socket_receive(int fd, void *buffer, size_t size) {
    struct sockaddr_nl from = {};
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr header = {
        .msg_name = &from,
        .msg_namelen = sizeof(from),
        .msg_iov = &part,
        .msg_iovlen = 1,
    };

    ssize_t n;
    do
        n = recvmsg(fd, &header, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (header.msg_namelen >= sizeof(from) && from.nl_pid != 0)
        return 0;
    return header.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

const char *net_directory(const NetHandles *handles) {
    return handles ? "1/net" : "thread-self/net";
}
