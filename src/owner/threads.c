/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that don't share the fd table of their process: after unshare(CLONE_FILES), or when the
 * first thread has exited and left its table empty. /proc/PID/fd is the first thread's alone, so
 * a socket can be held where no search of /proc/PID/fd (and not `ss -p`) finds it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "owner/proc_parse.h"
#include "owner/search.h"
#include "util/cleanup.h"

/* Whether both have one table: kcmp(2) is a tenth of reading it. Unknown counts as no. */
static bool shares_table(pid_t leader, pid_t thread) {
    return syscall(SYS_kcmp, leader, thread, KCMP_FILES, 0, 0) == 0;
}

int search_visit_threads(OwnerSearch *search, pid_t pid) {
    char path[64];
    struct stat st;

    /* The directory's links are its threads and two: one look spares most processes the rest. */
    snprintf(path, sizeof(path), "%d/task", (int)pid);
    if (fstatat(search->sources.proc_fd, path, &st, 0) < 0 || st.st_nlink <= 3)
        return 0;
    int fd = openat(search->sources.proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    _cleanup_closedir_ DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -ENOMEM;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        int thread;
        if (proc_number_parse(entry->d_name, &thread) < 0 || thread == pid ||
            shares_table(pid, thread))
            continue;
        snprintf(path, sizeof(path), "%d/task/%d/fd", (int)pid, thread);
        int r = search_visit_table(search, pid, path);
        if (r < 0)
            return r;
    }
    return 0;
}
