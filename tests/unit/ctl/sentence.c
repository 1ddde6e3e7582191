/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/sentence.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

/* The sentence of a listener, checked against the wanted one. */
static void check_sentence(const Snapshot *snapshot, const Listener *listener, const char *wanted) {
    char *sentence = listener_sentence(listener, snapshot->links, fixture_user(listener->uid));
    cr_assert_str_eq(sentence, wanted);
    free(sentence);
}

Test(sentence, tells_who_where_and_from_where) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "192.168.1.20", 3000, 1000);
    fixture_hold(listener, 4242, "node", "/usr/bin/node");
    check_sentence(snapshot, listener,
                   "node (pid 4242, alice) listens on 192.168.1.20:3000, reachable at eth0 "
                   "192.168.1.20");
    snapshot_free(snapshot);
}

Test(sentence, names_the_widest_ways_of_a_wildcard_first_and_no_loopback) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_UDP, "::", 53, 0);
    fixture_hold(listener, 1, "systemd", "/sbin/init");
    fixture_hold(listener, 77, "dns", "/usr/bin/dns");
    check_sentence(snapshot, listener,
                   "dns (pid 77, root) and 1 more listens on udp [::]:53, reachable at eth0 "
                   "192.168.1.20, eth0 fd00::20, docker0 172.17.0.1 and 1 more");
    snapshot_free(snapshot);
}

Test(sentence, tells_a_socket_of_another_user_than_its_process) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 80, 0);
    fixture_hold(listener, 1, "systemd", "/sbin/init");
    fixture_hold(listener, 77, "web", "/usr/bin/web")->uid = 1000;
    check_sentence(snapshot, listener,
                   "web (pid 77, socket of root) and 1 more listens on 127.0.0.1:80, reachable "
                   "from this machine only");
    snapshot_free(snapshot);
}

Test(sentence, says_what_is_not_known) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 80, 4711);
    check_sentence(snapshot, listener,
                   "an unknown process (uid 4711) listens on 127.0.0.1:80, reachable from "
                   "this machine only");
    listener->owner = owner_new();
    listener->owner->unheld = true;
    check_sentence(snapshot, listener,
                   "a socket that no process holds (uid 4711) listens on 127.0.0.1:80, reachable "
                   "from this machine only");
    listener->owner->unit = strdup("web.service");
    check_sentence(snapshot, listener,
                   "web.service (uid 4711) listens on 127.0.0.1:80, reachable from this machine "
                   "only");
    snapshot_free(snapshot);
}

Test(sentence, escapes_what_a_process_chose) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 80, 0);
    fixture_hold(listener, 9, "a)\n\033[2J\xff", NULL);
    check_sentence(snapshot, listener,
                   "a)\\n\\x1b[2J\\xff (pid 9, root) listens on 127.0.0.1:80, reachable from this "
                   "machine only");
    snapshot_free(snapshot);
}

Test(sentence, names_the_container_and_the_device) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "0.0.0.0", 3000, 0);
    listener->endpoint.ifindex = 3;
    fixture_hold(listener, 12, "docker-proxy", NULL);
    listener->owner->runtime = RUNTIME_DOCKER;
    listener->owner->container_id = strdup("0123456789abcdef0123");
    check_sentence(snapshot, listener,
                   "docker-proxy (pid 12, root, docker container 0123456789ab) listens on "
                   "0.0.0.0%docker0:3000, reachable at docker0 172.17.0.1");
    free(listener->owner->container_id);
    listener->owner->container_id = NULL;
    check_sentence(snapshot, listener,
                   "docker-proxy (pid 12, root, docker container) listens on 0.0.0.0%docker0:3000, "
                   "reachable at docker0 172.17.0.1");
    snapshot_free(snapshot);
}

Test(sentence, a_forward_is_the_kernels) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "192.168.1.20", 8080, 0);
    listener->origin = ORIGIN_FORWARD;
    listener->forward_port = 80;
    cr_assert_eq(address_parse("172.17.0.2", &listener->forward_to), 0);
    check_sentence(snapshot, listener,
                   "the kernel forwards 192.168.1.20:8080 to 172.17.0.2:80, reachable at eth0 "
                   "192.168.1.20");
    snapshot_free(snapshot);
}

Test(sentence, an_address_of_nobody_is_told) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "203.0.113.7", 80, 0);
    fixture_hold(listener, 12, "web", NULL);
    check_sentence(snapshot, listener,
                   "web (pid 12, root) listens on 203.0.113.7:80, which no interface answers on "
                   "now");
    snapshot_free(snapshot);
}
