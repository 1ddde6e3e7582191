/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "owner/owners.h"
#include "util/cleanup.h"

static int open_directory(int root_fd, const char *path) {
    int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* The unified hierarchy alone or beside v1 ones. Below another root it is a recording. */
static int open_cgroup(int root_fd, bool recorded) {
    static const char *const places[] = {"sys/fs/cgroup", "sys/fs/cgroup/unified"};
    for (size_t i = 0; i < 2; i++) {
        struct statfs fs;
        int fd = open_directory(root_fd, places[i]);
        if (fd >= 0 && (recorded || (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)))
            return fd;
        cleanup_close(&fd);
    }
    return -1;
}

int owner_sources_open(const char *root, OwnerSources *ret) {
    _cleanup_close_ int root_fd = open_directory(AT_FDCWD, root ? root : "/");
    if (root_fd < 0)
        return root_fd;
    int proc_fd = open_directory(root_fd, "proc");
    if (proc_fd < 0)
        return proc_fd;
    *ret = (OwnerSources){.proc_fd = proc_fd, .cgroup_fd = open_cgroup(root_fd, root != NULL)};
    ret->root_fd = TAKE_FD(root_fd);
    return 0;
}

void owner_sources_close(OwnerSources *sources) {
    cleanup_close(&sources->proc_fd);
    cleanup_close(&sources->cgroup_fd);
    cleanup_close(&sources->root_fd);
    if (sources->fds_link > 0)
        close(sources->fds_link);
    process_reader_free(sources->processes);
    *sources = (OwnerSources){.proc_fd = -1, .cgroup_fd = -1, .root_fd = -1};
}
