/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program in the kernel tells of sockets (KERNEL.md 32-40), from the running kernel. A
 * record is complete when listen() or bind() returns, so what is told is read at once, and what is
 * not told is not told later either.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collect/collect.h"
#include "events.h"
#include "ring.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "world.h"

TestSuite(kernel_sockets, .init = events_enter, .fini = events_leave, .timeout = 120);

/* --- which sockets -------------------------------------------------------------------------------
 */

static void expect_same(const KernelEvent *event, const Listener *listener) {
    const Listener *told = &event->listener;

    cr_assert(endpoint_equal(&told->endpoint, &listener->endpoint), "port %u, %s, v6only %d and %d",
              told->endpoint.port, proto_name(told->endpoint.proto), told->endpoint.v6only,
              listener->endpoint.v6only);
    cr_assert_eq(told->inode, listener->inode);
    cr_assert_eq(told->uid, listener->uid);
    cr_assert_eq(told->cgroup_id, listener->cgroup_id);
}

/* What sock_diag says of that socket. */
static void expect_as_dumped(const KernelEvent *event) {
    _cleanup_close_ int proc_fd = world_open("/proc"), sys_fd = world_open("/sys");
    _cleanup_collector_ Collector *collector = NULL;
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();

    cr_assert_eq(collector_open(proc_fd, sys_fd, NULL, &collector), 0);
    cr_assert_eq(collector_snapshot(collector, snapshot), 0);
    const uint32_t *index = idmap_find(&snapshot->by_cookie, event->listener.cookie);
    cr_assert(index, "no socket with that cookie is dumped");
    Listener listener = snapshot->listeners[snapshot->sockets[*index].listener];
    listener.inode = snapshot->sockets[*index].inode;
    expect_same(event, &listener);
}

/* A socket of each kind, alone: one record when it is bound or listens, and for TCP one when it is
 * closed. */
static void expect_begin_and_end(const SocketWish *wish) {
    bool is_udp = wish->proto == PROTO_UDP || wish->proto == PROTO_UDPLITE;
    int fd = world_socket(wish);

    if (fd == -EPROTONOSUPPORT || fd == -ESOCKTNOSUPPORT || fd == -ENOPROTOOPT) {
        printf("# %s: not here\n", proto_name(wish->proto));
        return;
    }
    cr_assert_geq(fd, 0, "%s %s: %s", proto_name(wish->proto), wish->address, strerror(-fd));
    const KernelEvent *event = events_one(is_udp ? RECORD_BIND : RECORD_LISTEN, world_port(fd));
    const Endpoint endpoint = world_endpoint(wish, fd);
    uint64_t cookie = world_cookie(fd);
    struct stat st;

    cr_assert_eq(events_read()->n, 1, "%s: %zu records", proto_name(wish->proto), events_read()->n);
    cr_assert_eq(event->listener.endpoint.proto, wish->proto);
    cr_assert(address_equal(&event->listener.endpoint.address, &endpoint.address), "%s",
              wish->address);
    cr_assert_eq(event->listener.endpoint.ifindex, endpoint.ifindex);
    if (address_is_wildcard(&endpoint.address))
        cr_assert_eq(event->listener.endpoint.v6only, wish->v6only);
    cr_assert_eq(event->listener.cookie, cookie);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_assert_eq(event->listener.inode, st.st_ino);
    cr_assert_eq(event->listener.uid, st.st_uid);
    expect_as_dumped(event);
    events_forget();
    close(fd);
    if (!is_udp) {
        const KernelEvent *end = events_wait(RECORD_CLOSE, endpoint.port);
        cr_assert_eq(end->listener.cookie, cookie);
        cr_assert_eq(end->listener.endpoint.proto, wish->proto);
    }
    cr_assert_eq(events_read()->n, is_udp ? 0 : 1);
    events_forget();
}

static void expect_all(const SocketWish *wishes, size_t n) {
    for (size_t i = 0; i < n; i++)
        expect_begin_and_end(&wishes[i]);
}

Test(kernel_sockets, fact_32_tcp) {
    static const SocketWish wishes[] = {
        {.address = "0.0.0.0", .port = 3001},
        {.address = "127.0.0.5", .port = 3002},
        {.address = "::", .port = 3003},
        {.address = "::", .port = 3004, .v6only = true},
        {.address = "::1", .port = 3005},
        {.address = "::ffff:127.0.0.1", .port = 3006},
        {.address = "0.0.0.0", .port = 3007, .device = "lo"},
        {.address = "::", .port = 3008, .device = "lo"},
        {.proto = PROTO_SCTP, .address = "0.0.0.0", .port = 3009},
    };
    expect_all(wishes, ELEMENTS(wishes));
}

/* Its TCP subflow passes the tracepoint as well, and is no listener. */
Test(kernel_sockets, fact_05_mptcp_is_told_once_and_as_mptcp) {
    static const SocketWish wishes[] = {
        {.proto = PROTO_MPTCP, .address = "0.0.0.0", .port = 3001},
        {.proto = PROTO_MPTCP, .address = "::", .port = 3002},
    };
    expect_all(wishes, ELEMENTS(wishes));
}

Test(kernel_sockets, fact_33_udp_and_udplite) {
    static const SocketWish wishes[] = {
        {.proto = PROTO_UDP, .address = "0.0.0.0", .port = 3001},
        {.proto = PROTO_UDP, .address = "127.0.0.1"},
        {.proto = PROTO_UDP, .address = "::", .port = 3003},
        {.proto = PROTO_UDP, .address = "::", .port = 3004, .v6only = true},
        {.proto = PROTO_UDP, .address = "::1", .port = 3005},
        {.proto = PROTO_UDP, .address = "0.0.0.0", .port = 3006, .device = "lo"},
        {.proto = PROTO_UDP, .address = "224.0.0.251", .port = 3007},
        {.proto = PROTO_UDPLITE, .address = "0.0.0.0", .port = 3008},
        {.proto = PROTO_UDPLITE, .address = "::", .port = 3009},
    };
    expect_all(wishes, ELEMENTS(wishes));
}

Test(kernel_sockets, fact_20_without_bind_the_port_is_not_known_yet) {
    int fd = world_socket(&(SocketWish){.proto = PROTO_TCP});
    const KernelEvent *event = events_one(RECORD_LISTEN, 0);
    cr_assert_eq(event->listener.cookie, world_cookie(fd));
    cr_assert_neq(world_port(fd), 0);
    close(fd);
}

/* The kernel tells that it listens before it has the port for sure. */
Test(kernel_sockets, a_refused_port_begins_and_ends) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(3001), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fds[2], one = 1;

    for (int i = 0; i < 2; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        cr_assert_eq(bind(fds[i], (const struct sockaddr *)&at, sizeof(at)), 0);
    }
    cr_assert_eq(listen(fds[0], 1), 0);
    events_one(RECORD_LISTEN, 3001);
    events_forget();
    cr_assert(listen(fds[1], 1) < 0 && errno == EADDRINUSE);
    const Events *events = events_read();
    cr_assert_eq(events->n, 2);
    cr_assert_eq(events->events[0].kind, RECORD_LISTEN);
    cr_assert_eq(events->events[1].kind, RECORD_CLOSE);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(events->events[i].listener.cookie, world_cookie(fds[1]));
}

Test(kernel_sockets, fact_19_connections_and_another_backlog_are_not_told) {
    int server = world_socket(&(SocketWish){.address = "127.0.0.1", .port = 3001});
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(3001), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    events_one(RECORD_LISTEN, 3001);
    events_forget();
    for (int i = 0; i < 20; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(connect(client, (const struct sockaddr *)&at, sizeof(at)), 0);
        int accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        close(i % 2 ? client : accepted);
        close(i % 2 ? accepted : client);
    }
    cr_assert_eq(listen(server, 100), 0);
    cr_assert_eq(events_read()->n, 0);
}

Test(kernel_sockets, a_socket_may_stop_and_begin_anew) {
    int fd = world_socket(&(SocketWish){.address = "127.0.0.1", .port = 3001});
    uint64_t cookie = world_cookie(fd);

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(events_one(RECORD_LISTEN, 3001)->listener.cookie, cookie);
        cr_assert_eq(shutdown(fd, SHUT_RDWR), 0);
        cr_assert_eq(events_one(RECORD_CLOSE, 3001)->listener.cookie, cookie);
        events_forget();
        cr_assert_eq(listen(fd, 1), 0);
    }
}

Test(kernel_sockets, fact_33_clients_are_not_told) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 at6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr_in any = {.sin_family = AF_INET};

    int fd = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(connect(fd6, (const struct sockaddr *)&at6, sizeof(at6)), 0);
    cr_assert_neq(world_port(fd), 0);
    int other = socket(AF_INET, SOCK_DGRAM, 0), other6 = socket(AF_INET6, SOCK_DGRAM, 0);
    cr_assert_eq(sendto(other, "x", 1, 0, (const struct sockaddr *)&at, sizeof(at)), 1);
    cr_assert_eq(sendto(other6, "x", 1, 0, (const struct sockaddr *)&at6, sizeof(at6)), 1);
    cr_assert_neq(world_port(other), 0);
    /* TCP that is only bound; and what is neither. */
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(tcp, (const struct sockaddr *)&any, sizeof(any)), 0);
    int unix_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(unix_fd, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)), 0);
    cr_assert_eq(listen(unix_fd, 1), 0);
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    cr_assert_eq(bind(raw, (const struct sockaddr *)&any, sizeof(any)), 0);
    cr_assert_eq(events_read()->n, 0);
}

/* --- of which network ----------------------------------------------------------------------------
 */

Test(kernel_sockets, other_network_namespaces_are_not_told) {
    EventsChild child = events_fork();
    if (child.pid == 0) {
        if (unshare(CLONE_NEWNET) < 0 ||
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001}) < 0 ||
            world_socket(&(SocketWish){.address = "::", .port = 3002}) < 0 ||
            world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "::", .port = 3003}) < 0)
            _exit(1);
        events_child_ready();
    }
    events_child_await(&child);
    events_child_end(&child);
    cr_assert_eq(events_read()->n, 0);
}

typedef struct Elsewhere {
    int here, there; /* sockets of both namespaces */
} Elsewhere;

static void *listen_elsewhere(void *data) {
    const Elsewhere *sockets = data;

    if (unshare(CLONE_NEWNET) < 0)
        return NULL;
    return listen(sockets->here, 1) == 0 ? data : NULL;
}

static void *make_elsewhere(void *data) {
    Elsewhere *sockets = data;

    if (unshare(CLONE_NEWNET) < 0)
        return NULL;
    sockets->there =
        world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3002, .not_listening = true});
    return sockets->there >= 0 ? data : NULL;
}

Test(kernel_sockets, the_socket_s_namespace_decides_not_the_caller_s) {
    Elsewhere sockets = {
        .here =
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001, .not_listening = true}),
    };
    pthread_t thread;
    void *ok;

    cr_assert_eq(pthread_create(&thread, NULL, listen_elsewhere, &sockets), 0);
    cr_assert(pthread_join(thread, &ok) == 0 && ok);
    cr_assert_eq(events_one(RECORD_LISTEN, 3001)->listener.cookie, world_cookie(sockets.here));
    events_forget();
    cr_assert_eq(pthread_create(&thread, NULL, make_elsewhere, &sockets), 0);
    cr_assert(pthread_join(thread, &ok) == 0 && ok);
    cr_assert_eq(listen(sockets.there, 1), 0);
    cr_assert_eq(events_read()->n, 0);
}

Test(kernel_sockets, fact_18_io_uring) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(3001), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in direct_at = at;
    int ring, direct_ring, fd = ring_listen(&at, false, &ring);

    if (fd < 0)
        cr_skip_test("io_uring does not listen here: %s", strerror(-fd));
    const KernelEvent *event = events_one(RECORD_LISTEN, 3001);
    cr_assert_eq(event->listener.cookie, world_cookie(fd));
    cr_assert_eq(event->caller.pid, getpid());
    /* One without an fd has an inode nevertheless. */
    direct_at.sin_port = htons(3002);
    cr_assert_geq(ring_listen(&direct_at, true, &direct_ring), 0);
    event = events_one(RECORD_LISTEN, 3002);
    cr_assert_eq(event->caller.pid, getpid());
    expect_as_dumped(event);
    cr_assert_neq(event->listener.inode, 0);
}

/* --- whose ---------------------------------------------------------------------------------------
 */

Test(kernel_sockets, the_socket_has_its_owner_and_the_process_its_own) {
    EventsChild child = events_fork();
    if (child.pid == 0) {
        int root_s =
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001, .not_listening = true});
        if (setresuid(1000, 1000, 0) < 0 || listen(root_s, 1) < 0 ||
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3002}) < 0)
            _exit(1);
        events_child_ready();
    }
    events_child_await(&child);
    const KernelEvent *event = events_one(RECORD_LISTEN, 3001);
    cr_assert_eq(event->listener.uid, 0);
    cr_assert_eq(event->caller.uid, 1000);
    expect_as_dumped(event);
    event = events_one(RECORD_LISTEN, 3002);
    cr_assert_eq(event->listener.uid, 1000);
    expect_as_dumped(event);
    events_child_end(&child);
}

#define CGROUP "/sys/fs/cgroup/sockaudit-test-kernel_events"

static void join_cgroup(const char *procs) {
    int fd = open(procs, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && write(fd, "0", 1) == 1, "%s: %s", procs, strerror(errno));
    close(fd);
}

/* The socket's, which it was made in, wherever its process is by now. */
Test(kernel_sockets, fact_08_the_cgroup_is_the_socket_s) {
    struct stat st;

    if (mkdir(CGROUP, 0755) < 0 && errno != EEXIST)
        world_skip("no cgroup can be made: %s", strerror(errno));
    cr_assert(mkdir(CGROUP "/in ner", 0755) == 0 || errno == EEXIST);
    EventsChild child = events_fork();
    if (child.pid == 0) {
        join_cgroup(CGROUP "/in ner/cgroup.procs");
        int fd =
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001, .not_listening = true});
        join_cgroup(CGROUP "/cgroup.procs");
        if (listen(fd, 1) < 0 ||
            world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "::", .port = 3002}) < 0)
            _exit(1);
        events_child_ready();
    }
    events_child_await(&child);
    const KernelEvent *event = events_one(RECORD_LISTEN, 3001);
    cr_expect_str_eq(event->caller.cgroup, "/sockaudit-test-kernel_events/in ner");
    cr_expect(stat(CGROUP "/in ner", &st) == 0 && event->listener.cgroup_id == st.st_ino);
    expect_as_dumped(event);
    event = events_one(RECORD_BIND, 3002);
    cr_expect_str_eq(event->caller.cgroup, "/sockaudit-test-kernel_events");
    cr_expect(stat(CGROUP, &st) == 0 && event->listener.cgroup_id == st.st_ino);
    events_child_end(&child);
    cr_expect(rmdir(CGROUP "/in ner") == 0 && rmdir(CGROUP) == 0, "%s", strerror(errno));
}

Test(kernel_sockets, a_socket_of_the_root_cgroup_has_its_path) {
    join_cgroup("/sys/fs/cgroup/cgroup.procs");
    world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001});
    cr_assert_str_eq(events_one(RECORD_LISTEN, 3001)->caller.cgroup, "/");
}

Test(kernel_sockets, the_time_is_that_of_the_call) {
    struct timespec before, after;

    clock_gettime(CLOCK_BOOTTIME, &before);
    world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001});
    clock_gettime(CLOCK_BOOTTIME, &after);
    usec_t time = events_one(RECORD_LISTEN, 3001)->time;
    cr_assert_geq(time, (usec_t)before.tv_sec * USEC_PER_SEC + (usec_t)before.tv_nsec / 1000);
    cr_assert_leq(time, (usec_t)after.tv_sec * USEC_PER_SEC + (usec_t)after.tv_nsec / 1000);
}

/* --- shares --------------------------------------------------------------------------------------
 */

/* Listens and stops n times, as fast as it can. */
static void flood(unsigned n) {
    const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    int fd = world_socket(&(SocketWish){.proto = PROTO_TCP, .not_listening = true});

    for (unsigned i = 0; i < n; i++)
        if (listen(fd, 1) < 0 || connect(fd, &unspecified, sizeof(unspecified)) < 0)
            _exit(1);
    close(fd);
}

static void become(uid_t uid) {
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(2);
}

/* Nobody reads meanwhile: what one user has a share of must be left for others. */
Test(kernel_sockets, a_flood_by_one_user_leaves_room_for_others) {
    enum { FLOOD = 50000 };
    EventsChild child = events_fork();
    if (child.pid == 0) {
        become(1000);
        flood(FLOOD);
        events_child_ready();
    }
    events_child_await(&child);
    events_child_end(&child);
    EventsChild other = events_fork();
    if (other.pid == 0) {
        become(1001);
        if (world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001}) < 0)
            _exit(1);
        events_child_ready();
    }
    events_child_await(&other);
    events_child_end(&other);

    const Events *events = events_read();
    size_t n = 0, n_told = 0;
    bool other_seen = false;
    for (size_t i = 0; i < events->n; i++) {
        const KernelEvent *event = &events->events[i];
        n += event->kind == RECORD_LISTEN && event->listener.uid == 1000;
        n_told += event->kind == RECORD_DROPPED && event->listener.uid == 1000;
        other_seen = other_seen || (event->kind == RECORD_LISTEN && event->listener.uid == 1001 &&
                                    event->listener.endpoint.port == 3001);
    }
    cr_assert(other_seen, "another user's listener was pushed out");
    cr_assert_geq(n, 100);
    cr_assert_geq(n_told, 1, "that records were dropped is not told");
    cr_assert_geq(events_dropped(), FLOOD - n);
}

/* Many that begin while they are read, and end when nobody reads: an end has its share, too. */
Test(kernel_sockets, a_flood_of_ends_leaves_room_for_others) {
    enum { ENDS = 12000, STEP = 100 };
    EventsChild child = events_fork();

    if (child.pid == 0) {
        static int fds[ENDS];
        const struct rlimit files = {ENDS + 100, ENDS + 100};
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            _exit(77);
        become(1000);
        for (int i = 0; i < ENDS; i++) {
            fds[i] =
                world_socket(&(SocketWish){.address = "127.0.0.1", .port = (uint16_t)(10000 + i)});
            if (fds[i] < 0)
                _exit(1);
            if (i % STEP == STEP - 1)
                events_child_ready();
        }
        for (int i = 0; i < ENDS; i++)
            close(fds[i]);
        events_child_ready();
    }
    for (int i = 0; i < ENDS / STEP; i++) {
        events_child_await(&child);
        events_read();
        events_forget();
        events_child_go_on(&child);
    }
    events_child_await(&child);
    world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001});
    events_one(RECORD_LISTEN, 3001);
    cr_assert_gt(events_dropped(), 0);
    events_child_end(&child);
}

static void write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path,
              strerror(errno));
    close(fd);
}

/* Else a user who has a range of uids would have as many shares. */
Test(kernel_sockets, a_user_namespace_is_charged_to_its_owner) {
    EventsChild child = events_fork();
    char path[64];

    if (child.pid == 0) {
        become(1000);
        prctl(PR_SET_DUMPABLE, 1);
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(3);
        events_child_ready();
        if (setresuid(5, 5, 5) < 0)
            _exit(4);
        flood(5000);
        events_child_ready();
    }
    events_child_await(&child);
    snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)child.pid);
    write_text(path, "0 1000 1\n5 100005 1\n");
    events_child_go_on(&child);
    events_child_await(&child);
    const Events *events = events_read();
    size_t n = 0;
    for (size_t i = 0; i < events->n; i++)
        if (events->events[i].kind == RECORD_LISTEN) {
            cr_assert_eq(events->events[i].caller.uid, 100005);
            n++;
        } else if (events->events[i].kind == RECORD_DROPPED)
            cr_assert_eq(events->events[i].listener.uid, 1000);
    cr_assert(n > 0 && n < 5000);
    cr_assert_gt(events_dropped(), 0);
    events_child_end(&child);
}

/* --- readers -------------------------------------------------------------------------------------
 */

static int count_own(const void *record, size_t size, void *data) {
    KernelEvent event;

    if (kernel_event_parse(record, size, &event) > 0) {
        *(unsigned *)data += event.kind == RECORD_LISTEN && event.caller.exe;
        caller_done(&event.caller);
    }
    return 0;
}

static int take_one(const void *record, size_t size, void *data) {
    (void)count_own(record, size, data);
    return -ECANCELED;
}

/* What came before it, while nobody read, and what comes then. */
Test(kernel_sockets, fact_40_nobody_without_capabilities_reads_what_was_passed) {
    world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3001});
    EventsChild child = events_fork();
    if (child.pid == 0) {
        const KernelHandles *program = events_program();
        unsigned n = 0;
        Ring *ring;

        become(65534);
        int r = ring_open(program->fds[KERNEL_RING], program->fds[KERNEL_DROPPED], &ring);
        if (r < 0)
            _exit(3);
        if (ring_read(ring, count_own, &n) != 1 || n != 1)
            _exit(4);
        if (world_socket(&(SocketWish){.address = "0.0.0.0", .port = 3002}) < 0 ||
            ring_read(ring, count_own, &n) != 1 || n != 2)
            _exit(5);
        ring_close(ring);
        events_child_ready();
    }
    events_child_await(&child);
    events_child_end(&child);
    events_wait(RECORD_CLOSE, 3002);
    cr_assert_eq(events_read()->n, 1, "they are read once");
}

/* The fds stay where they are: a reader that ends loses nothing. */
Test(kernel_sockets, fact_40_what_a_reader_left_is_there_for_the_next) {
    Ring *ring;
    unsigned n = 0;
    const KernelHandles *program = events_program();

    for (unsigned i = 0; i < 3; i++) {
        world_socket(&(SocketWish){.address = "0.0.0.0", .port = (uint16_t)(3001 + 2 * i)});
        world_socket(&(SocketWish){.address = "0.0.0.0", .port = (uint16_t)(3002 + 2 * i)});
        cr_assert_eq(ring_open(program->fds[KERNEL_RING], program->fds[KERNEL_DROPPED], &ring), 0);
        cr_assert_eq(ring_read(ring, take_one, &n), -ECANCELED,
                     "ring_read() returns the error of take()");
        ring_close(ring);
    }
    cr_assert_eq(n, 3);
    cr_assert_eq(events_read()->n, 3);
    for (uint16_t i = 3; i < 6; i++)
        events_one(RECORD_LISTEN, (uint16_t)(3001 + i));
}

/* It goes round: what is read is used again, and no record is cut at the end. */
Test(kernel_sockets, a_ring_goes_round) {
    char *first = NULL;

    for (unsigned i = 0; i < 3000; i++) {
        int fd = world_socket(&(SocketWish){.address = "127.0.0.1", .port = 3001});
        uint64_t cookie = world_cookie(fd);
        close(fd);
        const KernelEvent *event = events_one(RECORD_LISTEN, 3001);
        cr_assert_eq(event->listener.cookie, cookie);
        first = first ?: strdup(event->caller.arguments);
        cr_assert_str_eq(event->caller.arguments, first); /* which are the end of a record */
        cr_assert_eq(events_wait(RECORD_CLOSE, 3001)->listener.cookie, cookie);
        events_forget();
        usleep(500); /* the user's share */
    }
    cr_assert_eq(events_dropped(), 0);
    free(first);
}
