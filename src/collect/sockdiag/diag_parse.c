/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/sockdiag/diag_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "collect/netlink/attributes.h"

/* linux/inet_diag.h of 5.10 and later; Debian's oldest headers lack some. */
enum {
    ATTRIBUTE_SKV6ONLY = 11,  /* u8 */
    ATTRIBUTE_LOCALS = 12,    /* struct sockaddr_storage[] */
    ATTRIBUTE_CGROUP_ID = 21, /* u64 */
};

uint8_t diag_state(Proto proto) {
    /*
     * UDP knows two states alone: one that was connected (TCP_ESTABLISHED) hears its peer only and
     * is no listener; any other is TCP_CLOSE (KERNEL.md 1).
     */
    return proto == PROTO_UDP || proto == PROTO_UDPLITE ? TCP_CLOSE : TCP_LISTEN;
}

static int parse_attribute(const Attribute *attribute, DiagSocket *socket) {
    uint8_t flag;

    switch (attribute->type) {
    case ATTRIBUTE_SKV6ONLY:
        if (attribute_read(attribute, &flag, sizeof(flag)) < 0)
            return -EBADMSG;
        socket->found.endpoint.v6only =
            flag != 0 && socket->found.endpoint.address.family == AF_INET6;
        return 0;
    case ATTRIBUTE_CGROUP_ID:
        return attribute_read(attribute, &socket->found.cgroup_id, sizeof(uint64_t));
    case ATTRIBUTE_LOCALS:
        if (attribute->length % sizeof(struct sockaddr_storage) != 0)
            return -EBADMSG;
        socket->locals = attribute->data;
        socket->n_locals = attribute->length / sizeof(struct sockaddr_storage);
        return 0;
    default:
        return 0;
    }
}

int diag_parse(const struct nlmsghdr *message, Proto proto, DiagSocket *ret) {
    const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
    size_t length = mnl_nlmsg_get_payload_len(message);

    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || length < sizeof(*diag) ||
        (diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6))
        return -EBADMSG;
    if (diag->idiag_state != diag_state(proto) || diag->id.idiag_sport == 0)
        return 0;

    DiagSocket socket = {
        .found =
            {
                .endpoint =
                    {
                        .proto = proto,
                        .port = ntohs(diag->id.idiag_sport),
                        .ifindex = diag->id.idiag_if,
                        .address.family = diag->idiag_family,
                    },
                .origin = ORIGIN_SOCKET,
                .uid = diag->idiag_uid,
                .inode = diag->idiag_inode,
                .cookie = (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0],
            },
    };
    memcpy(socket.found.endpoint.address.bytes, diag->id.idiag_src,
           diag->idiag_family == AF_INET ? 4 : 16);

    AttributeWalk walk = attribute_walk(diag + 1, length - sizeof(*diag));
    for (Attribute attribute; attribute_next(&walk, &attribute);)
        if (parse_attribute(&attribute, &socket) < 0)
            return -EBADMSG;
    if (walk.malformed)
        return -EBADMSG;
    *ret = socket;
    return 1;
}

int diag_local(const DiagSocket *socket, size_t index, Address *ret) {
    struct sockaddr_storage storage;

    if (index >= socket->n_locals)
        return -EBADMSG;
    memcpy(&storage, socket->locals + index * sizeof(storage), sizeof(storage));
    Address address = {.family = storage.ss_family};
    if (storage.ss_family == AF_INET)
        memcpy(address.bytes, &((struct sockaddr_in *)&storage)->sin_addr, 4);
    else if (storage.ss_family == AF_INET6)
        memcpy(address.bytes, &((struct sockaddr_in6 *)&storage)->sin6_addr, 16);
    else
        return -EBADMSG;
    *ret = address;
    return 0;
}
