/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a dump of TCP listeners costs us beyond receiving it: the same requests answered into the
 * same buffer and thrown away are the floor. In a network namespace of its own.
 *
 *   dump [LISTENERS…]     sizes (default 0 1000 10000 50000), then 100,000 connections alongside
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collect/collect.h"
#include "collect/sockdiag/diag_request.h"
#include "collect/sockdiag/sockdiag.h"
#include "util/cleanup.h"
#include "util/memory.h"

#define CONNECTIONS 100000
#define BUDGET      1.4
#define PROCESS_FDS 15000

static _Noreturn void die(const char *what) {
    fprintf(stderr, "bench dump: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof(*values), compare_doubles);
    return values[count / 2];
}

/* Our own namespace, with lo up. */
static void enter_namespace(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    if (unshare(CLONE_NEWNET) < 0)
        die("a network namespace (as root)");
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        die("lo");
}

/* Listener number i: half over IPv4, half over IPv6, at ports and addresses of their own. */
static int make_listener(size_t i) {
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)(10000 + i / 2 % 25000)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i / 50000)),
    };
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6,
        .sin6_port = in.sin_port,
        .sin6_addr = i < 50000 ? (struct in6_addr)IN6ADDR_LOOPBACK_INIT : in6addr_any,
    };
    bool v6 = i % 2 == 1;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, v6 ? (void *)&in6 : (void *)&in, v6 ? sizeof(in6) : sizeof(in)) < 0 ||
        listen(fd, 128) < 0)
        die("a listener");
    return fd;
}

/* The two requests of TCP, answered into a buffer that nobody reads. Returns the bytes. */
static size_t receive_only(struct mnl_socket *socket) {
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    static _Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER_SIZE];
    _Alignas(struct nlmsghdr) char request[DIAG_REQUEST_SIZE];
    size_t bytes = 0;

    for (size_t i = 0; i < ELEMENTS(families); i++) {
        struct nlmsghdr *header = diag_request(request, PROTO_TCP, families[i]);
        if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
            die("send");
        for (bool done = false; !done;) {
            ssize_t n = recv(mnl_socket_get_fd(socket), buffer, sizeof(buffer), 0);
            if (n <= 0)
                die("recv");
            /* DONE stands alone, or last: 20 bytes with its errno. */
            const struct nlmsghdr *last = (const void *)(buffer + n - 20);
            done = (n >= 20 && last->nlmsg_type == NLMSG_DONE && last->nlmsg_len == 20);
            bytes += (size_t)n;
        }
    }
    return bytes;
}

static void parse(Netlink *netlink, Snapshot *snapshot) {
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    _Alignas(struct nlmsghdr) char buffer[DIAG_REQUEST_SIZE];
    DiagSink sink = {.snapshot = snapshot, .proto = PROTO_TCP};
    DumpResult result;

    snapshot_clear(snapshot);
    for (size_t i = 0; i < ELEMENTS(families); i++)
        if (netlink_dump(netlink, diag_request(buffer, PROTO_TCP, families[i]), diag_sink_message,
                         &sink, &result) < 0 ||
            result.end != DUMP_COMPLETE)
            die("dump");
    if (diag_sink_flush(&sink) < 0)
        die("flush");
}

static long resident_kib(void) {
    long pages[2] = {};
    _cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%ld %ld", &pages[0], &pages[1]) != 2)
        die("statm");
    return pages[1] * (sysconf(_SC_PAGESIZE) / 1024);
}

/* One row. Returns the ratio of a parse into a snapshot that was filled before to the floor. */
static double measure(size_t n_listeners, const char *beside) {
    size_t runs = n_listeners >= 10000 ? 41 : 201;
    _cleanup_free_ double *floors = calloc(runs, sizeof(double)),
                          *parsed = calloc(runs, sizeof(double)),
                          *first = calloc(runs, sizeof(double)),
                          *whole = calloc(runs, sizeof(double));
    struct mnl_socket *socket = mnl_socket_open(NETLINK_SOCK_DIAG);
    _cleanup_netlink_ Netlink *netlink = NULL;
    _cleanup_collector_ Collector *collector = NULL;
    _cleanup_close_ int proc_fd = open("/proc", O_PATH | O_CLOEXEC);
    long before = resident_kib();
    _cleanup_snapshot_ Snapshot *kept = snapshot_new(), *all = snapshot_new();

    if (!floors || !parsed || !first || !whole || !socket || !kept || !all ||
        netlink_open(NULL, HANDLE_DIAG, NETLINK_SOCK_DIAG, &netlink) < 0 ||
        collector_open(proc_fd, -1, NULL, &collector) < 0)
        die("setup");
    parse(netlink, kept);
    long memory = resident_kib() - before;
    receive_only(socket);
    collector_snapshot(collector, all);
    if (kept->n_sockets != n_listeners)
        die("not all were seen");

    for (size_t i = 0; i < runs; i++) {
        double start = now();
        receive_only(socket);
        double received = now();
        parse(netlink, kept);
        double reused = now();
        Snapshot *fresh = snapshot_new();
        parse(netlink, fresh);
        double grown = now();
        snapshot_free(fresh);
        double begin = now();
        collector_snapshot(collector, all);
        whole[i] = now() - begin;
        floors[i] = received - start;
        parsed[i] = reused - received;
        first[i] = grown - reused;
    }
    mnl_socket_close(socket);
    double floor = median(floors, runs), again = median(parsed, runs);
    printf("%9zu %12s %10.0f %10.0f %6.2f %10.0f %6.2f %12.0f %8ld\n", n_listeners, beside, floor,
           again, again / floor, median(first, runs), median(first, runs) / floor,
           median(whole, runs), memory);
    fflush(stdout);
    return again / floor;
}

/* Both ends of connection number i to a listener of our own, from addresses of 127/8. */
static void make_connection(int server, size_t i) {
    struct sockaddr_in to, from = {
                               .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f010000u + (uint32_t)(i / 5000)),
                           };
    socklen_t length = sizeof(to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), late = 1;

    /* connect() chooses the port: bind() would look for one that nobody at all has. */
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof(late)) < 0 ||
        getsockname(server, (struct sockaddr *)&to, &length) < 0 ||
        bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        accept4(server, NULL, NULL, SOCK_CLOEXEC) < 0)
        die("a connection");
}

static void make_listeners(size_t from, size_t count) {
    for (size_t i = from; i < from + count; i++)
        make_listener(i);
}

/* The server is closed again: what it accepted stays. */
static void make_connections(size_t from, size_t count) {
    _cleanup_close_ int server = make_listener(100000 + from);
    for (size_t i = from; i < from + count; i++)
        make_connection(server, i);
}

/*
 * A process may hold fewer fds than that (RLIMIT_NOFILE): children hold them, so many each, until
 * we end.
 */
static void hold(void (*make)(size_t from, size_t count), size_t from, size_t count, size_t each) {
    for (; count > 0; from += each) {
        size_t part = count < each ? count : each;
        int ready[2];
        char byte;
        if (pipe2(ready, O_CLOEXEC) < 0)
            die("pipe");
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            make(from, part);
            if (write(ready[1], "", 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1)
            die("a child");
        close(ready[0]);
        count -= part;
    }
}

int main(int argc, char **argv) {
    static const char *const usual[] = {"0", "1000", "10000", "50000", NULL};
    const char *const *sizes = argc > 1 ? (const char *const *)argv + 1 : usual;
    size_t made = 0;
    double worst = 0;

    enter_namespace();
    printf(
        "Dumps of TCP listeners over IPv4 and IPv6; medians in µs. The floor receives the same\n"
        "answers and throws them away; `again` fills a snapshot that was filled before, `first` a\n"
        "new one; `whole` is collector_snapshot(): every protocol, links and scopes.\n\n"
        "%9s %12s %10s %10s %6s %10s %6s %12s %8s\n",
        "listeners", "connections", "floor", "again", "ratio", "first", "ratio", "whole", "KiB");
    for (; *sizes; sizes++) {
        size_t wanted = strtoul(*sizes, NULL, 10);
        if (wanted > made)
            hold(make_listeners, made, wanted - made, PROCESS_FDS);
        made = wanted > made ? wanted : made;
        double ratio = measure(made, "0");
        if (made >= 10000 && ratio > worst)
            worst = ratio;
    }
    if (argc > 1)
        return 0;

    hold(make_connections, 0, CONNECTIONS, PROCESS_FDS / 2);
    measure(made, "100000");
    printf("\nworst ratio from 10,000 listeners on: %.2f (budget %.1f: %s)\n", worst, BUDGET,
           worst <= BUDGET ? "kept" : "MISSED");
    return worst <= BUDGET ? 0 : 1;
}
