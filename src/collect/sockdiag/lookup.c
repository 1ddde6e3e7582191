/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/sockdiag/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <stdlib.h>
#include <string.h>

#include "collect/netlink/attributes.h"
#include "collect/netlink/netlink.h"
#include "collect/sockdiag/diag_parse.h"
#include "collect/sockdiag/diag_request.h"
#include "collect/sockdiag/sockdiag.h"
#include "util/cleanup.h"
#include "util/memory.h"

struct Lookup {
    Netlink *netlink;
};

int lookup_open(const NetHandles *handles, Lookup **ret) {
    _cleanup_lookup_ Lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup)
        return -ENOMEM;
    int r = netlink_open(handles, HANDLE_LOOKUP, NETLINK_SOCK_DIAG, &lookup->netlink);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(lookup);
    return 0;
}

Lookup *lookup_close(Lookup *lookup) {
    if (!lookup)
        return NULL;
    netlink_close(lookup->netlink);
    free(lookup);
    return NULL;
}

static struct inet_diag_req_v2 *request_body(struct nlmsghdr *header) {
    return mnl_nlmsg_get_payload(header);
}

/*
 * The request for listeners as a dump sends it, and asking for INET_DIAG_INFO: only with it the
 * kernel tells the ULP, and so that a TCP socket is the subflow of an MPTCP one.
 */
static struct nlmsghdr *lookup_request(char buffer[static DIAG_REQUEST_SIZE], Proto proto,
                                       sa_family_t family) {
    struct nlmsghdr *header = diag_request(buffer, proto, family);
    if (proto == PROTO_TCP)
        request_body(header)->idiag_ext |= 1u << (INET_DIAG_INFO - 1);
    return header;
}

/* linux/inet_diag.h: INET_DIAG_ULP_INFO, and in it INET_ULP_INFO_NAME. */
enum {
    ATTRIBUTE_ULP_INFO = 19,
    ATTRIBUTE_ULP_NAME = 1,
};

static bool ulp_is_mptcp(const Attribute *info) {
    AttributeWalk walk = attribute_nested(info);
    for (Attribute attribute; attribute_next(&walk, &attribute);)
        if (attribute.type == ATTRIBUTE_ULP_NAME)
            return attribute_is_text(&attribute, "mptcp");
    return false;
}

/* Whether a message that diag_parse() took for a TCP listener is of an MPTCP socket's subflow. */
static bool is_subflow(const struct nlmsghdr *message) {
    const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
    AttributeWalk walk =
        attribute_walk(diag + 1, mnl_nlmsg_get_payload_len(message) - sizeof(*diag));
    for (Attribute attribute; attribute_next(&walk, &attribute);)
        if (attribute.type == ATTRIBUTE_ULP_INFO)
            return ulp_is_mptcp(&attribute);
    return false;
}

/* --- the exact form ------------------------------------------------------------------------------
 */

/* What the answer to the exact form says. */
typedef struct ExactAnswer {
    Proto proto;
    int parsed; /* of diag_parse(), 0 when no message came */
    bool subflow;
    DiagSocket socket;
} ExactAnswer;

static int take_exact(const struct nlmsghdr *message, void *data) {
    ExactAnswer *answer = data;
    answer->parsed = diag_parse(message, answer->proto, &answer->socket);
    answer->subflow = answer->parsed > 0 && is_subflow(message);
    return answer->parsed < 0 ? answer->parsed : 0;
}

/*
 * UDP's lookup takes source and destination the other way round, "for historical reasons"
 * (udp_dump_one()). The other end stays zero, which no connected socket has.
 */
static struct nlmsghdr *exact_request(char buffer[static DIAG_REQUEST_SIZE],
                                      const Endpoint *endpoint) {
    struct nlmsghdr *header = lookup_request(buffer, endpoint->proto, endpoint->address.family);
    struct inet_diag_sockid *id = &request_body(header)->id;
    bool swapped = endpoint->proto != PROTO_TCP;

    /* With an ACK, so that the end of the answer is told as a dump's is. */
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    memcpy(swapped ? id->idiag_dst : id->idiag_src, endpoint->address.bytes,
           endpoint->address.family == AF_INET ? 4 : 16);
    *(swapped ? &id->idiag_dport : &id->idiag_sport) = htons(endpoint->port);
    id->idiag_if = endpoint->ifindex;
    id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return header;
}

static int result_error(const DumpResult *result) {
    switch (result->end) {
    case DUMP_COMPLETE:
        return 0;
    case DUMP_INTERRUPTED:
        return -EINTR;
    default:
        return result->error < 0 ? result->error : -EIO;
    }
}

int lookup_exact(Lookup *lookup, const Endpoint *endpoint, Listener *ret) {
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];
    ExactAnswer answer = {.proto = endpoint->proto};
    DumpResult result;

    if (endpoint->proto != PROTO_TCP && endpoint->proto != PROTO_UDP &&
        endpoint->proto != PROTO_UDPLITE)
        return -EOPNOTSUPP;
    int r = netlink_dump(lookup->netlink, exact_request(buffer, endpoint), take_exact, &answer,
                         &result);
    if (r < 0)
        return r;
    r = result_error(&result);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    if (answer.parsed == 0)
        return -EXDEV; /* a socket, but one that does not listen */
    if (answer.subflow)
        return -EOPNOTSUPP;

    const Endpoint *found = &answer.socket.found.endpoint;
    if (found->port != endpoint->port || found->ifindex != endpoint->ifindex ||
        !address_equal(&found->address, &endpoint->address))
        return -EXDEV;
    *ret = answer.socket.found;
    return 1;
}

/* --- the whole port ------------------------------------------------------------------------------
 */

/*
 * Without the attribute for bytecode: the kernel compares the port in the request by itself, and
 * cheaper.
 */
static int dump_port(Lookup *lookup, Proto proto, uint16_t port, MessageHandler handler,
                     void *sink) {
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];

    for (size_t i = 0; i < ELEMENTS(families); i++) {
        struct nlmsghdr *request = lookup_request(buffer, proto, families[i]);
        DumpResult result;
        request_body(request)->id.idiag_sport = htons(port);
        int r = netlink_dump_again(lookup->netlink, request, handler, sink, &result);
        if (r >= 0)
            r = result_error(&result);
        if (r < 0)
            return r;
    }
    return 0;
}

/* TCP's sockets, with those that are MPTCP's put aside. */
typedef struct TcpSink {
    Snapshot *snapshot;
    Listener *subflows;
    size_t n_subflows, subflows_allocated;
    size_t n_malformed;
} TcpSink;

static int take_tcp(const struct nlmsghdr *message, void *data) {
    TcpSink *sink = data;
    DiagSocket socket;

    int r = diag_parse(message, PROTO_TCP, &socket);
    if (r < 0)
        sink->n_malformed++;
    if (r <= 0)
        return 0;
    if (!is_subflow(message)) {
        r = snapshot_add(sink->snapshot, &socket.found);
        return r < 0 ? r : 0;
    }
    return ARRAY_APPEND(sink->subflows, sink->subflows_allocated, sink->n_subflows, socket.found);
}

/* The subflows whose MPTCP socket is not in the snapshot. */
static int add_lone_subflows(const TcpSink *tcp) {
    _cleanup_(idmap_done) IdMap mptcp = {};
    Snapshot *snapshot = tcp->snapshot;
    int r = 0;

    for (size_t i = 0; i < snapshot->n_sockets && r >= 0; i++) {
        const Socket *socket = &snapshot->sockets[i];
        const Endpoint *endpoint = &snapshot->listeners[socket->listener].endpoint;
        if (endpoint->proto == PROTO_MPTCP)
            r = idmap_add(&mptcp, mptcp_key(socket->inode, endpoint->port), 0, NULL);
    }
    for (size_t i = 0; i < tcp->n_subflows && r >= 0; i++) {
        const Listener *subflow = &tcp->subflows[i];
        if (!idmap_find(&mptcp, mptcp_key(subflow->inode, subflow->endpoint.port)))
            r = snapshot_add(snapshot, subflow);
    }
    return r < 0 ? r : 0;
}

/* A kernel that does not list MPTCP's listeners (before 5.19) still tells the subflows: they stand
 * for them, as TCP, just as in a snapshot. */
static int add_mptcp(Lookup *lookup, uint16_t port, const TcpSink *tcp) {
    DiagSink sink = {.snapshot = tcp->snapshot, .proto = PROTO_MPTCP};

    int r = dump_port(lookup, PROTO_MPTCP, port, diag_sink_message, &sink);
    if (sockdiag_has_no_handler(r))
        r = 0;
    if (r >= 0)
        r = diag_sink_flush(&sink);
    if (r >= 0 && sink.n_malformed > 0)
        r = -EBADMSG;
    return r < 0 ? r : add_lone_subflows(tcp);
}

/* TCP first, and MPTCP only where a subflow of it turned up: to ask for it costs 0.9 ms even where
 * there is none. */
static int dump_tcp_port(Lookup *lookup, uint16_t port, Snapshot *snapshot) {
    TcpSink tcp = {.snapshot = snapshot};

    int r = dump_port(lookup, PROTO_TCP, port, take_tcp, &tcp);
    if (r >= 0 && tcp.n_malformed > 0)
        r = -EBADMSG;
    if (r >= 0 && tcp.n_subflows > 0)
        r = add_mptcp(lookup, port, &tcp);
    free(tcp.subflows);
    return r < 0 ? r : 0;
}

int lookup_port(Lookup *lookup, Proto proto, uint16_t port, Snapshot *snapshot) {
    if (proto == PROTO_TCP || proto == PROTO_MPTCP)
        return dump_tcp_port(lookup, port, snapshot);
    DiagSink sink = {.snapshot = snapshot, .proto = proto};
    int r = dump_port(lookup, proto, port, diag_sink_message, &sink);
    if (r >= 0)
        r = diag_sink_flush(&sink);
    return r >= 0 && sink.n_malformed > 0 ? -EBADMSG : r;
}
