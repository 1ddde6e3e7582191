/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/snapshot.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

static Listener found(const char *address, uint16_t port, uint64_t cookie) {
    Listener made = {
        .endpoint = {.proto = PROTO_TCP, .port = port},
        .uid = 1000,
        .inode = (uint32_t)cookie + 100,
        .cookie = cookie,
        .cgroup_id = 5,
    };
    cr_assert_eq(address_parse(address, &made.endpoint.address), 0);
    return made;
}

Test(snapshot, sockets_that_share_endpoint_user_and_cgroup_are_one_listener) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Listener first = found("0.0.0.0", 5353, 1), next = found("0.0.0.0", 5353, 2);

    cr_assert_eq(snapshot_add(snapshot, &first), 1);
    cr_assert_eq(snapshot_add(snapshot, &next), 0);
    next.cookie = 3;
    next.uid = 0;
    cr_assert_eq(snapshot_add(snapshot, &next), 1);
    next.cookie = 4;
    next.uid = 1000;
    next.cgroup_id = 6;
    cr_assert_eq(snapshot_add(snapshot, &next), 1);
    next.cookie = 5;
    next.cgroup_id = 5;
    next.endpoint.proto = PROTO_UDP;
    cr_assert_eq(snapshot_add(snapshot, &next), 1);
    cr_assert_eq(snapshot->n_listeners, 4);
    cr_assert_eq(snapshot->n_sockets, 5);
    cr_assert_eq(snapshot->listeners[0].n_sockets, 2);
    cr_assert_eq(snapshot->sockets[1].listener, 0);
    cr_assert_eq(snapshot->sockets[1].inode, 102);
    cr_assert_eq(snapshot->sockets[2].listener, 1);
    cr_assert_eq(snapshot->listeners[0].inode, 101);
}

Test(snapshot, fact_03_a_cookie_counts_once_but_0_is_none) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Listener it = found("0.0.0.0", 80, 7);

    cr_assert_eq(snapshot_add(snapshot, &it), 1);
    cr_assert_eq(snapshot_add(snapshot, &it), 0);
    cr_assert_eq(snapshot->n_sockets, 1);
    it.cookie = 0;
    cr_assert_eq(snapshot_add(snapshot, &it), 0);
    cr_assert_eq(snapshot_add(snapshot, &it), 0);
    cr_assert_eq(snapshot->n_sockets, 3);
    cr_assert_eq(snapshot->listeners[0].n_sockets, 3);
}

Test(snapshot, many_and_again_after_a_clear) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();

    for (int round = 0; round < 3; round++) {
        snapshot_clear(snapshot);
        for (uint32_t i = 0; i < 20000; i++) {
            Listener it = found("127.0.0.1", (uint16_t)(i % 10000 + 1), i + 1);
            it.endpoint.address.bytes[3] = (uint8_t)(i / 10000 + 1);
            snapshot_prefetch(snapshot, &it);
            cr_assert_eq(snapshot_add(snapshot, &it), 1);
        }
        cr_assert_eq(snapshot->n_listeners, 20000);
        cr_assert_eq(snapshot->n_sockets, 20000);
        for (uint32_t i = 0; i < 20000; i++)
            cr_assert_eq(snapshot->sockets[i].listener, i);
    }
}

Test(snapshot, what_found_brings_besides_is_ignored) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Listener it = found("0.0.0.0", 80, 7);
    it.n_sockets = 9;
    it.owner = (Owner *)1;
    it.advice = (char *)1;
    snapshot_add(snapshot, &it);
    cr_assert_eq(snapshot->listeners[0].n_sockets, 1);
    cr_assert_null(snapshot->listeners[0].owner);
    cr_assert_null(snapshot->listeners[0].advice);
}

Test(snapshot, clearing_lets_go_what_the_listeners_own) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Listener it = found("0.0.0.0", 80, 7);
    snapshot_add(snapshot, &it);
    snapshot->listeners[0].owner = owner_new();
    snapshot->listeners[0].advice = strdup("bind to 127.0.0.1");
    coverage_set(&snapshot->coverage[PROTO_TCP], COVERAGE_INCOMPLETE, "x");
    snapshot_clear(snapshot);
    cr_assert_eq(snapshot->n_listeners, 0);
    cr_assert_eq(snapshot->coverage[PROTO_TCP].state, COVERAGE_FULL);
    cr_assert_null(snapshot_free(NULL));
}

Test(snapshot, complete_is_what_could_be_looked_at) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Coverage *sctp = &snapshot->coverage[PROTO_SCTP];

    cr_assert(snapshot_is_complete(snapshot));
    coverage_set(sctp, COVERAGE_UNAVAILABLE, "the kernel has it and cannot list it");
    cr_assert_not(snapshot_is_complete(snapshot));
    sctp->absent = true;
    cr_assert(snapshot_is_complete(snapshot));
    coverage_set(sctp, COVERAGE_INCOMPLETE, "interrupted");
    cr_assert_not(snapshot_is_complete(snapshot));
    coverage_set(sctp, COVERAGE_FULL, "%s", "");
    coverage_set(&snapshot->links_coverage, COVERAGE_INCOMPLETE, "interrupted");
    cr_assert_not(snapshot_is_complete(snapshot));
}

Test(snapshot, coverage_as_text) {
    Coverage coverage = {};
    char text[COVERAGE_SIZE], large[300];

    coverage_format(&coverage, text);
    cr_assert_str_eq(text, "full");
    coverage_set(&coverage, COVERAGE_UNAVAILABLE, "no %s", "sctp");
    coverage_format(&coverage, text);
    cr_assert_str_eq(text, "unavailable: no sctp");
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    coverage_set(&coverage, COVERAGE_INCOMPLETE, "%s", large);
    coverage_format(&coverage, text);
    cr_assert_eq(strncmp(text, "incomplete: xxx", 15), 0);
    cr_assert_eq(strlen(coverage.why), sizeof(coverage.why) - 1);
}

Test(snapshot, fact_04_an_id_is_of_cookie_and_namespace) {
    Listener it = found("0.0.0.0", 80, UINT64_C(0xabc)), forward = it, other = it;
    Netns host = {.inode = 1, .host = true}, guest = {.inode = 4026532177, .host = false};
    char id[LISTENER_ID_SIZE], second[LISTENER_ID_SIZE];

    listener_id(&it, &host, id);
    cr_assert_str_eq(id, "sabc");
    listener_id(&it, &guest, id);
    cr_assert_str_eq(id, "sabc@4026532177");
    it.cookie = UINT64_MAX;
    guest.inode = UINT64_MAX;
    listener_id(&it, &guest, id);
    cr_assert_str_eq(id, "sffffffffffffffff@18446744073709551615");

    forward.origin = other.origin = ORIGIN_FORWARD;
    other.endpoint.port = 81;
    listener_id(&forward, &host, id);
    listener_id(&other, &host, second);
    cr_assert_eq(id[0], 'f');
    cr_assert_str_neq(id, second);
}
