/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "daemon/daemon.h"
#include "util/cleanup.h"

#define KEPT_WITHIN (5 * USEC_PER_SEC)

int passed_receive(NetHandles *ret) {
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    for (int i = 0; i < n; i++) {
        if (!net_handles_take(ret, names[i], SD_LISTEN_FDS_START + i))
            close(SD_LISTEN_FDS_START + i);
        free(names[i]);
    }
    free(names);
    if (n <= 0)
        return n;
    return net_handles_complete(ret) ? 1 : -EBADF;
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

/* In the place of what is kept under that name from the last time: another's messages may wait in
 * that, or half of an answer. */
static int keep(NetHandle handle, int fd) {
    char state[128];

    snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", net_handle_name(handle));
    int r = sd_notify(0, state);
    if (r > 0 && fd >= 0) {
        snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", net_handle_name(handle));
        r = sd_pid_notify_with_fds(0, 0, state, &fd, 1);
    }
    return r == 0 ? -ENOTCONN : r;
}

int passed_open(void) {
    NetHandles handles;
    _cleanup_close_ int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (proc_fd < 0)
        return say(-errno, "cannot open /proc");
    int r = enter_first_namespace();
    if (r < 0)
        return say(r, "cannot enter the network namespace of process 1");
    r = net_handles_open(proc_fd, &handles);
    if (r < 0)
        return say(r, "cannot open the sockets that tell what listens");
    for (NetHandle i = 0; i < HANDLE_COUNT && r >= 0; i++)
        r = keep(i, handles.fds[i]);
    net_handles_close(&handles);
    if (r >= 0)
        r = sd_notify_barrier(0, KEPT_WITHIN);
    return r < 0 ? say(r, "the service manager does not keep the sockets") : 0;
}
