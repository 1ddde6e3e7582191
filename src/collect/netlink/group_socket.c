/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/netlink/group_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/cleanup.h"
#include "util/memory.h"

/* Returns whether the socket is in the group. Joining again is harmless, but may need a capability.
 */
static bool has_joined(int fd, unsigned group) {
    uint32_t groups[4] = {};
    socklen_t size = sizeof(groups);

    return getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &size) == 0 &&
           group <= 32 * ELEMENTS(groups) && groups[(group - 1) / 32] >> (group - 1) % 32 & 1;
}

int group_socket_open(const NetHandles *handles, NetHandle handle, int bus, const unsigned *groups,
                      size_t n_groups, const struct sock_fprog *filter) {
    _cleanup_close_ int fd = net_socket_open(handles, handle, bus, SOCK_NONBLOCK);

    if (fd < 0)
        return fd;
    if (filter && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0)
        return -errno;
    for (size_t i = 0; i < n_groups; i++)
        if (!has_joined(fd, groups[i]) &&
            setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
            return -errno;
    return TAKE_FD(fd);
}

ssize_t group_socket_receive(int fd, void *buffer) {
    ssize_t n = net_socket_receive(fd, buffer, GROUP_BUFFER_SIZE);
    return n == -EMSGSIZE ? -ENOBUFS : n;
}

int group_messages_walk(const void *bytes, size_t length, MessageHandler handler, void *data) {
    const struct nlmsghdr *message = bytes;
    size_t left = length;

    while (left > 0) {
        if (left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
            message->nlmsg_len > left)
            return -EBADMSG;
        int r = handler(message, data);
        if (r < 0)
            return r;
        size_t step = ((size_t)message->nlmsg_len + 3) & ~(size_t)3; /* NLMSG_ALIGN, signed */
        if (step >= left)
            break;
        left -= step;
        message = (const void *)((const char *)message + step);
    }
    return 0;
}
