/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs/hypothesis.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static void check_endpoint(const LinkTable *links, const char *text, const char *wanted) {
    Endpoint endpoint = {.proto = PROTO_UDP};
    char again[ENDPOINT_SIZE];
    cr_assert_eq(endpoint_parse(text, links, &endpoint), 0, "%s", text);
    const Link *device = link_table_find(links, endpoint.ifindex);
    endpoint_format(&endpoint, device ? device->name : NULL, again);
    cr_assert_str_eq(again, wanted);
    cr_assert_eq(endpoint.proto, PROTO_UDP);
}

Test(hypothesis, endpoints) {
    Snapshot *snapshot = fixture_snapshot();
    check_endpoint(snapshot->links, "0.0.0.0:3000", "0.0.0.0:3000");
    check_endpoint(snapshot->links, "[::]:53", "[::]:53");
    check_endpoint(snapshot->links, "127.0.0.53%lo:53", "127.0.0.53%lo:53");
    check_endpoint(snapshot->links, "[fe80::1%eth0]:22", "[fe80::1%eth0]:22");
    check_endpoint(snapshot->links, "*:0", "[::]:0");
    snapshot_free(snapshot);
}

Test(hypothesis, wrong_endpoints) {
    static const struct {
        const char *text;
        int error;
    } wrong[] = {
        {"", -EINVAL},
        {":80", -EINVAL},
        {"0.0.0.0", -EINVAL},
        {"0.0.0.0:", -EINVAL},
        {"0.0.0.0:x", -EINVAL},
        {"0.0.0.0:65536", -ERANGE},
        {":::80", -EINVAL},
        {"[0.0.0.0]:80", -EINVAL},
        {"[::80", -EINVAL},
        {"[]:80", -EINVAL},
        {"0.0.0.0%nix:80", -ENODEV},
        {"0.0.0.0:80 ", -EINVAL},
        {"0.0.0.0%:80", -ENODEV},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaa:1",
         -EINVAL},
    };
    Snapshot *snapshot = fixture_snapshot();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        Endpoint endpoint = {};
        cr_assert_eq(endpoint_parse(wrong[i].text, snapshot->links, &endpoint), wrong[i].error,
                     "%s", wrong[i].text);
    }
    snapshot_free(snapshot);
}

#define PARSE(hypothesis, ...)                                                                     \
    ({                                                                                             \
        const char *words[] = {__VA_ARGS__};                                                       \
        hypothesis_parse((char *const *)words, sizeof(words) / sizeof(words[0]), snapshot->links,  \
                         FIXTURE_NOW, (hypothesis));                                               \
    })

Test(hypothesis, keys_make_a_listener) {
    Snapshot *snapshot = fixture_snapshot();
    Hypothesis hypothesis;
    cr_assert_eq(PARSE(&hypothesis, "tcp", "0.0.0.0:3000", "user", "4711", "exe", "/usr/bin/node",
                       "unit", "a.service", "user-unit", "b.service", "container", "podman:web",
                       "netns", "other", "origin", "forward", "age", "5m", "group", "5"),
                 STATUS_DONE);
    const Listener *listener = &hypothesis.listener;
    const Owner *owner = listener->owner;
    cr_assert_eq(listener->uid, 4711);
    cr_assert_eq(listener->scope, SCOPE_WILDCARD);
    cr_assert_eq(listener->origin, ORIGIN_FORWARD);
    cr_assert_str_eq(owner->holders[0].exe, "/usr/bin/node");
    cr_assert_eq(owner->holders[0].exe_state, EXE_ASSUMED);
    cr_assert(owner->complete);
    cr_assert_str_eq(owner->unit, "a.service");
    cr_assert_str_eq(owner->user_unit, "b.service");
    cr_assert_eq(owner->runtime, RUNTIME_PODMAN);
    cr_assert_str_eq(owner->container_name, "web");
    cr_assert_eq(owner->created, FIXTURE_NOW - 5 * USEC_PER_MINUTE);
    cr_assert_not(hypothesis.netns.host);
    cr_assert(hypothesis.group_given);
    cr_assert_eq(hypothesis.group, 5);
    hypothesis_done(&hypothesis);

    cr_assert_eq(PARSE(&hypothesis, "udp", "[::]:53", "interface", "docker0"), STATUS_DONE);
    cr_assert_eq(hypothesis.listener.scope, SCOPE_VIRTUAL);
    cr_assert_eq(hypothesis.listener.uid, getuid());
    hypothesis_done(&hypothesis);

    cr_assert_eq(PARSE(&hypothesis, "udp", "[::]:53", "scope", "vpn"), STATUS_DONE);
    cr_assert_eq(hypothesis.listener.scope, SCOPE_VPN);
    hypothesis_done(&hypothesis);
    snapshot_free(snapshot);
}

Test(hypothesis, wrong_words_are_usage_errors) {
    Snapshot *snapshot = fixture_snapshot();
    Hypothesis hypothesis;
#define CHECK_WRONG(...)                                                                           \
    do {                                                                                           \
        cr_assert_eq(PARSE(&hypothesis, __VA_ARGS__), STATUS_USAGE);                               \
        hypothesis_done(&hypothesis);                                                              \
    } while (0)
    CHECK_WRONG("tpc", "0.0.0.0:1");
    CHECK_WRONG("tcp");
    CHECK_WRONG("tcp", "0.0.0.0:1", "user");
    CHECK_WRONG("tcp", "0.0.0.0:1", "usr", "alice");
    CHECK_WRONG("tcp", "0.0.0.0:1", "user", "no such user");
    CHECK_WRONG("tcp", "0.0.0.0:1", "exe", "node");
    CHECK_WRONG("tcp", "0.0.0.0:1", "exe", "/a", "exe", "/b");
    CHECK_WRONG("tcp", "0.0.0.0:1", "age", "x");
    CHECK_WRONG("tcp", "0.0.0.0:1", "scope", "lan");
    CHECK_WRONG("tcp", "0.0.0.0:1", "netns", "mine");
    CHECK_WRONG("tcp", "0.0.0.0:1", "origin", "mine");
    CHECK_WRONG("tcp", "0.0.0.0:1", "interface", "eth9");
    CHECK_WRONG("tcp", "0.0.0.0:1", "group", "no such group");
    snapshot_free(snapshot);
}
