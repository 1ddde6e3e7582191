/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets that begin to listen, for the benchmarks of the daemon:
 *
 *     sockets hold N wildcard|loopback     N listeners, until its stdin is closed
 *     sockets storm N PROCESSES HOLD BIND  N listeners that come and go as fast as the machine can;
 *                                          each HOLD-th (0: none) stays for 5 ms; BIND 0: listen()
 *                                          without bind(). N 0: until it is killed
 *     sockets events N GAP KIND            N that come and go, each for GAP µs: `bound` to a port
 * of its own, of a reuseport `group`, or `unbound` sockets idle N                       N processes
 * of 50 fds, until its stdin is closed sockets pairs SECONDS                connect() and accept()
 * on loopback; prints pairs/s
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT_FIRST = 10000,
    PORTS = 50000,
    HELD_BY_EACH = 10000,
    PORT_PAIRS = 3001,
    PORT_GROUP = 3002,
    PORT_EVENTS = 4000
};

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A listener at the port, or (0) without bind(); -1 when the port is taken. */
static int listen_at(uint32_t address, unsigned port) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(address),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    if ((port == 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0) &&
        listen(fd, 128) == 0)
        return fd;
    close(fd);
    return -1;
}

/* --- hold ----------------------------------------------------------------------------------------
 */

static void hold_some(unsigned first, unsigned end, uint32_t address, int ready_fd) {
    const struct rlimit limit = {HELD_BY_EACH + 64, HELD_BY_EACH + 64};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        die("RLIMIT_NOFILE");
    for (unsigned i = first; i < end; i++)
        if (listen_at(address, PORT_FIRST + i) < 0)
            die("listen");
    (void)!write(ready_fd, "x", 1);
    pause();
    _exit(0);
}

static int hold(unsigned n, bool wildcard) {
    pid_t pids[PORTS / HELD_BY_EACH];
    unsigned n_pids = 0;
    int ready[2];
    char byte;

    if (n > PORTS || pipe(ready) < 0)
        die("hold");
    for (unsigned first = 0; first < n; first += HELD_BY_EACH) {
        unsigned end = first + HELD_BY_EACH < n ? first + HELD_BY_EACH : n;
        pid_t child = fork();
        if (child == 0)
            hold_some(first, end, wildcard ? INADDR_ANY : INADDR_LOOPBACK, ready[1]);
        pids[n_pids++] = child;
        if (read(ready[0], &byte, 1) != 1)
            die("hold");
    }
    puts("ready");
    fflush(stdout);
    (void)!read(STDIN_FILENO, &byte, 1);
    for (unsigned i = 0; i < n_pids; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    return 0;
}

static int listen_in_group(void) {
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT_GROUP)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 128) < 0)
        die("group");
    return fd;
}

static int events(unsigned n, useconds_t gap, const char *kind) {
    bool in_group = strcmp(kind, "group") == 0, bound = strcmp(kind, "bound") == 0;
    int first = in_group ? listen_in_group() : -1;

    usleep(100000);
    for (unsigned i = 0; i < n; i++) {
        int fd = in_group ? listen_in_group() : listen_at(INADDR_ANY, bound ? PORT_EVENTS + i : 0);
        usleep(gap);
        close(fd);
    }
    if (first >= 0)
        close(first);
    return 0;
}

static int idle(unsigned n) {
    char byte;

    for (unsigned i = 0; i < n; i++)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (unsigned fd = 3; fd < 50; fd++)
                (void)!dup(STDOUT_FILENO);
            pause();
            _exit(0);
        }
    puts("ready");
    fflush(stdout);
    (void)!read(STDIN_FILENO, &byte, 1);
    return 0;
}

/* --- storm ---------------------------------------------------------------------------------------
 */

static void storm_some(unsigned n, unsigned lane, unsigned lanes, unsigned hold_each, bool binds) {
    unsigned ports = PORTS / lanes;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 1; n == 0 || i <= n; i++) {
        int fd = listen_at(INADDR_ANY, binds ? PORT_FIRST + lane * ports + i % ports : 0);
        if (hold_each > 0 && i % hold_each == 0)
            usleep(5000);
        if (fd >= 0)
            close(fd);
    }
    _exit(0);
}

static int storm(unsigned n, unsigned processes, unsigned hold_each, bool binds) {
    int status = 0, failed = 0;
    for (unsigned i = 0; i < processes; i++)
        if (fork() == 0)
            storm_some(n / processes, i, processes, hold_each, binds);
    while (wait(&status) >= 0)
        failed += status != 0;
    return failed > 0;
}

/* --- pairs ---------------------------------------------------------------------------------------
 */

static int pairs(double seconds) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_port = htons(PORT_PAIRS),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct linger reset = {.l_onoff = 1};
    int listener = listen_at(INADDR_LOOPBACK, PORT_PAIRS);
    double begin = now_seconds();
    unsigned n = 0;

    if (listener < 0)
        die("listen");
    for (; now_seconds() < begin + seconds; n++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client < 0 || connect(client, (const struct sockaddr *)&at, sizeof(at)) < 0)
            die("connect");
        int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        /* Reset, so that no port stays in TIME_WAIT. */
        setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(client);
        close(accepted);
    }
    printf("%.0f\n", n / (now_seconds() - begin));
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "hold") == 0)
        return hold((unsigned)atoi(argv[2]), strcmp(argv[3], "wildcard") == 0);
    if (argc == 5 && strcmp(argv[1], "events") == 0)
        return events((unsigned)atoi(argv[2]), (useconds_t)atoi(argv[3]), argv[4]);
    if (argc == 3 && strcmp(argv[1], "idle") == 0)
        return idle((unsigned)atoi(argv[2]));
    if (argc == 6 && strcmp(argv[1], "storm") == 0)
        return storm((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]),
                     atoi(argv[5]) != 0);
    if (argc == 3 && strcmp(argv[1], "pairs") == 0)
        return pairs(atof(argv[2]));
    fprintf(stderr, "usage: see the source\n");
    return 2;
}
