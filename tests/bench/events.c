/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the event sources cost and bring, in namespaces of its own: how soon after listen() and
 * bind() the loop has the record; what they cost the process that calls them, and connect/accept,
 * beside nothing, our program and the TCP destroy groups; one endpoint looked up among many
 * listeners.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/kernel_program.h"
#include "collect/events/kernel_event.h"
#include "collect/events/ring.h"
#include "collect/netlink/group_socket.h"
#include "collect/sockdiag/lookup.h"
#include "util/cleanup.h"
#include "util/memory.h"

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* A look is done by the kernel in our own time: this leaves out what else the machine does. */
static double cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static uint32_t netns;
static int cgroup_fd = -1;

static void enter_world(void) {
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct stat st;

    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
        die("namespaces and cgroup v2");
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
        die("lo");
    cgroup_fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (cgroup_fd < 0 || stat("/proc/self/ns/net", &st) < 0)
        die("cgroup v2");
    netns = (uint32_t)st.st_ino;
}

static Ring *load(KernelHandles *handles) {
    KernelFailure failure;
    Ring *ring;

    int r = kernel_open_events(netns, cgroup_fd, handles, &failure);
    if (r >= 0 && failure.error >= 0)
        r = ring_open(handles->fds[KERNEL_RING], handles->fds[KERNEL_DROPPED], &ring);
    if (r < 0 || failure.error < 0) {
        errno = -(r < 0 ? r : failure.error);
        die("the program in the kernel");
    }
    return ring;
}

static int listen_on(uint32_t address, uint16_t port) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 128) < 0)
        die("listener");
    return fd;
}

static int bind_on(uint32_t address, uint16_t port) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
        die("UDP");
    return fd;
}

typedef int (*Open)(uint32_t address, uint16_t port);

/* --- how soon ------------------------------------------------------------------------------------
 */

#define FIRST_PORT 3000
#define SOCKETS    1000u

typedef struct Latency {
    double *begun; /* of each port, before it was asked for; shared with the child */
    double spans[SOCKETS];
    unsigned n, named;
} Latency;

static int take_latency(const void *record, size_t size, void *data) {
    Latency *latency = data;
    KernelEvent event;

    if (kernel_event_parse(record, size, &event) <= 0)
        return 0;
    unsigned i = event.listener.endpoint.port - FIRST_PORT;
    if (event.kind != RECORD_CLOSE && i < SOCKETS && latency->n < SOCKETS) {
        latency->spans[latency->n++] = now_us() - latency->begun[i];
        latency->named += event.caller.exe && event.caller.arguments && event.caller.cwd;
    }
    caller_done(&event.caller);
    return 0;
}

/* From before the socket is asked for to the loop's having all of it; a child opens them, 2 ms
 * apart. */
static void measure_latency(const char *label, Open open_socket) {
    KernelHandles handles;
    Ring *ring = load(&handles);
    struct pollfd fd = {.fd = handles.fds[KERNEL_RING], .events = POLLIN};
    static Latency latency;

    latency = (Latency){.begun = mmap(NULL, SOCKETS * sizeof(double), PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    if (latency.begun == MAP_FAILED)
        die("memory");
    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < SOCKETS; i++) {
            latency.begun[i] = now_us();
            int socket_fd = open_socket(INADDR_LOOPBACK, (uint16_t)(FIRST_PORT + i));
            usleep(1000);
            close(socket_fd); /* which is told, too: not at the same moment as the next */
            usleep(1000);
        }
        _exit(0);
    }
    while (latency.n < SOCKETS && poll(&fd, 1, 2000) > 0)
        if (ring_read(ring, take_latency, &latency) < 0)
            die("ring");
    waitpid(child, NULL, 0);
    ring_close(ring);
    kernel_handles_close(&handles);
    munmap(latency.begun, SOCKETS * sizeof(double));
    if (latency.n == 0)
        die("no record");
    qsort(latency.spans, latency.n, sizeof(double), by_value);
    printf("%-34s %8.1f %8.1f %8.1f %6u %6u\n", label, latency.spans[latency.n / 2],
           latency.spans[latency.n * 99 / 100], latency.spans[latency.n - 1], latency.n,
           latency.named);
}

/* --- what it costs the caller --------------------------------------------------------------------
 */

static int take_nothing(const void *record, size_t size, void *data) {
    (void)record, (void)size, (void)data;
    return 0;
}

enum { COST_ROUNDS = 20, COST_CALLS = 50 };

/* The thread's CPU time for each call, spread over time, so that all are recorded. */
static void take_costs(Open open_socket, Ring *ring, double spans[static COST_CALLS]) {
    for (unsigned i = 0; i < COST_CALLS; i++) {
        double start = cpu_us();
        int fd = open_socket(INADDR_LOOPBACK, FIRST_PORT);
        spans[i] = cpu_us() - start;
        close(fd);
        if (ring)
            ring_read(ring, take_nothing, NULL);
        usleep(600);
    }
}

/* Rounds in turn, so that what else the machine does falls on all alike. */
static void measure_cost(void) {
    static const Open opens[] = {listen_on, bind_on};
    static const char *const labels[] = {"TCP socket, bind, listen", "UDP socket, bind"};
    static double spans[2][2][COST_ROUNDS * COST_CALLS]; /* without and with; TCP and UDP */

    for (size_t round = 0; round < COST_ROUNDS; round++)
        for (size_t with = 0; with < 2; with++) {
            KernelHandles handles;
            Ring *ring = with ? load(&handles) : NULL;
            for (size_t i = 0; i < ELEMENTS(opens); i++)
                take_costs(opens[i], ring, spans[with][i] + round * COST_CALLS);
            if (!ring)
                continue;
            if (ring_take_dropped(ring) > 0)
                die("records were dropped");
            ring_close(ring);
            kernel_handles_close(&handles);
        }
    printf("\n%-34s %8s %8s %8s\n", "cost to the caller, CPU µs", "without", "with", "more");
    for (size_t i = 0; i < ELEMENTS(opens); i++) {
        double median[2];
        for (size_t with = 0; with < 2; with++) {
            qsort(spans[with][i], ELEMENTS(spans[with][i]), sizeof(double), by_value);
            median[with] = spans[with][i][ELEMENTS(spans[with][i]) / 2];
        }
        printf("%-34s %8.1f %8.1f %8.1f\n", labels[i], median[0], median[1], median[1] - median[0]);
    }
}

/* --- what it costs others ------------------------------------------------------------------------
 */

/* Pairs of connect() and accept() on loopback, pinned, for a while; a second of it. */
static double churn(double seconds) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(3001), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger reset = {.l_onoff = 1};
    _cleanup_close_ int listener = listen_on(INADDR_LOOPBACK, 3001);
    double start = now_us(), end = start + seconds * 1e6;
    unsigned n = 0;

    while (now_us() < end) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client < 0 || connect(client, (const struct sockaddr *)&at, sizeof(at)) < 0)
            die("connect");
        int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        /* Reset, so that no port stays in TIME_WAIT. */
        setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(client);
        close(accepted);
        n++;
    }
    return n / ((now_us() - start) / 1e6);
}

typedef enum Beside { NOTHING, OURS, TCP_GROUPS, BESIDE_COUNT } Beside;

static void read_ring(int ready_fd) {
    KernelHandles handles;
    Ring *ring = load(&handles);
    struct pollfd fd = {.fd = handles.fds[KERNEL_RING], .events = POLLIN};

    (void)!write(ready_fd, "x", 1);
    for (;;) {
        poll(&fd, 1, -1);
        ring_read(ring, take_nothing, NULL);
    }
}

static void read_tcp_groups(int ready_fd) {
    static const unsigned groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
    static _Alignas(struct nlmsghdr) char buffer[GROUP_BUFFER_SIZE];
    struct pollfd fd = {
        .fd = group_socket_open(NULL, HANDLE_UDP_EVENTS, NETLINK_SOCK_DIAG, groups,
                                ELEMENTS(groups), NULL),
        .events = POLLIN,
    };

    (void)!write(ready_fd, "x", 1);
    for (;;) {
        poll(&fd, 1, -1);
        while (group_socket_receive(fd.fd, buffer) >= 0) {
        }
    }
}

/* A process that does what is measured until it is killed; 0 for nothing. */
static pid_t start_beside(Beside beside) {
    static void (*const readers[BESIDE_COUNT])(int) = {
        [OURS] = read_ring, [TCP_GROUPS] = read_tcp_groups};
    int ready[2];
    char byte;

    if (beside == NOTHING)
        return 0;
    if (pipe2(ready, O_CLOEXEC) < 0)
        die("pipe");
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        readers[beside](ready[1]);
    }
    close(ready[1]);
    (void)!read(ready[0], &byte, 1);
    close(ready[0]);
    return child;
}

/* Rounds in turn, so that what else the machine does falls on all alike. */
static void measure_churn(void) {
    static const char *const labels[] = {"nothing", "the program in the kernel",
                                         "TCP destroy groups"};
    enum { ROUNDS = 9 };
    double rates[BESIDE_COUNT][ROUNDS];

    for (int round = 0; round < ROUNDS; round++)
        for (Beside beside = 0; beside < BESIDE_COUNT; beside++) {
            pid_t child = start_beside(beside);
            rates[beside][round] = churn(0.5);
            if (child > 0) {
                kill(child, SIGKILL);
                waitpid(child, NULL, 0);
            }
        }
    printf("\n%-34s %12s %8s\n", "connect/accept beside", "pairs/s", "ratio");
    for (Beside beside = 0; beside < BESIDE_COUNT; beside++) {
        qsort(rates[beside], ROUNDS, sizeof(double), by_value);
        printf("%-34s %12.0f %8.3f\n", labels[beside], rates[beside][ROUNDS / 2],
               rates[beside][ROUNDS / 2] / rates[NOTHING][ROUNDS / 2]);
    }
}

/* --- one endpoint --------------------------------------------------------------------------------
 */

/* Processes that hold `n` listeners on loopback addresses, 10,000 each, until they are killed. */
static size_t start_holders(unsigned n, pid_t pids[static 16]) {
    size_t n_pids = 0;
    for (unsigned first = 0; first < n; first += 10000) {
        int ready[2];
        char byte;
        if (pipe2(ready, O_CLOEXEC) < 0)
            die("pipe");
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (unsigned i = first; i < n && i < first + 10000; i++)
                listen_on(0x7f010001 + (i / 10000 << 8), (uint16_t)(20000 + i % 10000));
            (void)!write(ready[1], "x", 1);
            pause();
        }
        close(ready[1]);
        (void)!read(ready[0], &byte, 1);
        close(ready[0]);
        pids[n_pids++] = child;
    }
    return n_pids;
}

typedef enum Form { EXACT, PORT, ALL, FORM_COUNT } Form;

static double measure_form(Lookup *lookup, Form form, unsigned rounds) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    const Endpoint endpoint = {.proto = PROTO_TCP, .port = 3002, .address.family = AF_INET};
    double *spans = calloc(rounds, sizeof(*spans)), median;
    Listener found = {};

    if (!snapshot || !spans || lookup_exact(lookup, &endpoint, &found) != 1)
        die("lookup");
    for (unsigned i = 0; i < rounds; i++) {
        snapshot_clear(snapshot);
        double start = cpu_us();
        if (form == EXACT)
            lookup_exact(lookup, &endpoint, &found);
        else
            lookup_port(lookup, PROTO_TCP, form == PORT ? 3002 : 0, snapshot);
        spans[i] = cpu_us() - start;
    }
    qsort(spans, rounds, sizeof(*spans), by_value);
    median = spans[rounds / 2];
    free(spans);
    return median;
}

static void measure_lookups(void) {
    static const unsigned sizes[] = {50, 5000, 50000};
    static const char *const labels[] = {"exact", "dump of one port", "dump of all (no port)"};
    double spans[FORM_COUNT][ELEMENTS(sizes)];
    int listener = listen_on(INADDR_ANY, 3002);
    _cleanup_lookup_ Lookup *lookup = NULL;

    if (lookup_open(NULL, &lookup) < 0)
        die("lookup");
    for (size_t i = 0; i < ELEMENTS(sizes); i++) {
        pid_t pids[16];
        size_t n = start_holders(sizes[i], pids);
        for (Form form = 0; form < FORM_COUNT; form++)
            spans[form][i] = measure_form(lookup, form, form == ALL ? 11 : 101);
        for (size_t j = 0; j < n; j++) {
            kill(pids[j], SIGKILL);
            waitpid(pids[j], NULL, 0);
        }
    }
    printf("\n%-34s %10s %10s %10s\n", "one look, CPU µs, among listeners", "50", "5,000",
           "50,000");
    for (Form form = 0; form < FORM_COUNT; form++)
        printf("%-34s %10.1f %10.1f %10.1f\n", labels[form], spans[form][0], spans[form][1],
               spans[form][2]);
    close(listener);
}

int main(void) {
    enter_world();
    printf("%-34s %8s %8s %8s %6s %6s\n", "call to the loop, µs", "p50", "p99", "max", "of",
           "named");
    measure_latency("TCP socket, bind, listen", listen_on);
    measure_latency("UDP socket, bind", bind_on);
    measure_cost();
    measure_churn();
    measure_lookups();
    return 0;
}
