/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's tracepoint tells, on the running kernel: KERNEL.md 18 to 21. */
#include "collect/events/tracepoint.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"
#include "util/memory.h"
#include "world.h"

static Rings rings;
static Seen seen;

static void set_up(void) {
    world_enter(true);
    rings_open(&rings, TRACE_RING_PAGES);
    seen = (Seen){.pid = (uint32_t)getpid()};
}

static void tear_down(void) {
    rings_close(&rings);
}

TestSuite(tracepoint, .init = set_up, .fini = tear_down, .timeout = 180);

/*
 * Reads what came since the last call. Whether nothing of it was lost: what others open fills the
 * rings as well, while this process waits for its turn. Then what was done is to be done again;
 * `tries` counts.
 */
static bool read_whole(int *tries) {
    seen.n = 0;
    uint64_t lost = rings_read(&rings, &seen);
    cr_assert_lt(++*tries, 100, "always disturbed: %zu lost", (size_t)lost);
    return lost == 0;
}

/* Whether one of so many events came in the name of who just looked at our fds (world_socket()):
 * not each time. */
static bool is_closed_by_another(size_t n_wanted, int tries) {
    return seen.n < n_wanted && tries < 20;
}

static uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

Test(tracepoint, fact_18_tells_who_listens_where_and_that_it_ended) {
    static const SocketWish wishes[] = {
        {.proto = PROTO_TCP, .address = "127.0.0.3", .port = 4001},
        {.proto = PROTO_TCP, .address = "::1", .port = 4002},
        {.proto = PROTO_TCP, .address = "::ffff:127.0.0.1", .port = 4003},
        {.proto = PROTO_TCP, .address = "0.0.0.0", .port = 4004, .device = "lo"},
        {.proto = PROTO_TCP, .address = "::", .port = 4005, .v6only = true},
    };

    for (size_t i = 0; i < ELEMENTS(wishes); i++) {
        uint64_t before;
        Endpoint endpoint;
        int tries = 0;
        do {
            before = monotonic_ns();
            int fd = world_socket(&wishes[i]);
            cr_assert_geq(fd, 0);
            endpoint = world_endpoint(&wishes[i], fd);
            close(fd);
        } while (!read_whole(&tries) || is_closed_by_another(2, tries));
        cr_assert_eq(seen.n, 2);
        /* Both were on one CPU, or the close came from another: by time they are in order. */
        const StateEvent *begin = &seen.events[0], *end = &seen.events[1];
        if (begin->time > end->time) {
            begin = &seen.events[1];
            end = &seen.events[0];
        }
        cr_assert_eq(begin->kind, STATE_EVENT_LISTEN);
        cr_assert_eq(end->kind, STATE_EVENT_CLOSE);
        cr_assert_eq(begin->proto, PROTO_TCP);
        cr_assert(address_equal(&begin->address, &endpoint.address));
        cr_assert(address_equal(&end->address, &endpoint.address));
        cr_assert_eq(begin->port, wishes[i].port);
        cr_assert_eq(end->port, wishes[i].port);
        cr_assert_eq(begin->sk, end->sk);
        cr_assert_neq(begin->sk, 0);
        cr_assert_eq(begin->tid, (uint32_t)gettid());
        cr_assert(begin->time >= before && end->time <= monotonic_ns());
    }
}

Test(tracepoint, fact_18_fires_in_every_network_namespace) {
    int status, tries = 0;
    do {
        pid_t child = fork();
        if (child == 0) {
            int r = unshare(CLONE_NEWNET);
            r = r < 0 ? r : world_socket(&(SocketWish){.address = "0.0.0.0", .port = 4010});
            _exit(r < 0);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
        seen.pid = (uint32_t)child;
    } while (!read_whole(&tries) || is_closed_by_another(2, tries));
    cr_assert_eq(seen_count(&seen, STATE_EVENT_LISTEN), 1);
    cr_assert_eq(seen_count(&seen, STATE_EVENT_CLOSE), 1);
}

Test(tracepoint, fact_18_fires_for_io_uring) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    int tries = 0;
    do {
        /* A ring's socket is closed some time after the ring: another port each time. */
        seen.port = (uint16_t)(4020 + tries);
        address.sin_port = htons(seen.port);
        int ring_fd, r = ring_listen(&address, true, &ring_fd);
        if (r < 0)
            world_skip("io_uring cannot listen: %s", strerror(-r));
        close(ring_fd);
    } while (!read_whole(&tries));
    cr_assert_eq(seen_count(&seen, STATE_EVENT_LISTEN), 1);
}

Test(tracepoint, fact_18_fires_three_times_for_mptcp) {
    const SocketWish wish = {.proto = PROTO_MPTCP, .address = "0.0.0.0"};
    int fd = -1, tries = 0;
    do {
        if (fd >= 0) {
            close(fd);
            rings_read(&rings, &seen);
        }
        fd = world_socket(&wish);
        if (fd < 0)
            world_skip("no MPTCP: %s", strerror(-fd));
    } while (!read_whole(&tries));
    size_t n_mptcp = 0, n_tcp = 0;
    for (size_t i = 0; i < seen.n; i++) {
        n_mptcp += seen.events[i].proto == PROTO_MPTCP;
        n_tcp += seen.events[i].proto == PROTO_TCP;
        printf("# MPTCP event %zu: kind %d proto %s port %u\n", i, seen.events[i].kind,
               proto_name(seen.events[i].proto), seen.events[i].port);
    }
    cr_assert_geq(n_mptcp, 1);
    cr_assert_eq(n_tcp, 1);
    cr_assert_eq(n_mptcp + n_tcp, 3);
    close(fd);
}

/* --- what the filter keeps out -------------------------------------------------------------------
 */

static void connect_often(int listener, const SocketWish *wish) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(wish->port),
        .sin_addr.s_addr = inet_addr(wish->address),
    };
    for (int i = 0; i < 100; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
        int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        cr_assert_geq(accepted, 0);
        close(client);
        close(accepted);
    }
}

Test(tracepoint, fact_19_accepted_connections_do_not_fire) {
    /* The last step of a connection may be any process's, and other tests' listeners are told here
     * too: an address that they don't use. */
    const SocketWish wish = {.address = "127.0.0.40", .port = 4040};
    Endpoint endpoint;
    int listener = -1, tries = 0;
    seen.pid = 0;
    seen.port = wish.port;
    do {
        if (listener >= 0) {
            close(listener);
            rings_read(&rings, &seen);
        }
        listener = world_socket(&wish);
        endpoint = world_endpoint(&wish, listener);
        connect_often(listener, &wish);
    } while (!read_whole(&tries));
    size_t n = 0;
    for (size_t i = 0; i < seen.n; i++)
        n += address_equal(&seen.events[i].address, &endpoint.address);
    cr_assert_eq(n, 1, "%zu events for one listener and its 100 connections", n);
    close(listener);
}

Test(tracepoint, fact_20_without_bind_there_is_no_port_yet) {
    uint16_t port;
    int tries = 0;
    do {
        int fd = world_socket(&(SocketWish){.proto = PROTO_TCP});
        port = world_port(fd);
        close(fd);
    } while (!read_whole(&tries) || is_closed_by_another(2, tries));
    cr_assert_eq(seen.n, 2);
    const StateEvent *begin = &seen.events[seen.events[0].kind == STATE_EVENT_LISTEN ? 0 : 1];
    const StateEvent *end = &seen.events[seen.events[0].kind == STATE_EVENT_LISTEN ? 1 : 0];
    cr_assert_eq(begin->port, 0);
    cr_assert_eq(end->port, port);
    cr_assert_eq(begin->sk, end->sk);
}

Test(tracepoint, fact_20_a_refused_port_is_a_listen_with_its_close) {
    /* Bound by SO_REUSEADDR both may be, but only one may listen. */
    int one = 1, fds[2], tries = 0;
    bool whole;
    do {
        rings_read(&rings, &seen);
        for (int i = 0; i < 2; i++) {
            struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(4051)};
            fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
            cr_assert_eq(bind(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
        }
        cr_assert_eq(listen(fds[0], 1), 0);
        cr_assert_eq(listen(fds[1], 1), -1);
        whole = read_whole(&tries);
        close(fds[0]);
        close(fds[1]);
    } while (!whole);
    cr_assert_eq(seen_count(&seen, STATE_EVENT_LISTEN), 2);
    cr_assert_eq(seen_count(&seen, STATE_EVENT_CLOSE), 1);
}

/* --- cgroups and losses --------------------------------------------------------------------------
 */

/* Where cgroup v2 is mounted. */
static const char *cgroup_root(void) {
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < ELEMENTS(places); i++) {
        char path[100];
        snprintf(path, sizeof(path), "%s/cgroup.controllers", places[i]);
        if (access(path, R_OK) == 0)
            return places[i];
    }
    return NULL;
}

/* Listens once in a new cgroup, which is left again and removed. Returns its id, 0: none. */
static uint64_t listen_in_cgroup(const char *root) {
    char path[200], procs[240];
    struct stat status;

    snprintf(path, sizeof(path), "%s/sockaudit-test-%d", root, getpid());
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
    if (mkdir(path, 0755) < 0 || stat(path, &status) < 0)
        return 0;
    pid_t child = fork();
    if (child == 0) {
        FILE *file = fopen(procs, "we");
        bool moved = file && fputs("0\n", file) >= 0 && fclose(file) == 0;
        int fd = moved ? world_socket(&(SocketWish){.address = "0.0.0.0", .port = 4060}) : -1;
        _exit(fd < 0);
    }
    int failed = 1;
    waitpid(child, &failed, 0);
    rmdir(path);
    seen.pid = (uint32_t)child;
    return failed ? 0 : status.st_ino;
}

/* In a suite of its own, to look before the new sysfs hides the cgroups. */
Test(cgroups, fact_21_tells_the_cgroup_of_who_listens, .fini = tear_down, .timeout = 180) {
    const char *root = cgroup_root();
    if (!root)
        world_skip("cgroup v2 is not mounted");
    int root_fd = world_open(root);
    set_up();
    char path[100];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", root_fd);
    uint64_t id;
    int tries = 0;
    do {
        id = listen_in_cgroup(path);
        if (id == 0)
            world_skip("no cgroup could be made below %s", root);
    } while (!read_whole(&tries));
    cr_assert_geq(seen.n, 1);
    if (!trace_ring_tells_cgroups(rings.rings[0]))
        world_skip("this kernel does not sample cgroups");
    cr_assert_eq(seen.events[0].cgroup_id, id);
}

/*
 * Fills a ring of one page on one CPU, and then makes no event that could tell of the loss. Returns
 * whether the loss was told once by each of the two ways: other tests' listeners on this CPU can
 * fill the ring anew between two looks.
 */
static bool lose_records(void) {
    for (int i = 0; i < 300; i++)
        close(world_socket(&(SocketWish){.address = "127.0.0.1", .port = 4070}));
    TraceRead read;
    uint64_t lost = 0, lost_in_ring = 0, n = 0;
    do {
        cr_assert_eq(trace_ring_read(rings.rings[0], 64, seen_add, &seen, &read), 0);
        lost += read.lost;
        lost_in_ring += read.lost_in_ring;
        n += read.n_records;
        /* Before 6.0 nothing is said of losses while there is something to be read. */
    } while (read.more || trace_ring_has_records(rings.rings[0]));
    cr_assert_gt(lost, 0);
    if (lost_in_ring > 0) /* which it tells with the next record only */
        return false;
    /* Other tests on this CPU may listen too, so at least ours. */
    cr_assert_geq(n + lost, 600, "%zu came, %zu were lost", (size_t)n, (size_t)lost);

    close(world_socket(&(SocketWish){.address = "127.0.0.1", .port = 4070}));
    uint64_t told = lost;
    cr_assert_eq(trace_ring_read(rings.rings[0], 64, seen_add, &seen, &read), 0);
    printf("# lost %zu, in the ring %zu, told again %zu\n", (size_t)told, (size_t)read.lost_in_ring,
           (size_t)read.lost);
    return read.lost_in_ring == told && read.lost == 0;
}

static void lose_records_undisturbed(void) {
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(trace_ring_cpu(rings.rings[0]), &cpu);
    cr_assert_eq(sched_setaffinity(0, sizeof(cpu), &cpu), 0);
    bool told_once = false;
    for (int i = 0; i < 100 && !told_once; i++)
        told_once = lose_records();
    cr_assert(told_once, "never told once, or never undisturbed");
}

Test(tracepoint, fact_21_lost_records_are_counted_by_the_kernel) {
    rings_close(&rings);
    rings_open(&rings, 1);
    if (!trace_ring_counts_lost(rings.rings[0]))
        world_skip("this kernel (before 6.0) does not count what it lost");
    lose_records_undisturbed();
}

Test(tracepoint, fact_21_lost_records_are_noticed_before_6_0) {
    rings_close(&rings);
    rings_open(&rings, 1);
    trace_ring_forget_lost_counter(rings.rings[0]);
    lose_records_undisturbed();
}

Test(tracepoint, a_ring_that_no_longer_counts_is_dead) {
    cr_assert(trace_ring_is_alive(rings.rings[0]));
    usleep(2000);
    cr_assert(trace_ring_is_alive(rings.rings[0]));
    /* What the CPU's going offline does to its events. */
    cr_assert_eq(ioctl(trace_ring_fd(rings.rings[0]), PERF_EVENT_IOC_DISABLE, 0), 0);
    trace_ring_is_alive(rings.rings[0]);
    usleep(2000);
    cr_assert_not(trace_ring_is_alive(rings.rings[0]));
}

Test(tracepoint, an_offline_cpu_and_a_wrong_size_are_refused) {
    TracepointFormat format;
    TraceRing *ring;
    int tracefs_fd = world_open("/sys/kernel/tracing");
    cr_assert_eq(tracepoint_read_format(tracefs_fd, &format), 0);
    cr_assert_lt(trace_ring_open(&format, 8191, 1, &ring), 0);
    cr_assert_eq(trace_ring_open(&format, 0, 3, &ring), -EINVAL);
    int empty = world_open("/proc/self");
    cr_assert_eq(tracepoint_read_format(empty, &format), -ENOENT);
    close(empty);
    close(tracefs_fd);
}
