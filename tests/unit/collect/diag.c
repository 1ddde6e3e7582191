/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock_diag: requests, answers, and what a snapshot makes of them. By number: KERNEL.md. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

#include "build.h"
#include "collect/netlink/messages.h"
#include "collect/sockdiag/diag_parse.h"
#include "collect/sockdiag/diag_request.h"
#include "collect/sockdiag/sockdiag.h"
#include "util/cleanup.h"

#define FAMILY_MESSAGE SOCK_DIAG_BY_FAMILY

static const struct inet_diag_req_v2 *request_of(char *buffer, Proto proto, sa_family_t family) {
    return (const void *)((const char *)diag_request(buffer, proto, family) +
                          sizeof(struct nlmsghdr));
}

Test(diag, fact_01_only_the_listening_state_is_asked_for) {
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];

    for (Proto proto = 0; proto < PROTO_COUNT; proto++) {
        bool datagram = proto == PROTO_UDP || proto == PROTO_UDPLITE;
        const struct inet_diag_req_v2 *request = request_of(buffer, proto, AF_INET6);
        cr_assert_eq(request->idiag_states, 1u << (datagram ? TCP_CLOSE : TCP_LISTEN));
        cr_assert_eq(request->sdiag_family, AF_INET6);
        cr_assert_eq(request->idiag_ext, 0);
        const struct nlmsghdr *header = (const void *)buffer;
        cr_assert_eq(header->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
    }
    cr_assert_eq(request_of(buffer, PROTO_TCP, AF_INET)->sdiag_protocol, 6);
    cr_assert_eq(request_of(buffer, PROTO_UDPLITE, AF_INET)->sdiag_protocol, 136);
    cr_assert_eq(request_of(buffer, PROTO_SCTP, AF_INET)->sdiag_protocol, 132);
}

Test(diag, fact_05_mptcp_is_asked_for_by_attribute) {
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];
    const struct nlmsghdr *header = diag_request(buffer, PROTO_MPTCP, AF_INET);
    const char *attribute = buffer + sizeof(*header) + sizeof(struct inet_diag_req_v2);
    const struct nlattr expected = {.nla_len = 8, .nla_type = 3};
    uint32_t number;

    cr_assert_eq(header->nlmsg_len, sizeof(*header) + sizeof(struct inet_diag_req_v2) + 8);
    cr_assert_eq(memcmp(attribute, &expected, sizeof(expected)), 0);
    memcpy(&number, attribute + 4, sizeof(number));
    cr_assert_eq(number, 262);
}

static int parse_one(Proto proto, struct inet_diag_msg diag, DiagSocket *ret) {
    Build build = {};
    build_message(&build, FAMILY_MESSAGE, NLM_F_MULTI, &diag, sizeof(diag));
    return diag_parse(build_first(&build), proto, ret);
}

Test(diag, every_field_is_read) {
    Build build = {};
    DiagSocket socket;
    uint64_t cgroup = UINT64_C(0x123456789a);
    uint8_t yes = 1;
    struct inet_diag_msg diag =
        build_diag(AF_INET6, TCP_LISTEN, 8080, UINT64_C(0xfedcba9876543210), 99);
    diag.id.idiag_if = 3;
    diag.idiag_uid = 1001;
    inet_pton(AF_INET6, "fd00::1", diag.id.idiag_src);
    build_message(&build, FAMILY_MESSAGE, NLM_F_MULTI, &diag, sizeof(diag));
    build_attribute(&build, 200, "unknown", 7);
    build_attribute(&build, 11, &yes, 1);
    build_attribute(&build, 21, &cgroup, 8);

    cr_assert_eq(diag_parse(build_first(&build), PROTO_TCP, &socket), 1);
    char text[ADDRESS_SIZE];
    address_format(&socket.found.endpoint.address, text);
    cr_assert_str_eq(text, "fd00::1");
    cr_assert_eq(socket.found.endpoint.port, 8080);
    cr_assert_eq(socket.found.endpoint.ifindex, 3);
    cr_assert(socket.found.endpoint.v6only);
    cr_assert_eq(socket.found.uid, 1001);
    cr_assert_eq(socket.found.inode, 99);
    cr_assert_eq(socket.found.cookie, UINT64_C(0xfedcba9876543210));
    /* fact 8: the cgroup of the socket's creation comes with the dump. */
    cr_assert_eq(socket.found.cgroup_id, cgroup);
}

Test(diag, fact_06_dual_stack_unless_v6only_says_otherwise) {
    Build build = {};
    DiagSocket socket;
    uint8_t yes = 1;
    struct inet_diag_msg diag = build_diag(AF_INET6, TCP_LISTEN, 80, 1, 1);

    cr_assert_eq(parse_one(PROTO_TCP, diag, &socket), 1);
    cr_assert(endpoint_takes_ipv4(&socket.found.endpoint));
    build_message(&build, FAMILY_MESSAGE, NLM_F_MULTI, &diag, sizeof(diag));
    build_attribute(&build, 11, &yes, 1);
    cr_assert_eq(diag_parse(build_first(&build), PROTO_TCP, &socket), 1);
    cr_assert_not(endpoint_takes_ipv4(&socket.found.endpoint));
}

Test(diag, fact_07_only_what_listens_is_a_listener) {
    DiagSocket socket;
    cr_assert_eq(parse_one(PROTO_TCP, build_diag(AF_INET, TCP_CLOSE, 80, 1, 1), &socket), 0);
    cr_assert_eq(parse_one(PROTO_TCP, build_diag(AF_INET, 13, 80, 1, 1), &socket), 0);
    cr_assert_eq(parse_one(PROTO_TCP, build_diag(AF_INET, TCP_ESTABLISHED, 80, 1, 1), &socket), 0);
    cr_assert_eq(parse_one(PROTO_UDP, build_diag(AF_INET, TCP_ESTABLISHED, 80, 1, 1), &socket), 0);
    cr_assert_eq(parse_one(PROTO_UDP, build_diag(AF_INET, TCP_CLOSE, 80, 1, 1), &socket), 1);
    cr_assert_eq(parse_one(PROTO_TCP, build_diag(AF_INET, TCP_LISTEN, 0, 1, 1), &socket), 0);
}

Test(diag, fact_11_an_inode_of_0_is_a_socket_like_any) {
    DiagSocket socket;
    cr_assert_eq(parse_one(PROTO_UDP, build_diag(AF_INET, TCP_CLOSE, 4789, 5, 0), &socket), 1);
    cr_assert_eq(socket.found.inode, 0);
}

Test(diag, what_does_not_fit_is_refused) {
    struct inet_diag_msg diag = build_diag(AF_INET6, TCP_LISTEN, 80, 1, 1);
    uint32_t wide = 1;
    DiagSocket socket = {};

    diag.idiag_family = 9;
    cr_assert_eq(parse_one(PROTO_TCP, diag, &socket), -EBADMSG);
    diag.idiag_family = AF_INET6;

    Build brief = {};
    build_message(&brief, FAMILY_MESSAGE, 0, &diag, sizeof(diag) - 4);
    cr_assert_eq(diag_parse(build_first(&brief), PROTO_TCP, &socket), -EBADMSG);

    Build other = {};
    build_message(&other, FAMILY_MESSAGE + 1, 0, &diag, sizeof(diag));
    cr_assert_eq(diag_parse(build_first(&other), PROTO_TCP, &socket), -EBADMSG);

    static const uint16_t types[] = {11, 21};
    for (size_t i = 0; i < 2; i++) {
        Build wrong = {};
        build_message(&wrong, FAMILY_MESSAGE, 0, &diag, sizeof(diag));
        build_attribute(&wrong, types[i], &wide, sizeof(wide));
        cr_assert_eq(diag_parse(build_first(&wrong), PROTO_TCP, &socket), -EBADMSG);
    }

    Build locals = {};
    build_message(&locals, FAMILY_MESSAGE, 0, &diag, sizeof(diag));
    build_attribute(&locals, 12, NULL, 100);
    cr_assert_eq(diag_parse(build_first(&locals), PROTO_SCTP, &socket), -EBADMSG);

    /* An attribute that claims more than there is, and one that claims less than its head. */
    static const uint16_t lengths[] = {64, 3, 0, 0xffff};
    for (size_t i = 0; i < 4; i++) {
        Build liar = {};
        build_message(&liar, FAMILY_MESSAGE, 0, &diag, sizeof(diag));
        size_t at = liar.length;
        build_attribute(&liar, 99, NULL, 4);
        memcpy(liar.bytes + at, &lengths[i], 2);
        cr_assert_eq(diag_parse(build_first(&liar), PROTO_TCP, &socket), -EBADMSG);
    }
}

static DumpResult feed(DiagSink *sink, const Build *build) {
    MessageWalk walk = {BUILD_SEQ, BUILD_PORTID, diag_sink_message, sink, false, false, 0};
    cr_assert(messages_walk(build->bytes, build->length, &walk) >= 0);
    cr_assert_eq(diag_sink_flush(sink), 0);
    return (DumpResult){.error = walk.error};
}

static void add_listener(Build *build, uint8_t family, uint16_t port, uint64_t cookie,
                         uint32_t inode) {
    struct inet_diag_msg diag = build_diag(family, TCP_LISTEN, port, cookie, inode);
    build_message(build, FAMILY_MESSAGE, NLM_F_MULTI, &diag, sizeof(diag));
}

Test(diag, fact_03_a_socket_told_twice_counts_once) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    DiagSink sink = {.snapshot = snapshot, .proto = PROTO_TCP};
    Build build = {};

    add_listener(&build, AF_INET, 80, 1, 10);
    add_listener(&build, AF_INET, 81, 2, 11);
    add_listener(&build, AF_INET, 80, 1, 10);
    feed(&sink, &build);
    feed(&sink, &build); /* another try */
    cr_assert_eq(snapshot->n_listeners, 2);
    cr_assert_eq(snapshot->n_sockets, 2);
    cr_assert_eq(snapshot->listeners[0].n_sockets, 1);
}

Test(diag, fact_04_an_inode_seen_again_is_another_socket) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    DiagSink sink = {.snapshot = snapshot, .proto = PROTO_TCP};
    Build build = {};

    add_listener(&build, AF_INET, 80, 1, 10);
    add_listener(&build, AF_INET, 81, UINT64_C(1) << 32 | 1, 10);
    feed(&sink, &build);
    cr_assert_eq(snapshot->n_sockets, 2);
}

Test(diag, fact_05_an_mptcp_listener_is_one) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    _cleanup_(idmap_done) IdMap inodes = {};
    DiagSink mptcp = {.snapshot = snapshot, .proto = PROTO_MPTCP, .mptcp = &inodes};
    DiagSink tcp = {.snapshot = snapshot, .proto = PROTO_TCP, .mptcp = &inodes};
    Build own = {}, subflows = {};

    add_listener(&own, AF_INET, 443, 1, 10);
    feed(&mptcp, &own);
    add_listener(&subflows, AF_INET, 443, 2, 10); /* its subflow */
    add_listener(&subflows, AF_INET, 444, 3, 11); /* plain TCP */
    add_listener(&subflows, AF_INET, 445, 4, 10); /* plain TCP, of an inode that was used twice */
    feed(&tcp, &subflows);
    cr_assert_eq(snapshot->n_listeners, 3);
    cr_assert_eq(snapshot->listeners[0].endpoint.proto, PROTO_MPTCP);
    cr_assert_eq(snapshot->listeners[0].cookie, 1);
    cr_assert_eq(snapshot->listeners[1].endpoint.port, 444);
    cr_assert_eq(snapshot->listeners[2].endpoint.port, 445);
}

Test(diag, fact_10_a_reuseport_group_is_one_listener_with_a_count) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    DiagSink sink = {.snapshot = snapshot, .proto = PROTO_TCP};
    Build build = {};

    for (uint32_t i = 0; i < 40; i++)
        add_listener(&build, AF_INET, 3000, 1 + i, 10 + i);
    feed(&sink, &build);
    cr_assert_eq(snapshot->n_listeners, 1);
    cr_assert_eq(snapshot->n_sockets, 40);
    cr_assert_eq(snapshot->listeners[0].n_sockets, 40);
    cr_assert_eq(snapshot->listeners[0].inode, 10);
}

Test(diag, a_bad_message_hides_no_other_and_is_counted) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    DiagSink sink = {.snapshot = snapshot, .proto = PROTO_TCP};
    Build build = {};

    build_message(&build, FAMILY_MESSAGE, NLM_F_MULTI, "bad", 4);
    add_listener(&build, AF_INET, 80, 1, 10);
    feed(&sink, &build);
    cr_assert_eq(sink.n_malformed, 1);
    cr_assert_eq(snapshot->n_listeners, 1);
}

Test(diag, an_sctp_socket_listens_at_each_of_its_addresses) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    DiagSink sink = {.snapshot = snapshot, .proto = PROTO_SCTP};
    struct sockaddr_storage locals[3] = {};
    Build build = {};

    locals[0].ss_family = AF_INET;
    inet_pton(AF_INET, "127.0.0.1", &((struct sockaddr_in *)&locals[0])->sin_addr);
    locals[1].ss_family = AF_INET6;
    inet_pton(AF_INET6, "fd00::5", &((struct sockaddr_in6 *)&locals[1])->sin6_addr);
    locals[2].ss_family = 99;
    add_listener(&build, AF_INET6, 3868, 7, 10);
    build_attribute(&build, 12, locals, sizeof(locals));
    feed(&sink, &build);
    feed(&sink, &build);
    cr_assert_eq(snapshot->n_listeners, 2);
    cr_assert_eq(snapshot->listeners[0].cookie, 7);
    cr_assert_neq(snapshot->listeners[1].cookie, 7);
    cr_assert_eq(snapshot->listeners[1].inode, 10);
    cr_assert_eq(snapshot->listeners[1].endpoint.address.bytes[15], 5);
    cr_assert_eq(sink.n_malformed, 2);
}
