/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/netlink/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/clock.h"

struct Netlink {
    struct mnl_socket *socket;
    int bus;
    bool passed; /* there is no other one to be had */
    uint32_t seq;
    _Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER_SIZE];
};

static int socket_open(const NetHandles *handles, NetHandle handle, int bus,
                       struct mnl_socket **ret) {
    const struct timeval patience = {.tv_sec = NETLINK_RECEIVE_SECONDS};
    _cleanup_close_ int fd = net_socket_open(handles, handle, bus, 0);

    if (fd < 0)
        return fd;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
        return -errno;
    *ret = mnl_socket_fdopen(fd);
    if (!*ret)
        return -errno;
    fd = -1;
    return 0;
}

int netlink_open(const NetHandles *handles, NetHandle handle, int bus, Netlink **ret) {
    Netlink *netlink = malloc(sizeof(*netlink));
    if (!netlink)
        return -ENOMEM;
    netlink->bus = bus;
    netlink->passed = handles != NULL;
    netlink->seq = (uint32_t)time(NULL);
    int r = socket_open(handles, handle, bus, &netlink->socket);
    if (r < 0) {
        free(netlink);
        return r;
    }
    *ret = netlink;
    return 0;
}

Netlink *netlink_close(Netlink *netlink) {
    if (!netlink)
        return NULL;
    if (netlink->socket)
        mnl_socket_close(netlink->socket);
    free(netlink);
    return NULL;
}

int netlink_fd(const Netlink *netlink) {
    return mnl_socket_get_fd(netlink->socket);
}

int netlink_receive(int fd, void *buffer, MessageWalk *walk, DumpResult *ret_result) {
    usec_t deadline = monotonic_now() + NETLINK_DUMP_SECONDS * USEC_PER_SEC;

    for (;;) {
        ssize_t n = net_socket_receive(fd, buffer, NETLINK_BUFFER_SIZE);
        if (n == -EAGAIN)
            n = -ETIMEDOUT;
        if (n < 0) {
            *ret_result =
                (DumpResult){n == -ENOBUFS ? DUMP_INTERRUPTED : DUMP_BROKEN, .error = (int)n};
            return 0;
        }
        int r = messages_walk(buffer, (size_t)n, walk);
        if (r < 0)
            return r;
        if (walk->malformed) {
            *ret_result = (DumpResult){DUMP_BROKEN, .error = -EBADMSG};
            return 0;
        }
        if (r > 0)
            break;
        if (monotonic_now() > deadline) {
            *ret_result = (DumpResult){DUMP_BROKEN, .error = -ETIMEDOUT};
            return 0;
        }
    }

    if (walk->interrupted || walk->error == -EINTR || walk->error == -EBUSY)
        *ret_result = (DumpResult){DUMP_INTERRUPTED, .error = walk->error};
    else if (walk->error < 0)
        *ret_result = (DumpResult){DUMP_REFUSED, .error = walk->error};
    else
        *ret_result = (DumpResult){.end = DUMP_COMPLETE};
    return 0;
}

/* Receives what is left until nothing comes. Returns 0 or a negative errno. */
static int netlink_drain(Netlink *netlink) {
    usec_t deadline = monotonic_now() + NETLINK_DUMP_SECONDS * USEC_PER_SEC;

    while (monotonic_now() <= deadline) {
        ssize_t n = recv(netlink_fd(netlink), netlink->buffer, NETLINK_BUFFER_SIZE, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && errno != EINTR && errno != ENOBUFS)
            return -errno;
    }
    return -ETIMEDOUT;
}

/*
 * After a dump that was left before its end the rest of it is still to come, and a new one would
 * be answered EBUSY: a new socket is clean. One that was passed is read until it is; the rest
 * has another sequence number.
 */
static int netlink_reopen(Netlink *netlink) {
    struct mnl_socket *fresh;

    if (netlink->passed)
        return netlink_drain(netlink);
    int r = socket_open(NULL, 0, netlink->bus, &fresh);
    if (r < 0)
        return r;
    mnl_socket_close(netlink->socket);
    netlink->socket = fresh;
    return 0;
}

int netlink_dump(Netlink *netlink, struct nlmsghdr *request, MessageHandler handler, void *data,
                 DumpResult *ret_result) {
    MessageWalk walk = {
        .seq = ++netlink->seq ? netlink->seq : ++netlink->seq, /* 0 is nobody's */
        .portid = mnl_socket_get_portid(netlink->socket),
        .handler = handler,
        .data = data,
    };
    DumpResult result;

    request->nlmsg_seq = walk.seq;
    if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0) {
        *ret_result = (DumpResult){DUMP_BROKEN, .error = -errno};
        return 0;
    }
    int r = netlink_receive(netlink_fd(netlink), netlink->buffer, &walk, &result);
    if (r < 0 || result.end == DUMP_BROKEN || result.error == -ENOBUFS) {
        int reopened = netlink_reopen(netlink);
        if (r >= 0 && reopened < 0)
            result = (DumpResult){DUMP_BROKEN, .error = reopened};
    }
    if (r >= 0)
        *ret_result = result;
    return r;
}

int netlink_dump_again(Netlink *netlink, struct nlmsghdr *request, MessageHandler handler,
                       void *data, DumpResult *ret) {
    int r = 0;
    ret->end = DUMP_INTERRUPTED;
    for (int try = 0; try < DUMP_TRIES && r >= 0 && ret->end == DUMP_INTERRUPTED; try++)
        r = netlink_dump(netlink, request, handler, data, ret);
    return r;
}
