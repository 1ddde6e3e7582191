/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "collect/events/cpu_list.h"
#include "collect/events/tracepoint.h"
#include "daemon/daemon.h"
#include "util/cleanup.h"

#define KEPT_WITHIN (5 * USEC_PER_SEC)

/* The service manager need not keep it any longer: the next daemon gets others. */
static void have_removed(const char *name) {
    char state[128];
    snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);
    (void)sd_notify(0, state);
}

int passed_receive(NetHandles *net, EventHandles *events) {
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (!net_handles_take(net, names[i], fd) && !event_handles_take(events, names[i], fd))
            close(fd);
        have_removed(names[i]);
        free(names[i]);
    }
    free(names);
    if (n <= 0)
        return n;
    return net_handles_complete(net) ? 1 : -EBADF;
}

static int say(int error, const char *what) {
    fprintf(stderr, "sockauditd: %s: %s\n", what, strerror(-error));
    return error;
}

/* A container's service manager may not have been able to make a namespace of our own: then there
 * is nothing to enter, and perhaps no right to. */
static int enter_first_namespace(void) {
    struct stat own, first;
    _cleanup_close_ int fd = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &first) < 0 || stat("/proc/thread-self/ns/net", &own) < 0)
        return -errno;
    if (own.st_dev == first.st_dev && own.st_ino == first.st_ino)
        return 0;
    return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

/*
 * In the place of what is kept under that name from the last time, when the daemon did not come to
 * take it: half of an answer may wait in that. FDPOLL=0, as a perf event tells only one who
 * polls it that it is readable, and before it is mapped looks like one that hung up.
 */
static int keep(const char *name, int fd) {
    char state[128];

    have_removed(name);
    snprintf(state, sizeof(state), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    int r = sd_pid_notify_with_fds(0, 0, state, &fd, 1);
    return r == 0 ? -ENOTCONN : r;
}

static int keep_sockets(int proc_fd) {
    NetHandles handles;

    int r = net_handles_open(proc_fd, &handles);
    if (r < 0)
        return say(r, "Failed to open the sockets for events");
    for (NetHandle i = 0; i < HANDLE_COUNT && r >= 0; i++)
        if (handles.fds[i] >= 0)
            r = keep(net_handle_name(i), handles.fds[i]);
    net_handles_close(&handles);
    return r < 0 ? say(r, "the service manager does not keep the sockets") : 0;
}

/* What lacks the daemon tells, and polls. */
static int keep_events(int sys_fd) {
    _cleanup_free_ unsigned *cpus = NULL;
    _cleanup_close_ int tracefs_fd = tracefs_open(sys_fd);
    TracepointFormat format;
    size_t n_cpus = 0;

    int r = tracefs_fd < 0 ? tracefs_fd : tracepoint_read_format(tracefs_fd, &format);
    if (r >= 0)
        r = cpu_list_online(sys_fd, &cpus, &n_cpus);
    for (size_t i = 0; i < n_cpus && r >= 0; i++) {
        char name[EVENT_NAME_SIZE];
        TraceFeatures features;
        _cleanup_close_ int fd = r = trace_event_open(&format, cpus[i], &features);
        if (r == -ENODEV || r == -ENXIO) /* it went offline */
            r = 0;
        else if (r >= 0) {
            event_handle_name(cpus[i], &features, name);
            r = keep(name, fd);
        }
    }
    return r < 0 ? say(r, "Failed to subscribe to kernel events") : 0;
}

int passed_open(void) {
    _cleanup_close_ int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (proc_fd < 0)
        return say(-errno, "Failed to open /proc");
    int r = enter_first_namespace();
    if (r < 0)
        return say(r, "Failed to enter the network namespace of process 1");
    r = keep_sockets(proc_fd);
    if (r < 0)
        return r;
    (void)keep_events(sys_fd);
    r = sd_notify_barrier(0, KEPT_WITHIN);
    return r < 0 ? say(r, "the service manager does not answer") : 0;
}
