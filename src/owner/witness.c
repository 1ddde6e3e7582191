/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "owner/cgroup_path.h"
#include "owner/cgroups.h"
#include "owner/process.h"
#include "util/cleanup.h"

/* Enough for a command line to be told by: more costs the reader time. */
#define WITNESS_CMDLINE_MAX 1024
/* A reader runs before all others, and so does what reads for it. */
#define WITNESS_PATIENCE_MSEC 20

Witnessed *witnessed_free(Witnessed *witnessed) {
    if (!witnessed)
        return NULL;
    holder_done(&witnessed->holder);
    free(witnessed->cgroup);
    free(witnessed);
    return NULL;
}

/* `directory`: of the process. */
static uint64_t thread_netns(int directory, const char *prefix, pid_t pid, pid_t tid) {
    struct stat netns;
    char name[48];

    /* The first thread's is the process's, for half the price. */
    if (tid == pid)
        snprintf(name, sizeof(name), "%sns/net", prefix);
    else
        snprintf(name, sizeof(name), "%stask/%d/ns/net", prefix, tid);
    return fstatat(directory, name, &netns, 0) == 0 ? netns.st_ino : 0;
}

uint64_t witness_netns(int proc_fd, pid_t pid, pid_t tid) {
    char prefix[16];

    snprintf(prefix, sizeof(prefix), "%d/", pid);
    return thread_netns(proc_fd, prefix, pid, tid);
}

static bool cmdline_is_whole(char *const *cmdline) {
    size_t size = 0;

    for (; cmdline && *cmdline; cmdline++)
        size += strlen(*cmdline) + 1;
    return size < WITNESS_CMDLINE_MAX;
}

/* While the process is being read by the helper, too. */
static void note_sockets(int process_fd, Witnessed *witnessed) {
    _cleanup_close_ int fds = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fds >= 0)
        witnessed->n_sockets = fds_newest_sockets(fds, witnessed->sockets, WITNESSED_SOCKETS);
}

int witness_take(int proc_fd, int root_fd, pid_t pid, pid_t tid, Witnessed **ret) {
    _cleanup_(witnessed_cleanup) Witnessed *witnessed = calloc(1, sizeof(*witnessed));
    ProcessRead read;
    char name[16];
    int error = 0;

    if (!witnessed)
        return -ENOMEM;
    snprintf(name, sizeof(name), "%d", pid);
    _cleanup_close_ int process_fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;

    int r = process_read_begin(process_fd, root_fd, WITNESS_CMDLINE_MAX, &read);
    if (r < 0)
        return r;
    witnessed->netns = thread_netns(process_fd, "", pid, tid);
    int cgroup_error = process_read_cgroup(process_fd, &witnessed->cgroup);
    note_sockets(process_fd, witnessed);
    r = process_read_end(&read, WITNESS_PATIENCE_MSEC, &witnessed->holder, &error);
    if (r < 0)
        return r;
    if (cgroup_error == -ENOMEM)
        return cgroup_error;
    witnessed->whole = error == 0 && cmdline_is_whole(witnessed->holder.cmdline);
    witnessed->holder.pid = pid;
    witnessed->holder.fd = -1;
    *ret = TAKE_PTR(witnessed);
    return 0;
}

static int set_origin(Owner *owner, int cgroup_fd, const char *cgroup) {
    CgroupIdentity identity;
    int r = cgroup_path_interpret(cgroup, process_cgroup_owned_from(cgroup_fd, cgroup), &identity);
    if (r < 0)
        return r;
    owner->unit = identity.unit;
    owner->user_unit = identity.user_unit;
    owner->session = identity.session;
    owner->runtime = identity.runtime;
    owner->container_id = identity.container_id;
    owner->container_name = identity.container_name;
    owner->cgroup = strdup(cgroup);
    return owner->cgroup ? 0 : -ENOMEM;
}

int witness_owner(const Witnessed *witnessed, int cgroup_fd, Owner **ret) {
    _cleanup_(owner_cleanup) Owner *owner = owner_new();
    if (!owner)
        return -ENOMEM;

    owner->complete = true;
    owner->note_is_literal = true;
    if (!witnessed) {
        owner->note = "the socket closed before its process could be read";
        *ret = TAKE_PTR(owner);
        return 0;
    }
    owner->attribution = ATTRIBUTION_PARTIAL;
    owner->note = "the socket closed before all of its processes could be found";
    owner->holders = calloc(1, sizeof(*owner->holders));
    if (!owner->holders)
        return -ENOMEM;
    int r = holder_copy(&witnessed->holder, &owner->holders[0]);
    if (r < 0)
        return r;
    owner->n_holders = owner->n_holders_seen = 1;
    r = witnessed->cgroup ? set_origin(owner, cgroup_fd, witnessed->cgroup) : 0;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(owner);
    return 0;
}
