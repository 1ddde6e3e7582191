/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/sockdiag/sockdiag.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "collect/sockdiag/diag_parse.h"
#include "collect/sockdiag/diag_request.h"
#include "util/cleanup.h"
#include "util/memory.h"

/*
 * Cookies are counted up from 1, a batch a CPU (lib/cookie.c), and never reach the uppermost bits:
 * there stands which of an SCTP socket's addresses it is, so that each is a listener of its own.
 */
#define LOCAL_SHIFT 56

int diag_sink_flush(DiagSink *sink) {
    int r = 0;
    for (size_t i = 0; i < sink->n_pending && r >= 0; i++)
        r = snapshot_add(sink->snapshot, &sink->pending[i]);
    sink->n_pending = 0;
    return r < 0 ? r : 0;
}

static int sink_add(DiagSink *sink, const Listener *found) {
    snapshot_prefetch(sink->snapshot, found);
    sink->pending[sink->n_pending++] = *found;
    return sink->n_pending == DIAG_SINK_PENDING ? diag_sink_flush(sink) : 0;
}

/* Whether this is an MPTCP socket's subflow in the TCP dump, which its own dump tells already. */
static bool is_known_mptcp(const IdMap *mptcp, const Listener *found) {
    if (!mptcp || found->inode == 0)
        return false;
    return idmap_find(mptcp, mptcp_key(found->inode, found->endpoint.port)) != NULL;
}

static int add_tcp(DiagSink *sink, const DiagSocket *socket) {
    return is_known_mptcp(sink->mptcp, &socket->found) ? 0 : sink_add(sink, &socket->found);
}

static int add_mptcp(DiagSink *sink, const DiagSocket *socket) {
    uint64_t id = mptcp_key(socket->found.inode, socket->found.endpoint.port);
    int r = sink->mptcp ? idmap_add(sink->mptcp, id, 0, NULL) : 0;
    return r < 0 ? r : sink_add(sink, &socket->found);
}

/* An SCTP socket may be bound to several addresses; the message's head names but one. */
static int add_sctp(DiagSink *sink, const DiagSocket *socket) {
    if (socket->n_locals == 0)
        return sink_add(sink, &socket->found);
    for (size_t i = 0; i < socket->n_locals; i++) {
        Listener found = socket->found;
        if (diag_local(socket, i, &found.endpoint.address) < 0) {
            sink->n_malformed++;
            continue;
        }
        if (found.endpoint.address.family == AF_INET)
            found.endpoint.v6only = false;
        found.cookie |= (uint64_t)(i & UINT8_MAX) << LOCAL_SHIFT;
        int r = sink_add(sink, &found);
        if (r < 0)
            return r;
    }
    return 0;
}

int diag_sink_message(const struct nlmsghdr *message, void *data) {
    DiagSink *sink = data;
    DiagSocket socket;

    int r = diag_parse(message, sink->proto, &socket);
    if (r < 0)
        sink->n_malformed++; /* one bad message must not hide the others */
    if (r <= 0)
        return 0;
    if (sink->proto == PROTO_TCP)
        r = add_tcp(sink, &socket);
    else if (sink->proto == PROTO_MPTCP)
        r = add_mptcp(sink, &socket);
    else if (sink->proto == PROTO_SCTP)
        r = add_sctp(sink, &socket);
    else
        r = sink_add(sink, &socket.found);
    return r < 0 ? r : 0;
}

bool sockdiag_has_no_handler(int error) {
    return error == -ENOENT || error == -EPROTONOSUPPORT || error == -EOPNOTSUPP ||
           error == -EINVAL;
}

static void refused(Coverage *coverage, Proto proto, int error, bool known) {
    const char *name = proto_name(proto);
    if (!sockdiag_has_no_handler(error))
        coverage_set(coverage, COVERAGE_UNAVAILABLE, "the kernel refuses to list %s sockets: %s",
                     name, strerror(-error));
    else if (known)
        coverage_set(coverage, COVERAGE_UNAVAILABLE,
                     "the kernel has %s, but cannot list its sockets (module %s_diag)", name,
                     proto == PROTO_UDPLITE ? "udp" : name);
    else
        coverage_set(coverage, COVERAGE_UNAVAILABLE, "the kernel cannot list %s sockets", name);
}

/* What the end of a family's dump means for the protocol; a worse state of the other stays. */
static void judge_result(Snapshot *snapshot, const DiagSink *sink, const Protocols *protocols,
                         sa_family_t family, const DumpResult *result) {
    Coverage *coverage = &snapshot->coverage[sink->proto];
    const char *version = family == AF_INET ? "IPv4" : "IPv6";

    if (result->end == DUMP_INTERRUPTED)
        coverage_set(coverage, COVERAGE_INCOMPLETE, "the dump over %s was interrupted %d times",
                     version, DUMP_TRIES);
    else if (result->end == DUMP_BROKEN)
        coverage_set(coverage, COVERAGE_INCOMPLETE, "the dump over %s ended early: %s", version,
                     strerror(-result->error));
    else if (result->end == DUMP_REFUSED && coverage->state == COVERAGE_FULL)
        refused(coverage, sink->proto, result->error, protocols->known);
    else if (sink->n_malformed > 0 && coverage->state == COVERAGE_FULL)
        coverage_set(coverage, COVERAGE_INCOMPLETE,
                     "%zu answers of the kernel could not be understood", sink->n_malformed);
}

/* Dumps both families of the sink's protocol. */
static int dump_proto(Netlink *netlink, DiagSink *sink, const Protocols *protocols) {
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];

    for (size_t i = 0; i < ELEMENTS(families); i++) {
        struct nlmsghdr *request = diag_request(buffer, sink->proto, families[i]);
        DumpResult result;
        int r = netlink_dump_again(netlink, request, diag_sink_message, sink, &result);
        if (r < 0)
            return r;
        judge_result(sink->snapshot, sink, protocols, families[i], &result);
    }
    return diag_sink_flush(sink);
}

/*
 * MPTCP before TCP, so that its subflows are known there; one that begins to listen between the two
 * is told as the TCP listener that it is as well, and never lost. The dump of MPTCP costs 0.9 ms
 * even when empty (KERNEL.md 5), so it is spared where no socket is counted. Kernels before 5.19 do
 * not list MPTCP listeners at all: there, too, the subflow stands for it.
 */
static int dump_tcp_and_mptcp(Netlink *netlink, const Protocols *protocols, Snapshot *snapshot) {
    _cleanup_(idmap_done) IdMap inodes = {};
    DiagSink mptcp = {.snapshot = snapshot, .proto = PROTO_MPTCP, .mptcp = &inodes};
    DiagSink tcp = {.snapshot = snapshot, .proto = PROTO_TCP, .mptcp = &inodes};
    int r = 0;

    if (!protocols->known || protocols->in_use[PROTO_MPTCP])
        r = dump_proto(netlink, &mptcp, protocols);
    return r < 0 ? r : dump_proto(netlink, &tcp, protocols);
}

static bool is_absent(const Protocols *protocols, Proto proto) {
    return protocols->known && !protocols->present[proto];
}

int sockdiag_collect(Netlink *netlink, const Protocols *protocols, Snapshot *snapshot) {
    static const Proto others[] = {PROTO_UDP, PROTO_UDPLITE, PROTO_SCTP};

    int r = dump_tcp_and_mptcp(netlink, protocols, snapshot);
    for (size_t i = 0; i < ELEMENTS(others) && r >= 0; i++) {
        DiagSink sink = {.snapshot = snapshot, .proto = others[i]};
        if (!is_absent(protocols, others[i]))
            r = dump_proto(netlink, &sink, protocols);
    }
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if (is_absent(protocols, proto)) {
            coverage_set(&snapshot->coverage[proto], COVERAGE_UNAVAILABLE,
                         "this kernel has no %s (or its module is not loaded)", proto_name(proto));
            snapshot->coverage[proto].absent = true;
        }
    return r;
}
