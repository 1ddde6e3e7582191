/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The readers' threads and the loop for two seconds of listeners that come and go, while CPUs are
 * taken away and given back: a program for ThreadSanitizer, with which Criterion does not run:
 *
 *   configure CFLAGS='-O1 -g -fsanitize=thread' --disable-hardening && make tests/net/race
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collect/events/cpu_list.h"
#include "collect/events/readers.h"
#include "util/cleanup.h"

#define TRIES    10
#define PATIENCE 60 /* s, on a machine with much else to do */

/* Of one life: a thread that was left behind counts in its own yet. */
typedef struct Counts {
    atomic_int taken, released;
} Counts;

static int skip(const char *what, int error) {
    fprintf(stderr, "cannot run here: %s: %s\n", what, strerror(error));
    return getenv("CI") ? 1 : 77;
}

static int take(const StateEvent *event, void *context, void **ret) {
    Counts *counts = context;
    char path[64], *text = malloc(64);

    snprintf(path, sizeof(path), "/proc/%u/comm", event->pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = text && fd >= 0 ? read(fd, text, 63) : -1;
    if (n <= 0) {
        free(text);
        return -ESRCH;
    }
    atomic_fetch_add(&counts->taken, 1);
    *ret = text;
    return 0;
}

static void release(void *record, void *context) {
    Counts *counts = context;
    atomic_fetch_add(&counts->released, 1);
    free(record);
}

/* Listens and closes on every CPU, until it is killed. */
static pid_t start_churn(void) {
    pid_t child = fork();
    if (child != 0)
        return child;
    for (unsigned i = 0;; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        listen(fd, 1);
        close(fd);
        if (i % 8 == 0)
            usleep(200);
    }
}

static unsigned drain(Readers *readers, Counts *counts) {
    WitnessedEvent event;
    unsigned n = 0;

    readers_dispatch(readers);
    while (readers_next(readers, &event) > 0) {
        n++;
        if (event.witness)
            release(event.witness, counts);
    }
    return n;
}

/* Returns how many events came, or a negative errno. */
static int run(Readers *readers, const unsigned *cpus, size_t n_cpus, Counts *counts) {
    struct pollfd fd = {.fd = readers_fd(readers), .events = POLLIN};
    struct timespec start, now;
    time_t passed;
    unsigned n = 0, round = 0;
    uint64_t lost = 0;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        int r = 0;
        if (poll(&fd, 1, 20) > 0)
            n += drain(readers, counts);
        lost += readers_take_lost(readers);
        if (++round % 50 == 0)
            r = readers_set_cpus(readers, cpus, round % 100 == 0 ? n_cpus : n_cpus - 1);
        if (round % 70 == 0)
            readers_drop_dead(readers);
        if (r < 0)
            return r;
        clock_gettime(CLOCK_MONOTONIC, &now);
        passed = now.tv_sec - start.tv_sec;
    } while (passed < 2 || (passed < PATIENCE && (n == 0 || counts->taken == 0)));
    printf("# %u events, %zu lost, %u rounds\n", n, (size_t)lost, round);
    return (int)n;
}

/*
 * One life of the readers. Returns 0; -EBUSY where a thread did not end in READERS_STOP_MSEC, and
 * was left behind; or another negative errno.
 */
static int live(ReadersConfig *config, const unsigned *cpus, size_t n_cpus, Counts *counts) {
    Readers *readers;

    config->witness = (Witness){take, release, counts};
    int r = readers_open(config, &readers);
    if (r < 0)
        return r;
    r = readers_set_cpus(readers, cpus, n_cpus);
    int n = r < 0 ? r : run(readers, cpus, n_cpus, counts);
    int closed = readers_close(readers);
    if (n < 0 || closed < 0)
        return n < 0 ? n : closed;
    if (n == 0 || counts->taken == 0 || counts->taken != counts->released) {
        printf("# %d events, %d taken, %d released\n", n, counts->taken, counts->released);
        return -EBADMSG;
    }
    return 0;
}

int main(void) {
    _cleanup_free_ unsigned *cpus = NULL;
    static Counts counts[TRIES];
    ReadersConfig config = {};
    size_t n_cpus;

    if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        (mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0 && errno != EBUSY))
        return skip("tracefs", errno);
    _cleanup_close_ int sys_fd = open("/sys", O_PATH | O_CLOEXEC);
    _cleanup_close_ int tracefs_fd = open("/sys/kernel/tracing", O_PATH | O_CLOEXEC);
    int r = tracepoint_read_format(tracefs_fd, &config.format);
    if (r >= 0)
        r = cpu_list_online(sys_fd, &cpus, &n_cpus);
    pid_t churn = start_churn();
    /* On a machine with much else to do a thread may be late for its end; not each time. */
    for (int i = 0, done = r < 0; i < TRIES && !done; i++) {
        r = live(&config, cpus, n_cpus, &counts[i]);
        done = r != -EBUSY;
        printf(done ? "" : "# a thread was left behind\n");
        fflush(stdout);
    }
    kill(churn, SIGKILL);
    waitpid(churn, NULL, 0);
    if (r == -EACCES || r == -EPERM)
        return skip("perf events", -r);
    if (r < 0)
        printf("# %s\n", strerror(-r));
    printf("%sok 1 - readers and loop do not race\n1..1\n", r < 0 ? "not " : "");
    return r < 0;
}
