/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/sockdiag/protocols.h"

#include <criterion/criterion.h>
#include <string.h>

#include "collect/netns.h"

static Protocols parsed(const char *text) {
    Protocols protocols;
    protocols_parse(text, strlen(text), &protocols);
    return protocols;
}

Test(protocols, presence_and_use) {
    Protocols protocols = parsed(
        "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss\n"
        "MPTCPv6   2064      0     120   no       0   yes  kernel      y  y  y  n  y  y  y  y  y\n"
        "UDPLITEv6 1472      3       0   NI       0   yes  kernel      y  y  y  n  y  y  y  n  y\n"
        "MPTCP     1936      0     120   no       0   yes  kernel      y  y  y  n  y  y  y  y  y\n"
        "UDP       1344      0       0   NI       0   yes  kernel      y  y  y  n  y  y  y  n  y\n"
        "TCP       2304      1     120   no     192   yes  kernel      y  y  y  y  y  y  y  y  "
        "y\n");
    cr_assert(protocols.known);
    cr_assert(protocols.present[PROTO_TCP] && protocols.in_use[PROTO_TCP]);
    cr_assert(protocols.present[PROTO_MPTCP] && !protocols.in_use[PROTO_MPTCP]);
    cr_assert(protocols.present[PROTO_UDPLITE] && protocols.in_use[PROTO_UDPLITE]);
    cr_assert(protocols.present[PROTO_UDP] && !protocols.in_use[PROTO_UDP]);
    cr_assert_not(protocols.present[PROTO_SCTP]);
}

Test(protocols, one_of_a_pair_in_use_is_enough) {
    cr_assert(parsed("TCP 1 1\nMPTCPv6 1 2\nMPTCP 1 0").in_use[PROTO_MPTCP]);
    cr_assert(parsed("TCP 1 1\nMPTCPv6 1 0\nMPTCP 1 2").in_use[PROTO_MPTCP]);
}

Test(protocols, what_makes_no_sense_hides_nothing) {
    cr_assert_not(parsed("").known);
    cr_assert_not(parsed("\n\n  \nroot:x:0:0").known);
    cr_assert(parsed("TCP").in_use[PROTO_TCP]);
    cr_assert(parsed("TCP 1 -1\nMPTCP 9 x").in_use[PROTO_MPTCP]);
    cr_assert_not(parsed("TCP 1 1\nSCTPx 1 1\nSCT 1 1").present[PROTO_SCTP]);
}

static bool mptcp_in_use(const char *release, const char *text) {
    Protocols protocols = parsed(text);
    protocols_correct(release, &protocols);
    return protocols.in_use[PROTO_MPTCP];
}

Test(protocols, fact_05_a_count_of_mptcp_is_trusted_from_6_3) {
    const char *unused = "TCP 1 1\nMPTCP 1 0";
    cr_assert(mptcp_in_use("6.1.0-57-cloud-amd64", unused));
    cr_assert(mptcp_in_use("5.15.0", unused));
    cr_assert(mptcp_in_use("", unused));
    cr_assert(mptcp_in_use("Linux", unused));
    cr_assert_not(mptcp_in_use("6.3.0", unused));
    cr_assert_not(mptcp_in_use("6.12.118+deb13-amd64", unused));
    cr_assert_not(mptcp_in_use("10.0", unused));
    cr_assert(mptcp_in_use("6.12.0", "TCP 1 1\nMPTCP 1 1"));
    cr_assert_not(mptcp_in_use("6.1.0", "TCP 1 1"));
}

static bool is_kernel_thread(const char *text) {
    return netns_stat_is_kernel_thread(text, strlen(text));
}

Test(netns, a_kernel_thread_is_told_by_its_flags) {
    cr_assert(is_kernel_thread("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0"));
    cr_assert_not(is_kernel_thread("2 (kthreadd) S 0 0 0 0 -1 4194560 0 0 0"));
    cr_assert_not(is_kernel_thread("2 (a) S 0 0 0 0 -1 2129984 ) S 0 0 0 0 -1 4194560 0"));
    cr_assert_not(is_kernel_thread("2 (kthreadd) S 0 0 0 0 -1 2129984"));
    cr_assert_not(is_kernel_thread("2 (kthreadd)"));
    cr_assert_not(is_kernel_thread(""));
}
