/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "population.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "owner/owners.h"

void bench_namespace_enter(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) < 0)
        err(77, "a network namespace");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        err(1, "loopback");
    close(fd);
}

/* One process: its share of the listeners, and other fds of the kinds that desktops have. */
static void populate(const PopulationPlan *plan, unsigned n_listeners) {
    for (unsigned i = 0; i < plan->n_fds; i++) {
        if (i < n_listeners) {
            struct sockaddr_in address = {.sin_family = AF_INET};
            int fd = socket(AF_INET, SOCK_STREAM, 0);
            if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
                listen(fd, 1) < 0)
                err(1, "a listener");
        } else if (i % 4 == 0) {
            (void)!socket(AF_UNIX, SOCK_STREAM, 0);
        } else if (i % 4 == 1) {
            (void)!eventfd(0, 0);
        } else {
            (void)!open("/dev/null", O_RDONLY);
        }
    }
}

static void enter_cgroup(Population *population, const PopulationPlan *plan, pid_t pid,
                         unsigned index, unsigned n_listening) {
    char path[128], text[16];
    if (plan->n_cgroups == 0)
        return;
    size_t which = plan->n_cgroups == 1  ? 0
                   : index < n_listening ? 1 + index % (plan->n_cgroups - 1)
                                         : 0;
    snprintf(path, sizeof(path), "%s/cgroup.procs", population->cgroups[which]);
    snprintf(text, sizeof(text), "%d", (int)pid);
    int fd = openat(population->cgroup_fd, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        err(1, "%s", path);
    close(fd);
}

static void make_cgroups(Population *population, const PopulationPlan *plan) {
    OwnerSources sources;
    if (owner_sources_open(NULL, &sources) < 0)
        errx(1, "/proc");
    population->cgroup_fd = fcntl(sources.cgroup_fd, F_DUPFD_CLOEXEC, 3);
    owner_sources_close(&sources);
    for (size_t i = 0; i < plan->n_cgroups; i++) {
        snprintf(population->cgroups[i], sizeof(population->cgroups[i]), "bench-%d-%zu.service",
                 (int)getpid(), i);
        if (mkdirat(population->cgroup_fd, population->cgroups[i], 0755) < 0)
            err(77, "a cgroup");
        population->n_cgroups++;
    }
}

Population population_new(const PopulationPlan *plan) {
    Population population = {.pids = calloc(plan->n_processes, sizeof(pid_t)), .cgroup_fd = -1};
    int go[2], ready[2];
    struct rlimit limit = {.rlim_cur = 65536, .rlim_max = 65536};
    setrlimit(RLIMIT_NOFILE, &limit);
    make_cgroups(&population, plan);
    if (!population.pids || pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
        err(1, "processes");

    unsigned each = plan->n_listeners / plan->n_processes + 1;
    unsigned n_listening = (plan->n_listeners + each - 1) / each, left = plan->n_listeners;
    for (unsigned i = 0; i < plan->n_processes; i++) {
        unsigned listeners = left < each ? left : each;
        pid_t pid = fork();
        if (pid < 0)
            err(1, "fork");
        if (pid == 0) {
            char c;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(go[1]);
            close(ready[0]);
            if (read(go[0], &c, 1) != 1)
                _exit(1);
            populate(plan, listeners);
            close(ready[1]);
            for (;;)
                pause();
        }
        left -= listeners;
        enter_cgroup(&population, plan, pid, i, n_listening);
        population.pids[population.n_pids++] = pid;
        if (write(go[1], "x", 1) != 1)
            err(1, "go");
    }
    char c;
    close(ready[1]);
    (void)!read(ready[0], &c, 1); /* the end: every child has closed its own */
    close(ready[0]);
    close(go[0]);
    close(go[1]);
    return population;
}

void population_end(Population *population) {
    for (size_t i = 0; i < population->n_pids; i++)
        kill(population->pids[i], SIGKILL);
    for (size_t i = 0; i < population->n_pids; i++)
        waitpid(population->pids[i], NULL, 0);
    for (size_t i = 0; i < population->n_cgroups; i++)
        for (unsigned try = 0; try < 100; try++) {
            if (unlinkat(population->cgroup_fd, population->cgroups[i], AT_REMOVEDIR) == 0)
                break;
            usleep(10000);
        }
    free(population->pids);
    close(population->cgroup_fd);
}

static double seconds(const struct rusage *usage) {
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double cpu_of_program(char *const *arguments) {
    struct rusage usage;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
        return -1;
    return seconds(&usage);
}

static int compare(const void *left, const void *right) {
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

double median(double *values, size_t n) {
    qsort(values, n, sizeof(*values), compare);
    return n ? values[n / 2] : 0;
}
