/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <stdlib.h>
#include <string.h>

#include "collect/diag_parse.h"
#include "collect/diag_request.h"
#include "collect/netlink.h"
#include "collect/sockdiag.h"
#include "util/cleanup.h"
#include "util/memory.h"

struct Lookup {
    Netlink *netlink;
    Snapshot *scratch; /* for lookup_gone() */
};

int lookup_open(Lookup **ret) {
    _cleanup_lookup_ Lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup)
        return -ENOMEM;
    lookup->scratch = snapshot_new();
    if (!lookup->scratch)
        return -ENOMEM;
    int r = netlink_open(NETLINK_SOCK_DIAG, &lookup->netlink);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(lookup);
    return 0;
}

Lookup *lookup_close(Lookup *lookup) {
    if (!lookup)
        return NULL;
    netlink_close(lookup->netlink);
    snapshot_free(lookup->scratch);
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

/* --- the exact form ------------------------------------------------------------------------------
 */

/* What the answer to the exact form says. */
typedef struct ExactAnswer {
    Proto proto;
    int parsed; /* of diag_parse(), 0 when no message came */
    DiagSocket socket;
} ExactAnswer;

static int take_exact(const struct nlmsghdr *message, void *data) {
    ExactAnswer *answer = data;
    answer->parsed = diag_parse(message, answer->proto, &answer->socket);
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
    if (answer.socket.mptcp_subflow)
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

/* Both families of one protocol. Without the attribute's bytecode: the kernel compares the port
 * in the request by itself, and cheaper. */
static int dump_port(Lookup *lookup, DiagSink *sink, uint16_t port) {
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];

    for (size_t i = 0; i < ELEMENTS(families); i++) {
        DumpResult result = {.end = DUMP_INTERRUPTED};
        for (int try = 0; try < DUMP_TRIES && result.end == DUMP_INTERRUPTED; try++) {
            struct nlmsghdr *request = lookup_request(buffer, sink->proto, families[i]);
            request_body(request)->id.idiag_sport = htons(port);
            int r = netlink_dump(lookup->netlink, request, diag_sink_message, sink, &result);
            if (r < 0)
                return r;
        }
        int r = result_error(&result);
        if (r < 0)
            return r;
    }
    int r = diag_sink_flush(sink);
    if (r < 0)
        return r;
    return sink->n_malformed > 0 ? -EBADMSG : 0;
}

/*
 * TCP first, and MPTCP only where a subflow of it turned up: to ask for it costs 0.9 ms even where
 * there is none. A kernel that does not list MPTCP's listeners (before 5.19) still tells the
 * subflows, which then stand for them.
 */
static int dump_tcp_port(Lookup *lookup, uint16_t port, Snapshot *snapshot) {
    _cleanup_(idmap_done) IdMap inodes = {};
    DiagSink tcp = {.snapshot = snapshot, .proto = PROTO_TCP, .mptcp = &inodes};
    DiagSink mptcp = {.snapshot = snapshot, .proto = PROTO_MPTCP, .mptcp = &inodes};

    int r = dump_port(lookup, &tcp, port);
    if (r >= 0 && tcp.n_subflows > 0) {
        r = dump_port(lookup, &mptcp, port);
        if (r == -ENOENT || r == -EPROTONOSUPPORT || r == -EOPNOTSUPP || r == -EINVAL)
            r = 0;
    }
    for (size_t i = 0; i < tcp.n_subflows && r >= 0; i++)
        if (!diag_sink_knows_mptcp(&tcp, &tcp.subflows[i]))
            r = snapshot_add(snapshot, &tcp.subflows[i]);
    free(tcp.subflows);
    return r < 0 ? r : 0;
}

int lookup_port(Lookup *lookup, Proto proto, uint16_t port, Snapshot *snapshot) {
    if (proto == PROTO_TCP || proto == PROTO_MPTCP)
        return dump_tcp_port(lookup, port, snapshot);
    DiagSink sink = {.snapshot = snapshot, .proto = proto};
    return dump_port(lookup, &sink, port);
}

/* --- what an event means -------------------------------------------------------------------------
 */

static bool is_known(LookupKnown known, void *data, uint64_t cookie) {
    return known && known(cookie, data);
}

int lookup_appeared(Lookup *lookup, const StateEvent *event, LookupKnown known, void *data,
                    Snapshot *snapshot) {
    Endpoint endpoint = {
        .proto = event->proto,
        .port = event->port,
        .address = event->address,
    };
    Listener found;

    /* Without a port there is nothing to look up. */
    int r = event->port == 0 ? -EXDEV : lookup_exact(lookup, &endpoint, &found);
    if (r > 0 && !is_known(known, data, found.cookie)) {
        r = snapshot_add(snapshot, &found);
        return r < 0 ? r : 1;
    }
    /* Nothing at all may yet mean one that is bound to a device. */
    if (r < 0 && r != -EXDEV && r != -EOPNOTSUPP)
        return r;

    size_t before = snapshot->n_sockets;
    r = lookup_port(lookup, event->proto, event->port, snapshot);
    if (r < 0)
        return r;
    for (size_t i = before; i < snapshot->n_sockets; i++)
        if (!is_known(known, data, snapshot->sockets[i].cookie))
            return 1;
    return 0;
}

int lookup_gone(Lookup *lookup, const Endpoint *endpoint, uint64_t cookie) {
    Listener found;

    int r = lookup_exact(lookup, endpoint, &found);
    if (r == 0)
        return 1;
    if (r > 0 && found.cookie == cookie)
        return 0;
    if (r < 0 && r != -EXDEV && r != -EOPNOTSUPP)
        return r;

    snapshot_clear(lookup->scratch);
    r = lookup_port(lookup, endpoint->proto, endpoint->port, lookup->scratch);
    if (r < 0)
        return r;
    return idmap_find(&lookup->scratch->by_cookie, cookie) == NULL;
}
