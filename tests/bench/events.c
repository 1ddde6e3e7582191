/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the event sources cost and bring, in namespaces of its own: how soon after listen() the loop
 * has the event; connect/accept throughput beside nothing, our filter, no filter, and the TCP
 * destroy groups; one endpoint looked up among many listeners.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collect/events/cpu_list.h"
#include "collect/events/readers.h"
#include "collect/netlink/group_socket.h"
#include "collect/sockdiag/lookup.h"
#include "util/cleanup.h"
#include "util/memory.h"

static TracepointFormat format;
static unsigned *cpus;
static size_t n_cpus;

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

static void enter_world(void) {
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        (mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0 && errno != EBUSY))
        die("namespaces and tracefs");
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    _cleanup_close_ int sys_fd = open("/sys", O_PATH | O_CLOEXEC);
    _cleanup_close_ int tracefs_fd = open("/sys/kernel/tracing", O_PATH | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
        die("lo");
    if (tracepoint_read_format(tracefs_fd, &format) < 0 ||
        cpu_list_online(sys_fd, &cpus, &n_cpus) < 0)
        die("tracepoint");
}

static int listen_on(uint32_t address, uint16_t port) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 128) < 0)
        die("listener");
    return fd;
}

/* --- how soon ------------------------------------------------------------------------------------
 */

static int take_comm(const StateEvent *event, void *context, void **ret) {
    char path[64], *text = malloc(64);
    (void)context;
    snprintf(path, sizeof(path), "/proc/%u/comm", event->pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!text || fd < 0 || read(fd, text, 63) <= 0) {
        free(text);
        return -ESRCH;
    }
    *ret = text;
    return 0;
}

static void release_comm(void *record, void *context) {
    (void)context;
    free(record);
}

static Readers *open_readers(bool no_threads) {
    const ReadersConfig config = {
        .format = format,
        .witness = {take_comm, release_comm, NULL},
        .no_threads = no_threads,
    };
    Readers *readers;
    if (readers_open(&config, &readers) < 0 || readers_set_cpus(readers, cpus, n_cpus) < 0)
        die("readers");
    return readers;
}

/* From before listen() to the loop's having the event; a child listens, 2 ms apart. */
static void measure_latency(const char *label, bool no_threads, unsigned n) {
    Readers *readers = open_readers(no_threads);
    ReadersState state = readers_state(readers);
    struct pollfd fd = {.fd = readers_fd(readers), .events = POLLIN};
    double *spans = calloc(n, sizeof(*spans));
    unsigned n_spans = 0, named = 0;
    WitnessedEvent event;

    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < n; i++) {
            int socket_fd = listen_on(INADDR_LOOPBACK, 3000);
            usleep(2000);
            close(socket_fd);
        }
        _exit(0);
    }
    while (spans && n_spans < n && poll(&fd, 1, 2000) > 0) {
        readers_dispatch(readers);
        while (readers_next(readers, &event) > 0) {
            if (event.event.pid == (uint32_t)child && event.event.kind == STATE_EVENT_LISTEN &&
                n_spans < n) {
                spans[n_spans++] = now_us() - (double)event.event.time / 1e3;
                named += event.witness != NULL;
            }
            free(event.witness);
        }
    }
    waitpid(child, NULL, 0);
    readers_close(readers);
    if (spans && n_spans > 0) {
        qsort(spans, n_spans, sizeof(*spans), by_value);
        printf("%-34s %7zu %8.1f %8.1f %8.1f %6.1f %%\n", label, state.n_threads,
               spans[n_spans / 2], spans[n_spans * 99 / 100], spans[n_spans - 1],
               100.0 * named / n_spans);
    }
    free(spans);
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

typedef enum Beside { NOTHING, OURS, UNFILTERED, TCP_GROUPS, BESIDE_COUNT } Beside;

/* The tracepoint with every transition of every socket, thrown away. Does not return. */
static void read_unfiltered(int ready_fd) {
    struct pollfd fds[256];
    struct perf_event_mmap_page *pages[256];
    size_t n = n_cpus < 256 ? n_cpus : 256, page_size = (size_t)sysconf(_SC_PAGESIZE);
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT,
        .size = sizeof(attr),
        .config = format.id,
        .sample_period = 1,
        .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW,
        .wakeup_events = 1,
    };

    for (size_t i = 0; i < n; i++) {
        long fd = syscall(SYS_perf_event_open, &attr, -1, (int)cpus[i], -1, PERF_FLAG_FD_CLOEXEC);
        pages[i] = mmap(NULL, (TRACE_RING_PAGES + 1) * page_size, PROT_READ | PROT_WRITE,
                        MAP_SHARED, (int)fd, 0);
        if (fd < 0 || pages[i] == MAP_FAILED)
            die("perf");
        fds[i] = (struct pollfd){.fd = (int)fd, .events = POLLIN};
    }
    (void)!write(ready_fd, "x", 1);
    for (;;) {
        poll(fds, n, -1);
        for (size_t i = 0; i < n; i++)
            __atomic_store_n(&pages[i]->data_tail,
                             __atomic_load_n(&pages[i]->data_head, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
    }
}

static void read_filtered(int ready_fd) {
    Readers *readers = open_readers(false);
    struct pollfd fd = {.fd = readers_fd(readers), .events = POLLIN};

    (void)!write(ready_fd, "x", 1);
    for (WitnessedEvent event;;) {
        poll(&fd, 1, -1);
        readers_dispatch(readers);
        while (readers_next(readers, &event) > 0)
            free(event.witness);
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
        [OURS] = read_filtered, [UNFILTERED] = read_unfiltered, [TCP_GROUPS] = read_tcp_groups};
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
    static const char *const labels[] = {"nothing", "tracepoint, our filter",
                                         "tracepoint, no filter", "TCP destroy groups"};
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

static bool is_known(uint64_t cookie, void *data) {
    return cookie == *(const uint64_t *)data;
}

typedef enum Form { EXACT, APPEARED, APPEARED_KNOWN, PORT, ALL, FORM_COUNT } Form;

static double measure_form(Lookup *lookup, Form form, unsigned rounds) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    const Endpoint endpoint = {.proto = PROTO_TCP, .port = 3002, .address.family = AF_INET};
    const StateEvent event = {.proto = PROTO_TCP, .port = 3002, .address.family = AF_INET};
    double *spans = calloc(rounds, sizeof(*spans)), median;
    Listener found = {};

    if (!snapshot || !spans || lookup_exact(lookup, &endpoint, &found) != 1)
        die("lookup");
    for (unsigned i = 0; i < rounds; i++) {
        snapshot_clear(snapshot);
        double start = cpu_us();
        if (form == EXACT)
            lookup_exact(lookup, &endpoint, &found);
        else if (form == APPEARED)
            lookup_appeared(lookup, &event, NULL, NULL, snapshot);
        else if (form == APPEARED_KNOWN)
            lookup_appeared(lookup, &event, is_known, &found.cookie, snapshot);
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
    static const char *const labels[] = {"exact", "event of a new socket",
                                         "event whose endpoint is known", "dump of one port",
                                         "dump of all (no port)"};
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
    double more = spans[APPEARED][2] - spans[APPEARED][0];
    close(listener);
    printf("an event with 50,000 known costs %.1f µs more than with 50 (budget: 1,000)\n", more);
}

int main(void) {
    enter_world();
    printf("%-34s %7s %8s %8s %8s %8s\n", "listen() to the loop, µs", "threads", "p50", "p99",
           "max", "named");
    measure_latency("SCHED_FIFO threads", false, 1000);
    measure_latency("read by the loop", true, 1000);
    measure_churn();
    measure_lookups();
    free(cpus);
    return 0;
}
