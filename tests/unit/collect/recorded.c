/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers recorded from a kernel (Linux 6.18; tests/fixtures/netlink/record.py says of what). */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "collect/links/link_parse.h"
#include "collect/sockdiag/sockdiag.h"
#include "util/cleanup.h"

/* Walks the recorded datagram; returns the walk's outcome, with its error. */
static int replay(const char *name, MessageHandler handler, void *data, int *ret_error) {
    static _Alignas(struct nlmsghdr) char bytes[NETLINK_BUFFER_SIZE];
    const char *root = getenv("srcdir");
    char path[512];
    MessageWalk walk = {.seq = BUILD_SEQ, .portid = BUILD_PORTID, .handler = handler, .data = data};

    snprintf(path, sizeof(path), "%s/tests/fixtures/netlink/%s.bin", root ? root : ".", name);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    cr_assert(length > 0);
    int r = messages_walk(bytes, length, &walk);
    cr_assert_not(walk.malformed || walk.interrupted);
    *ret_error = walk.error;
    return r;
}

static void replay_diag(Snapshot *snapshot, IdMap *inodes, Proto proto, const char *name) {
    DiagSink sink = {.snapshot = snapshot, .proto = proto, .mptcp = inodes};
    int error;
    cr_assert(replay(name, diag_sink_message, &sink, &error) >= 0);
    cr_assert_eq(diag_sink_flush(&sink), 0);
    cr_assert_eq(error, 0);
    cr_assert_eq(sink.n_malformed, 0);
}

Test(recorded, listeners) {
    static const char *const expected[] = {
        "mptcp 0.0.0.0:3003",
        "tcp 0.0.0.0%lo:3002",
        "tcp 127.0.0.1:3001",
        "tcp 0.0.0.0:3000",
        "tcp [::]:3004",
        "tcp [::]:3005",
        "tcp [::ffff:127.0.0.1]:3006",
        "udp 0.0.0.0:3007",
    };
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    _cleanup_(idmap_done) IdMap inodes = {};
    char text[ENDPOINT_SIZE], line[ENDPOINT_SIZE + 10];

    replay_diag(snapshot, &inodes, PROTO_MPTCP, "mptcp-inet");
    replay_diag(snapshot, &inodes, PROTO_TCP, "tcp-inet");
    replay_diag(snapshot, &inodes, PROTO_TCP, "tcp-inet6");
    replay_diag(snapshot, &inodes, PROTO_UDP, "udp-inet");

    cr_assert_eq(snapshot->n_listeners, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const Endpoint *endpoint = &snapshot->listeners[i].endpoint;
        bool found = false;
        endpoint_format(endpoint, endpoint->ifindex ? "lo" : NULL, text);
        snprintf(line, sizeof(line), "%s %s", proto_name(endpoint->proto), text);
        for (size_t j = 0; j < snapshot->n_listeners; j++)
            found = found || strcmp(line, expected[j]) == 0;
        cr_expect(found, "%s", line);
        cr_expect_eq(endpoint->v6only, endpoint->port == 3005);
        cr_expect_neq(snapshot->listeners[i].cookie, 0);
        cr_expect_eq(snapshot->listeners[i].cgroup_id, 1);
    }
}

Test(recorded, fact_02_sctp_that_the_kernel_lacks) {
    DiagSink sink = {.proto = PROTO_SCTP};
    int error;
    cr_assert_eq(replay("sctp-absent", diag_sink_message, &sink, &error), 1);
    cr_assert_eq(error, -ENOENT);
}

Test(recorded, links) {
    _cleanup_(link_builder_done) LinkBuilder builder = {};
    static const struct {
        const char *name;
        LinkKind kind;
        bool default_route;
    } expected[] = {
        {"lo", LINK_LOOPBACK, false}, {"zoo0", LINK_VETH, true}, {"zoo1", LINK_VETH, false},
        {"br0", LINK_BRIDGE, false},  {"tap0", LINK_TAP, false}, {"tun0", LINK_TUN, false},
    };
    LinkTable *table;
    int error;

    replay("links", link_parse, &builder, &error);
    replay("addresses", address_parse_message, &builder, &error);
    replay("routes", route_parse, &builder, &error);
    cr_assert_eq(builder.n_malformed, 0);
    cr_assert_eq(link_builder_finish(&builder, &table), 0);
    cr_assert_eq(table->n_links, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < table->n_links; i++) {
        const Link *link = link_table_find_name(table, expected[i].name);
        cr_assert_not_null(link, "%s", expected[i].name);
        cr_expect_str_eq(link_kind_name(link->kind), link_kind_name(expected[i].kind));
        cr_expect_eq(link->default_route, expected[i].default_route, "%s", link->name);
    }
    cr_expect_eq(link_table_find_name(table, "zoo1")->master,
                 link_table_find_name(table, "br0")->index);
    cr_expect(table->n_addresses >= 5);
    link_table_free(table);
}
