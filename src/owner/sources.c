/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bpf/kernel_program.h"
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

bool owner_may_read_proc(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};

    return geteuid() == 0 ||
           (syscall(SYS_capget, &header, sets) == 0 && sets[0].effective & 1U << CAP_SYS_PTRACE);
}

void owner_sources_load(OwnerSources *sources) {
    int wanted, link = kernel_open_fds();
    if (link < 0)
        return;
    sources->fds_link = link;
    if (owner_may_read_proc())
        return;
    link = kernel_open_processes(&wanted);
    if (link >= 0)
        (void)process_reader_new(link, wanted, &sources->processes);
}
