/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into a network namespace from another one, by what was opened there before. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/collect.h"
#include "collect/events/destroy.h"
#include "collect/events/link_events.h"
#include "collect/events/ruleset_events.h"
#include "collect/netlink/netlink.h"
#include "collect/sockdiag/diag_request.h"
#include "collect/sockdiag/lookup.h"
#include "util/cleanup.h"
#include "world.h"

/* More than one datagram has room for. */
#define LISTENERS 600

static NetHandles handles;

static void set_up(void) {
    world_enter();
}

TestSuite(handles, .init = set_up, .timeout = 120);

/* Opens the handles and leaves for an empty namespace, which has a listener of its own. */
static void leave(void) {
    _cleanup_close_ int proc_fd = world_open("/proc");

    cr_assert_eq(net_handles_open(proc_fd, &handles), 0);
    cr_assert_eq(unshare(CLONE_NEWNET), 0);
    cr_assert_geq(
        world_socket(&(SocketWish){.proto = PROTO_TCP, .address = "0.0.0.0", .port = 4000}), 0);
}

static bool has_port(const Snapshot *snapshot, uint16_t port) {
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        if (snapshot->listeners[i].endpoint.port == port)
            return true;
    return false;
}

Test(handles, a_look_through_them_is_into_the_namespace_that_they_were_opened_in) {
    _cleanup_close_ int proc_fd = world_open("/proc");
    _cleanup_collector_ Collector *collector = NULL;
    _cleanup_lookup_ Lookup *lookup = NULL;
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();

    world_socket(&(SocketWish){.proto = PROTO_TCP, .address = "0.0.0.0", .port = 3000});
    world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "::", .port = 3001});
    leave();

    cr_assert_eq(collector_open(proc_fd, -1, &handles, &collector), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(collector_snapshot(collector, snapshot), 0);
        cr_assert_eq(snapshot->n_listeners, 2);
        cr_assert(has_port(snapshot, 3000) && has_port(snapshot, 3001));
        cr_assert_eq(snapshot->coverage[PROTO_TCP].state, COVERAGE_FULL);
        /* NAT rules cannot be read through a passed socket. */
        cr_assert_eq(snapshot->forwards_coverage.state, COVERAGE_UNAVAILABLE);
    }
    cr_assert_eq(lookup_open(&handles, &lookup), 0);
    snapshot_clear(snapshot);
    cr_assert_eq(lookup_port(lookup, PROTO_TCP, 0, snapshot), 0);
    cr_assert(has_port(snapshot, 3000) && !has_port(snapshot, 4000));
    net_handles_close(&handles);
}

static void count_gone(const Destroyed *destroyed, void *data) {
    (void)destroyed;
    ++*(size_t *)data;
}

/* A source that is closed and opened again finds the same socket, which has joined already. */
Test(handles, they_tell_of_what_goes_and_changes_there) {
    int udp = world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "0.0.0.0", .port = 3001});
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq lo = {.ifr_name = "lo"};
    bool changed = false;
    size_t n_gone = 0;

    leave();
    close(destroy_open(&handles));
    close(link_events_open(&handles));
    _cleanup_close_ int gone_fd = destroy_open(&handles), links_fd = link_events_open(&handles);
    cr_assert(gone_fd >= 0 && links_fd >= 0);

    close(udp);
    struct pollfd ready = {.fd = gone_fd, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, 60000), 1);
    cr_assert_eq(destroy_read(gone_fd, 16, count_gone, &n_gone), 0);
    cr_assert_eq(n_gone, 1);

    cr_assert_eq(ioctl(control, SIOCSIFFLAGS, &lo), 0); /* down */
    ready.fd = links_fd;
    cr_assert_eq(poll(&ready, 1, 60000), 1);
    cr_assert_geq(link_events_read(links_fd, 16, &changed), 0);
    cr_assert(changed);
    net_handles_close(&handles);
}

/* Only the opener needs CAP_NET_ADMIN, to join. The borrower can open the handle again without it.
 */
Test(handles, ruleset_events_need_net_admin_only_to_join) {
    _cleanup_close_ int world = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    bool changed = false;
    char command[80];

    leave();
    cr_assert_eq(world_drop_capability(12 /* CAP_NET_ADMIN */), 0);
    cr_assert_eq(ruleset_events_open(NULL), -EPERM);
    close(ruleset_events_open(&handles));
    _cleanup_close_ int fd = ruleset_events_open(&handles);
    cr_assert_geq(fd, 0, "%s", strerror(-fd));
    cr_assert_eq(ruleset_events_read(fd, 16, &changed), 0);
    cr_assert_not(changed);
    snprintf(command, sizeof(command), "nsenter --net=/proc/%d/fd/%d nft add table ip n", getpid(),
             world);
    if (system(command) != 0)
        world_skip("nft does not work");
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, PATIENCE), 1);
    cr_assert_eq(ruleset_events_read(fd, 16, &changed), 0);
    cr_assert(changed);
    net_handles_close(&handles);
}

static int leave_early(const struct nlmsghdr *message, void *data) {
    (void)message, (void)data;
    return -ECANCELED;
}

static int count_messages(const struct nlmsghdr *message, void *data) {
    (void)message;
    ++*(size_t *)data;
    return 0;
}

/* Another one can't be had: what is left of an answer is read, and the next one is whole. */
Test(handles, a_dump_that_was_left_does_not_spoil_the_next) {
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];
    _cleanup_netlink_ Netlink *netlink = NULL;
    DumpResult result;

    for (uint16_t i = 0; i < LISTENERS; i++)
        cr_assert_geq(world_socket(&(SocketWish){.proto = PROTO_TCP,
                                                 .address = "127.0.0.1",
                                                 .port = (uint16_t)(10000 + i)}),
                      0);
    leave();
    cr_assert_eq(netlink_open(&handles, HANDLE_DIAG, NETLINK_SOCK_DIAG, &netlink), 0);
    for (int i = 0; i < 3; i++) {
        size_t n = 0;
        cr_assert_eq(netlink_dump(netlink, diag_request(buffer, PROTO_TCP, AF_INET), leave_early,
                                  NULL, &result),
                     -ECANCELED);
        cr_assert_eq(netlink_dump(netlink, diag_request(buffer, PROTO_TCP, AF_INET), count_messages,
                                  &n, &result),
                     0);
        cr_assert_eq(result.end, DUMP_COMPLETE, "%d: %s", result.end, strerror(-result.error));
        cr_assert_eq(n, LISTENERS, "%zu", n);
    }
    net_handles_close(&handles);
}

Test(handles, are_taken_by_their_names_once) {
    NetHandles taken;

    net_handles_init(&taken);
    cr_assert_eq(net_handles_take(&taken, "stored", 100), 0);
    for (NetHandle i = 0; i < HANDLE_COUNT; i++) {
        cr_assert_eq(net_handles_complete(&taken), i > HANDLE_ROOT);
        cr_assert_eq(net_handles_take(&taken, net_handle_name(i), 100 + (int)i), 1);
        cr_assert_eq(net_handles_take(&taken, net_handle_name(i), 200), 0, "twice");
    }
    cr_assert(net_handles_complete(&taken));
    cr_assert_eq(taken.fds[HANDLE_ROUTE], 100 + HANDLE_ROUTE);
}
