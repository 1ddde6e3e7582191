/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KERNEL.md 27: ports that NAT rules forward with no socket at all. */
#include "collect/forwards/forward.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

static ForwardTable table;
static Snapshot *snapshot;

static void setup(void) {
    snapshot = snapshot_new();
    cr_assert_eq(forward_table_add_hook(&table, "pre"), 0);
}

static void teardown(void) {
    forward_table_done(&table);
    snapshot_free(snapshot);
}

TestSuite(forward, .init = setup, .fini = teardown);

static PacketMatch ports(uint16_t first, uint16_t last) {
    PacketMatch match = packet_match_any();
    match.ipv6 = false;
    packet_match_protos(&match, 1u << PROTO_TCP);
    cr_assert_eq(packet_match_ports(&match, &(PortRange){first, last}, 1), 0);
    return match;
}

static void add_to(const char *chain, PacketMatch match) {
    ForwardRule rule = {
        .chain = strdup(chain),
        .match = match,
        .to = {AF_INET, {172, 17, 0, 2}},
        .to_port = 80,
    };
    cr_assert_eq(forward_table_add(&table, &rule), 0);
}

static void add_jump(const char *chain, const char *to, PacketMatch match) {
    ForwardRule rule = {
        .chain = strdup(chain), .jump = strdup(to), .action = FORWARD_JUMP, .match = match};
    cr_assert_eq(forward_table_add(&table, &rule), 0);
}

static void add_socket(const char *address, uint16_t port, bool v6only) {
    Listener listener = {.endpoint = {.proto = PROTO_TCP, .port = port, .v6only = v6only},
                         .cookie = port};
    cr_assert_eq(address_parse(address, &listener.endpoint.address), 0);
    cr_assert_eq(snapshot_add(snapshot, &listener), 1);
}

static size_t count_forwards(void) {
    cr_assert_eq(forward_table_resolve(&table, snapshot), 0);
    size_t count = 0;
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        count += snapshot->listeners[i].origin == ORIGIN_FORWARD;
    return count;
}

Test(forward, a_rule_is_a_listener_without_socket) {
    add_to("pre", ports(3000, 3000));
    cr_assert_eq(count_forwards(), 1);
    const Listener *listener = &snapshot->listeners[0];
    cr_assert_eq(listener->endpoint.port, 3000);
    cr_assert_eq(listener->forward_port, 80);
    cr_assert_eq(listener->n_sockets, 0);
    cr_assert_eq(snapshot->n_sockets, 0);
    cr_assert(address_is_wildcard(&listener->endpoint.address));
    cr_assert_eq(snapshot->forwards_coverage.state, COVERAGE_FULL);
}

/* A source address decides, perhaps, which of the rules a packet meets. */
Test(forward, several_targets_are_none_that_is_known) {
    add_to("pre", ports(3000, 3001));
    add_to("pre", ports(3000, 3000));
    cr_assert_eq(count_forwards(), 2);
    cr_assert_eq(snapshot->listeners[0].forward_to.family, AF_INET);
    table.rules[1].to.bytes[3]++;
    snapshot_clear(snapshot);
    cr_assert_eq(count_forwards(), 2);
    cr_assert_eq(snapshot->listeners[0].forward_to.family, 0);
    cr_assert_eq(snapshot->listeners[0].forward_port, 0);
    cr_assert_eq(snapshot->listeners[1].forward_to.family, AF_INET);
}

Test(forward, only_what_prerouting_leads_to) {
    add_to("elsewhere", ports(3000, 3000));
    add_jump("pre", "docker", packet_match_any());
    add_to("docker", ports(4000, 4001));
    cr_assert_eq(count_forwards(), 2);
}

Test(forward, a_jump_narrows_what_follows) {
    add_jump("pre", "docker", ports(4000, 4005));
    add_to("docker", ports(4003, 4010));
    cr_assert_eq(count_forwards(), 3);
}

Test(forward, the_socket_that_listens_is_shown_in_its_place) {
    add_socket("0.0.0.0", 3000, false);
    add_socket("::", 3001, false);
    add_socket("::", 3002, true);
    add_socket("127.0.0.1", 3003, false);
    add_to("pre", ports(3000, 3003));
    /* 3002 takes no IPv4, and 3003 is another address. */
    cr_assert_eq(count_forwards(), 2);
}

Test(forward, a_destination_is_the_address) {
    PacketMatch match = ports(3000, 3000);
    match.destination = (Prefix){.address = {AF_INET, {127, 0, 0, 1}}, .length = 32};
    add_to("pre", match);
    cr_assert_eq(count_forwards(), 1);
    cr_assert(address_is_loopback(&snapshot->listeners[0].endpoint.address));
}

Test(forward, what_has_no_port_is_told_as_not_read) {
    add_to("pre", packet_match_any());
    cr_assert_eq(count_forwards(), 0);
    cr_assert_eq(snapshot->forwards_coverage.state, COVERAGE_INCOMPLETE);
    cr_assert_not(snapshot_is_complete(snapshot));
}

Test(forward, loops_and_floods_end) {
    add_jump("pre", "pre", packet_match_any());
    add_to("pre", ports(1, UINT16_MAX));
    cr_assert_eq(count_forwards(), FORWARDS_MAX);
    cr_assert_eq(snapshot->forwards_coverage.state, COVERAGE_INCOMPLETE);
}

Test(forward, too_many_ranges_are_told_as_not_read) {
    PacketMatch odd = packet_match_any();
    PortRange ranges[PORT_RANGES_MAX];
    for (size_t i = 0; i < ELEMENTS(ranges); i++)
        ranges[i] = (PortRange){(uint16_t)(i * 4), (uint16_t)(i * 4 + 2)};
    cr_assert_eq(packet_match_ports(&odd, ranges, ELEMENTS(ranges)), 0);
    for (size_t i = 0; i < ELEMENTS(ranges); i++)
        ranges[i] = (PortRange){(uint16_t)(i * 4 + 1), (uint16_t)(i * 4 + 5)};
    cr_assert_eq(packet_match_ports(&odd, ranges, ELEMENTS(ranges)), -E2BIG);
}
