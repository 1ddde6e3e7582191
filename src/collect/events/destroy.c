/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/destroy.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stddef.h>

#include "collect/netlink/group_socket.h"
#include "collect/sockdiag/diag_parse.h"
#include "util/memory.h"

/* Clients' sockets are connected: one that resolves a name must not wake us. */
static const struct sock_filter unconnected_only[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
             sizeof(struct nlmsghdr) + offsetof(struct inet_diag_msg, idiag_state)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_CLOSE, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

int destroy_open(const NetHandles *handles) {
    static const unsigned groups[] = {SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY};
    const struct sock_fprog filter = {
        .len = ELEMENTS(unconnected_only),
        .filter = (struct sock_filter *)unconnected_only, /* only read */
    };
    return group_socket_open(handles, HANDLE_UDP_EVENTS, NETLINK_SOCK_DIAG, groups,
                             ELEMENTS(groups), &filter);
}

typedef struct DestroySink {
    DestroyedHandler handler;
    void *data;
} DestroySink;

static int take_message(const struct nlmsghdr *message, void *data) {
    const DestroySink *sink = data;
    DiagSocket socket;

    if (message->nlmsg_type < NLMSG_MIN_TYPE)
        return 0;
    int r = diag_parse(message, PROTO_UDP, &socket);
    if (r <= 0)
        return r;
    Destroyed destroyed = {
        .endpoint = socket.found.endpoint,
        .cookie = socket.found.cookie,
    };
    sink->handler(&destroyed, sink->data);
    return 0;
}

int destroy_parse(const void *bytes, size_t length, DestroyedHandler handler, void *data) {
    DestroySink sink = {handler, data};
    return group_messages_walk(bytes, length, take_message, &sink);
}

int destroy_read(int fd, unsigned budget, DestroyedHandler handler, void *data) {
    _Alignas(struct nlmsghdr) char buffer[GROUP_BUFFER_SIZE];
    int lost = 0;

    for (unsigned i = 0; i < budget; i++) {
        ssize_t n = group_socket_receive(fd, buffer);
        if (n == -EAGAIN)
            return lost;
        if (n < 0 && n != -ENOBUFS)
            return (int)n;
        /* What can't be understood counts as lost: the dump tells. */
        if (n < 0 || destroy_parse(buffer, (size_t)n, handler, data) < 0)
            lost = -ENOBUFS;
    }
    return lost < 0 ? lost : 1;
}
