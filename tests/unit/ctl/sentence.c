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
                   "node (pid 4242, user alice) listens on 192.168.1.20:3000, reachable at eth0 "
                   "192.168.1.20");
    snapshot_free(snapshot);
}

Test(sentence, names_the_widest_ways_of_a_wildcard_first_and_no_loopback) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_UDP, "::", 53, 0);
    fixture_hold(listener, 1, "systemd", "/sbin/init");
    fixture_hold(listener, 77, "dns", "/usr/bin/dns");
    check_sentence(
        snapshot, listener,
        "dns (pid 77, user root) and 1 more process listen on udp [::]:53, reachable at eth0 "
        "192.168.1.20, eth0 fd00::20, docker0 172.17.0.1 and 1 more address");
    snapshot_free(snapshot);
}

Test(sentence, tells_a_socket_of_another_user_than_its_process) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 80, 0);
    fixture_hold(listener, 1, "systemd", "/sbin/init");
    fixture_hold(listener, 77, "web", "/usr/bin/web")->uid = 1000;
    check_sentence(snapshot, listener,
                   "web (pid 77, socket of root) and 1 more process listen on 127.0.0.1:80, "
                   "reachable from this machine only");
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
    check_sentence(
        snapshot, listener,
        "a)\\n\\x1b[2J\\xff (pid 9, user root) listens on 127.0.0.1:80, reachable from this "
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
                   "docker-proxy (pid 12, user root, docker container 0123456789ab) listens on "
                   "0.0.0.0%docker0:3000, reachable at docker0 172.17.0.1");
    free(listener->owner->container_id);
    listener->owner->container_id = NULL;
    check_sentence(
        snapshot, listener,
        "docker-proxy (pid 12, user root, docker container) listens on 0.0.0.0%docker0:3000, "
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
    check_sentence(
        snapshot, listener,
        "web (pid 12, user root) listens on 203.0.113.7:80, which no interface answers on "
        "now");
    snapshot_free(snapshot);
}

/* The sentence of one process on loopback begins like this. */
static void check_subject(Snapshot *snapshot, const Listener *listener, const char *wanted) {
    char *sentence = listener_sentence(listener, snapshot->links, fixture_user(listener->uid));
    cr_expect(strncmp(sentence, wanted, strlen(wanted)) == 0, "%s", sentence);
    free(sentence);
}

static void set_words(Holder *holder, const char *first, const char *second) {
    holder->cmdline = calloc(3, sizeof(char *));
    holder->cmdline[0] = strdup(first);
    holder->cmdline[1] = second ? strdup(second) : NULL;
}

static void set_cwd(Holder *holder, const char *cwd) {
    free(holder->cwd);
    holder->cwd = strdup(cwd);
}

Test(sentence, names_the_tool_and_the_project) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 5173, 1000);
    Holder *holder = fixture_hold(listener, 4242, "node", "/usr/bin/node");
    set_words(holder, "node", "/home/alice/src/shop/server.js");
    set_cwd(holder, "/home/alice/src/shop");
    check_subject(snapshot, listener, "node server.js (pid 4242, user alice, ~/src/shop) listens");
    listener->tool = strdup("Vite");
    check_subject(snapshot, listener, "Vite (node, pid 4242, user alice, ~/src/shop) listens");
    strcpy(listener->tool, "Node");
    check_subject(snapshot, listener, "node server.js (pid 4242, user alice, ~/src/shop) listens");
    set_cwd(holder, "/home/alice2/x");
    check_subject(snapshot, listener, "node server.js (pid 4242, user alice, /home/alice2/x)");
    set_cwd(holder, "/home/alice");
    check_subject(snapshot, listener, "node server.js (pid 4242, user alice, ~)");
    set_cwd(holder, "/");
    check_subject(snapshot, listener, "node server.js (pid 4242, user alice) listens");
    set_cwd(holder, "/tmp/\033[2J");
    check_subject(snapshot, listener, "node server.js (pid 4242, user alice, /tmp/\\x1b[2J)");
    set_cwd(holder, "/tmp/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/"
                    "1234567890/1234567890/app");
    check_subject(snapshot, listener, "node server.js (pid 4242, user alice, …/app)");
    listener->uid = 0;
    set_cwd(holder, "/root/x");
    check_subject(snapshot, listener, "node server.js (pid 4242, socket of root, /root/x)");
    holder->uid = 0;
    check_subject(snapshot, listener, "node server.js (pid 4242, user root, ~/x)");
    free(holder->comm);
    holder->comm = strdup("MainThread");
    check_subject(snapshot, listener, "node server.js (pid 4242");
    free(holder->comm);
    holder->comm = strdup("next-server (v1");
    free(holder->cmdline[0]);
    free(holder->cmdline[1]);
    holder->cmdline[0] = strdup("next-server (v15.0.1)");
    holder->cmdline[1] = NULL;
    strcpy(listener->tool, "Nxt");
    check_subject(snapshot, listener, "Nxt (next-server, pid 4242, user root, ~/x)");
    free(holder->comm);
    holder->comm = strdup("gunicorn: maste");
    check_subject(snapshot, listener, "Nxt (gunicorn, pid 4242, user root, ~/x)");
    listener->owner->runtime = RUNTIME_DOCKER;
    check_subject(snapshot, listener, "Nxt (gunicorn, pid 4242, user root, docker container)");
    snapshot_free(snapshot);
}

Test(sentence, names_the_unit_where_the_process_says_nothing) {
    static const struct {
        const char *comm, *unit, *user_unit, *wanted;
    } cases[] = {
        {"systemd", "cups.socket", NULL, "systemd for cups.socket (pid 12, user root) listens"},
        {"(sd-listen)", "a.service", NULL, "(sd-listen) for a.service (pid 12, user root) listens"},
        {"master", "postfix@-.service", NULL,
         "master for postfix@-.service (pid 12, user root) listens"},
        {"nginx", "nginx.service", NULL, "nginx (pid 12, user root) listens"},
        {"systemd", "user@0.service", "x.socket", "systemd for x.socket (pid 12, user root, ~/y)"},
        {"master", "session-2.scope", NULL, "master (pid 12, user root, ~/y)"},
        {"master", "user@0.service", "app-x.scope", "master (pid 12, user root, ~/y)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Snapshot *snapshot = fixture_snapshot();
        Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 80, 0);
        set_cwd(fixture_hold(listener, 12, cases[i].comm, "/usr/bin/x"), "/root/y");
        listener->owner->unit = strdup(cases[i].unit);
        listener->owner->user_unit = cases[i].user_unit ? strdup(cases[i].user_unit) : NULL;
        check_subject(snapshot, listener, cases[i].wanted);
        snapshot_free(snapshot);
    }
}

Test(sentence, an_unknown_user_has_no_number) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 80, UINT32_MAX);
    check_subject(snapshot, listener, "an unknown process (an unknown user) listens");
    snapshot_free(snapshot);
}
