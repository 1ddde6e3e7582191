/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sock_diag and rtnetlink tell unasked, and one endpoint asked for: KERNEL.md 20, 23, 24. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/collect.h"
#include "collect/events/destroy.h"
#include "collect/events/link_events.h"
#include "collect/netlink/group_socket.h"
#include "collect/sockdiag/lookup.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "world.h"

static void set_up(void) {
    world_enter();
}

TestSuite(destroy, .init = set_up, .timeout = 180);
TestSuite(links, .init = set_up, .timeout = 180);
TestSuite(lookup, .init = set_up, .timeout = 180);

/* --- UDP sockets that go -------------------------------------------------------------------------
 */

typedef struct Gone {
    size_t n;
    Destroyed last;
} Gone;

static void take_gone(const Destroyed *destroyed, void *data) {
    Gone *gone = data;
    gone->last = *destroyed;
    gone->n++;
}

/* What is told in `msec`. */
static Gone take_all_gone(int fd, int msec) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    Gone gone = {};
    while (poll(&ready, 1, msec) > 0)
        cr_assert_geq(destroy_read(fd, 16, take_gone, &gone), 0);
    return gone;
}

/* Sockets are freed after a grace period of RCU, and told then: waits for the first one. */
static Gone wait_gone(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, PATIENCE), 1);
    return take_all_gone(fd, 50);
}

Test(destroy, fact_23_tells_of_udp_sockets_that_go) {
    static const SocketWish wishes[] = {
        {.proto = PROTO_UDP, .address = "127.0.0.4", .port = 6001},
        {.proto = PROTO_UDP, .address = "::1", .port = 6002},
        {.proto = PROTO_UDP, .address = "0.0.0.0"},
    };
    int fd = destroy_open(NULL);
    cr_assert_geq(fd, 0);
    for (size_t i = 0; i < ELEMENTS(wishes); i++) {
        int udp = world_socket(&wishes[i]);
        Endpoint endpoint = world_endpoint(&wishes[i], udp);
        uint64_t cookie = world_cookie(udp);
        close(udp);
        Gone gone = wait_gone(fd);
        cr_assert_eq(gone.n, 1, "%zu for socket %zu", gone.n, i);
        cr_assert_eq(gone.last.cookie, cookie);
        cr_assert_eq(gone.last.endpoint.port, endpoint.port);
        cr_assert(address_equal(&gone.last.endpoint.address, &endpoint.address));
    }
    close(fd);
}

Test(destroy, fact_23_is_silent_about_clients_and_other_namespaces) {
    struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = destroy_open(NULL);
    int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&peer, sizeof(peer)), 0);
    close(client);

    pid_t child = fork();
    if (child == 0) {
        int r = unshare(CLONE_NEWNET);
        r = r < 0
                ? r
                : world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "0.0.0.0", .port = 9});
        _exit(r < 0);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, 500), 0, "it wakes for nothing");
    cr_assert_eq(take_all_gone(fd, 0).n, 0);
    close(fd);
}

Test(destroy, fact_24_does_not_join_the_groups_of_tcp) {
    int fd = destroy_open(NULL);
    uint32_t groups[8] = {};
    socklen_t length = sizeof(groups);
    cr_assert_eq(getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &length), 0);
    /* SKNLGRP_INET_UDP_DESTROY = 2, SKNLGRP_INET6_UDP_DESTROY = 4, from bit 0. */
    cr_assert_eq(groups[0], 1u << 1 | 1u << 3, "%x", groups[0]);
    close(world_socket(&(SocketWish){.address = "127.0.0.1", .port = 6010}));
    cr_assert_eq(take_all_gone(fd, 300).n, 0);
    close(fd);
}

Test(destroy, fact_23_what_was_lost_is_told) {
    int fd = destroy_open(NULL), small = 1;
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    Gone gone = {};
    int r = 0;
    /* Read too early it has not overrun: they are told when the kernel gets to it. */
    for (int64_t start = 0; r != -ENOBUFS && !world_waited(&start, PATIENCE);) {
        for (int i = 0; i < 200; i++)
            close(world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "0.0.0.0"}));
        usleep(300000);
        gone.n = 0;
        r = destroy_read(fd, 1000, take_gone, &gone);
    }
    cr_assert_eq(r, -ENOBUFS, "%d", r);
    cr_assert_lt(gone.n, 200);
    /* And it goes on. */
    take_all_gone(fd, 300);
    close(world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "127.0.0.1", .port = 6020}));
    while (gone.last.endpoint.port != 6020)
        gone = wait_gone(fd);
    close(fd);
}

/* --- links ---------------------------------------------------------------------------------------
 */

static void run(const char *const *argv) {
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    if (status != 0)
        world_skip("%s %s %s failed", argv[0], argv[1], argv[2]);
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

/* Takes all that came; whether any of it mattered. */
static bool changed(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    bool any = false;
    while (poll(&ready, 1, 100) > 0) {
        bool now = false;
        cr_assert_geq(link_events_read(fd, 64, &now), 0);
        any = any || now;
    }
    return any;
}

Test(links, tell_of_links_addresses_and_default_routes_alone) {
    int fd = link_events_open(NULL);
    cr_assert_geq(fd, 0);
    cr_assert_not(changed(fd));
    RUN("ip", "link", "add", "test0", "type", "veth", "peer", "name", "test1");
    cr_assert(changed(fd));
    RUN("ip", "link", "set", "test0", "up");
    RUN("ip", "link", "set", "test1", "up");
    for (int64_t start = 0; !world_waited(&start, 1500);) /* the carrier, and addresses with it */
        changed(fd);
    RUN("ip", "address", "add", "192.0.2.1/24", "dev", "test0");
    cr_assert(changed(fd));
    RUN("ip", "-6", "address", "add", "fd00:300::1/64", "dev", "test0", "nodad");
    cr_assert(changed(fd));
    bool quiet = false;
    for (int i = 0; i < 20 && !quiet; i++) { /* what comes late of the above may be heard here */
        RUN("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.2");
        quiet = !changed(fd);
        RUN("ip", "route", "del", "198.51.100.0/24");
        quiet = quiet && !changed(fd);
    }
    cr_assert(quiet, "a route to somewhere");
    RUN("ip", "route", "add", "default", "via", "192.0.2.2");
    cr_assert(changed(fd), "a default route");
    RUN("ip", "address", "del", "192.0.2.1/24", "dev", "test0");
    cr_assert(changed(fd));
    RUN("ip", "link", "del", "test0");
    cr_assert(changed(fd));
    close(fd);
}

Test(links, what_was_lost_counts_as_a_change) {
    int fd = link_events_open(NULL), small = 1;
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    RUN("ip", "link", "set", "lo", "down");
    RUN("ip", "link", "set", "lo", "up");
    RUN("ip", "link", "set", "lo", "down");
    cr_assert(changed(fd));
    close(fd);
}

/* --- one endpoint --------------------------------------------------------------------------------
 */

static const SocketWish lookup_wishes[] = {
    {.proto = PROTO_TCP, .address = "0.0.0.0", .port = 7001},
    {.proto = PROTO_TCP, .address = "127.0.0.5", .port = 7002},
    {.proto = PROTO_TCP, .address = "::", .port = 7003},
    {.proto = PROTO_TCP, .address = "::", .port = 7004, .v6only = true},
    {.proto = PROTO_TCP, .address = "::1", .port = 7005},
    {.proto = PROTO_TCP, .address = "::ffff:127.0.0.1", .port = 7006},
    {.proto = PROTO_TCP, .address = "::ffff:0.0.0.0", .port = 7007},
    {.proto = PROTO_TCP, .address = "0.0.0.0", .port = 7008, .device = "lo"},
    {.proto = PROTO_TCP, .address = "::", .port = 7009, .device = "lo"},
    {.proto = PROTO_MPTCP, .address = "0.0.0.0", .port = 7010},
    {.proto = PROTO_MPTCP, .address = "::", .port = 7011},
    {.proto = PROTO_UDP, .address = "0.0.0.0", .port = 7012},
    {.proto = PROTO_UDP, .address = "127.0.0.5", .port = 7013},
    {.proto = PROTO_UDP, .address = "::", .port = 7014},
    {.proto = PROTO_UDP, .address = "::1", .port = 7015},
    {.proto = PROTO_UDP, .address = "::ffff:127.0.0.1", .port = 7016},
    {.proto = PROTO_UDP, .address = "::ffff:0.0.0.0", .port = 7017},
    {.proto = PROTO_UDP, .address = "0.0.0.0", .port = 7018, .device = "lo"},
    {.proto = PROTO_UDP, .address = "224.0.0.251", .port = 7019},
    {.proto = PROTO_UDPLITE, .address = "0.0.0.0", .port = 7020},
};

static const Listener *find_cookie(const Snapshot *snapshot, uint64_t cookie) {
    uint32_t *index = idmap_find(&snapshot->by_cookie, cookie);
    return index ? &snapshot->listeners[snapshot->sockets[*index].listener] : NULL;
}

/* With nothing else on its port, alone and beside one that shares or hides it. */
static bool is_there(Lookup *lookup, const Endpoint *endpoint, uint64_t cookie) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();

    cr_assert_eq(lookup_port(lookup, endpoint->proto, endpoint->port, snapshot), 0);
    return find_cookie(snapshot, cookie);
}

/* An SCTP socket is closed a little later. */
static void await_gone(Lookup *lookup, const Endpoint *endpoint, uint64_t cookie) {
    for (int try = 0; is_there(lookup, endpoint, cookie); try++) {
        cr_assert_lt(try, 30000, "port %u is still there", endpoint->port);
        usleep(1000);
    }
}

Test(lookup, every_sort_of_socket_is_found_until_it_is_closed) {
    _cleanup_lookup_ Lookup *lookup = NULL;
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    cr_assert_eq(lookup_open(NULL, &lookup), 0);

    for (size_t i = 0; i < ELEMENTS(lookup_wishes); i++) {
        const SocketWish *wish = &lookup_wishes[i];
        int fd = world_socket(wish);
        if (fd < 0) {
            printf("# %s %s: not here: %s\n", proto_name(wish->proto), wish->address,
                   strerror(-fd));
            cr_assert_neq(fd, -EADDRNOTAVAIL);
            continue;
        }
        Endpoint endpoint = world_endpoint(wish, fd);
        uint64_t cookie = world_cookie(fd);

        snapshot_clear(snapshot);
        cr_assert_eq(lookup_port(lookup, wish->proto, endpoint.port, snapshot), 0, "wish %zu", i);
        const Listener *found = find_cookie(snapshot, cookie);
        cr_assert(found, "wish %zu is not the one that was found", i);
        cr_assert_eq(found->endpoint.proto, wish->proto, "wish %zu", i);
        if (address_is_wildcard(&endpoint.address)) /* the kernel sets it for others */
            cr_assert_eq(found->endpoint.v6only, wish->v6only, "wish %zu", i);
        cr_assert_eq(found->endpoint.ifindex, endpoint.ifindex, "wish %zu", i);
        cr_assert(address_equal(&found->endpoint.address, &endpoint.address));
        cr_assert_neq(found->inode, 0);

        close(fd);
        await_gone(lookup, &endpoint, cookie);
    }
}

/* Each must be found, though the exact form gives but one; and when one goes, the others stay. */
static void find_all(Lookup *lookup, const SocketWish *wishes, size_t n) {
    int fds[16];

    for (size_t i = 0; i < n; i++) {
        fds[i] = world_socket(&wishes[i]);
        cr_assert_geq(fds[i], 0, "wish %zu: %s", i, strerror(-fds[i]));
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            Endpoint endpoint = world_endpoint(&wishes[j], fds[j]);
            cr_assert(is_there(lookup, &endpoint, world_cookie(fds[j])),
                      "number %zu of %zu, %zu gone", j, n, i);
        }
        Endpoint endpoint = world_endpoint(&wishes[i], fds[i]);
        uint64_t cookie = world_cookie(fds[i]);
        close(fds[i]);
        cr_assert_not(is_there(lookup, &endpoint, cookie));
    }
}

Test(lookup, sockets_that_share_or_hide_a_port_are_all_found) {
    static const SocketWish reuseport[] = {
        {.address = "0.0.0.0", .port = 7101, .reuseport = true},
        {.address = "0.0.0.0", .port = 7101, .reuseport = true},
        {.address = "0.0.0.0", .port = 7101, .reuseport = true},
    };
    static const SocketWish devices[] = {
        {.address = "0.0.0.0", .port = 7102, .device = "lo", .reuseport = true},
        {.address = "0.0.0.0", .port = 7102, .reuseport = true},
        {.address = "127.0.0.1", .port = 7102, .reuseport = true},
        {.address = "127.0.0.1", .port = 7102, .device = "lo", .reuseport = true},
    };
    static const SocketWish families[] = {
        {.address = "::", .port = 7103, .v6only = true},
        {.address = "0.0.0.0", .port = 7103},
        {.address = "::1", .port = 7104},
        {.address = "127.0.0.1", .port = 7104},
    };
    static const SocketWish mptcp[] = {
        {.proto = PROTO_MPTCP, .address = "127.0.0.1", .port = 7105},
        {.proto = PROTO_TCP, .address = "127.0.0.2", .port = 7105},
    };
    _cleanup_lookup_ Lookup *lookup = NULL;
    cr_assert_eq(lookup_open(NULL, &lookup), 0);
    find_all(lookup, reuseport, ELEMENTS(reuseport));
    find_all(lookup, devices, ELEMENTS(devices));
    find_all(lookup, families, ELEMENTS(families));
    find_all(lookup, mptcp, ELEMENTS(mptcp));
}

Test(lookup, the_exact_form_says_when_it_is_another_s) {
    static const SocketWish wishes[] = {
        {.address = "0.0.0.0", .port = 7201},
        {.address = "::", .port = 7202},
        {.address = "0.0.0.0", .port = 7203, .device = "lo"},
    };
    static const struct {
        Proto proto;
        const char *address;
        uint16_t port;
        uint32_t ifindex;
        int expected;
    } cases[] = {
        {PROTO_TCP, "0.0.0.0", 7201, 0, 1},         {PROTO_TCP, "127.0.0.9", 7201, 0, -EXDEV},
        {PROTO_TCP, "0.0.0.0", 7201, 1, -EXDEV},    {PROTO_TCP, "::", 7202, 0, 1},
        {PROTO_TCP, "0.0.0.0", 7202, 0, -EXDEV},    {PROTO_TCP, "::1", 7202, 0, -EXDEV},
        {PROTO_TCP, "0.0.0.0", 7203, 1, 1},         {PROTO_TCP, "0.0.0.0", 7203, 0, 0},
        {PROTO_TCP, "0.0.0.0", 7204, 0, 0},         {PROTO_MPTCP, "0.0.0.0", 7201, 0, -EOPNOTSUPP},
        {PROTO_SCTP, "0.0.0.0", 1, 0, -EOPNOTSUPP}, {PROTO_UDP, "0.0.0.0", 7201, 0, 0},
    };
    _cleanup_lookup_ Lookup *lookup = NULL;
    cr_assert_eq(lookup_open(NULL, &lookup), 0);
    for (size_t i = 0; i < ELEMENTS(wishes); i++)
        cr_assert_geq(world_socket(&wishes[i]), 0);
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        Endpoint endpoint = {
            .proto = cases[i].proto, .port = cases[i].port, .ifindex = cases[i].ifindex};
        Listener found;
        cr_assert_eq(address_parse(cases[i].address, &endpoint.address), 0);
        int r = lookup_exact(lookup, &endpoint, &found);
        cr_assert_eq(r, cases[i].expected, "case %zu: %d", i, r);
    }
}

Test(lookup, fact_20_without_a_port_all_are_looked_at) {
    _cleanup_lookup_ Lookup *lookup = NULL;
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    int fd = world_socket(&(SocketWish){.proto = PROTO_TCP});
    cr_assert_eq(lookup_open(NULL, &lookup), 0);
    cr_assert_eq(lookup_port(lookup, PROTO_TCP, 0, snapshot), 0);
    cr_assert(find_cookie(snapshot, world_cookie(fd)));
    close(fd);
}

Test(lookup, finds_what_a_dump_finds) {
    _cleanup_close_ int proc_fd = world_open("/proc"), sys_fd = world_open("/sys");
    _cleanup_collector_ Collector *collector = NULL;
    _cleanup_lookup_ Lookup *lookup = NULL;
    _cleanup_snapshot_ Snapshot *all = snapshot_new(), *one = snapshot_new();
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTS(lookup_wishes); i++)
        n += world_socket(&lookup_wishes[i]) >= 0;
    cr_assert_eq(collector_open(proc_fd, sys_fd, NULL, &collector), 0);
    cr_assert_eq(collector_snapshot(collector, all), 0);
    cr_assert_eq(all->n_sockets, n, "%zu, not %zu", all->n_sockets, n);
    cr_assert_eq(lookup_open(NULL, &lookup), 0);
    for (size_t i = 0; i < all->n_sockets; i++) {
        const Listener *listener = &all->listeners[all->sockets[i].listener];
        snapshot_clear(one);
        cr_assert_eq(lookup_port(lookup, listener->endpoint.proto, listener->endpoint.port, one),
                     0);
        cr_assert_eq(one->n_sockets, 1);
        cr_assert_eq(one->sockets[0].cookie, all->sockets[i].cookie, "port %u %s: %zu %zu",
                     listener->endpoint.port, proto_name(listener->endpoint.proto),
                     (size_t)one->sockets[0].cookie, (size_t)all->sockets[i].cookie);
        cr_assert(endpoint_equal(&one->listeners[0].endpoint, &listener->endpoint));
        cr_assert_eq(one->listeners[0].cgroup_id, listener->cgroup_id);
    }
}
