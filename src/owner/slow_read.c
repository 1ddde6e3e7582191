/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a process may take for ever to read: the command line and the environment, which wait for
 * mmap_lock of that process (a user can hold it with a FUSE of their own, a hung NFS does it to
 * anybody; tests/daemon/stuck.py), and the file that it runs, which may be on a server that is
 * down. All are read in a helper thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "owner/process.h"
#include "owner/process_internal.h"
#include "util/aside.h"
#include "util/cleanup.h"

struct SlowRead {
    AsideJob job;
    int begun; /* aside_begin()'s word; 0: it is to be waited for */
    int process_fd, root_fd;
    size_t cmdline_max;
    uid_t uid;
    bool wants_exe, wants_cmdline;
    bool exe_cached; /* nothing but what the kernel has in its caches */
    atomic_bool
        exe_known; /* then what is of the exe is the caller's, if the rest is still at work */
    int exe_error, cmdline_error;
    Holder found; /* exe, exe_id, exe_state; cmdline, listen_pid, n_listen_fds */
};

/* The users whose processes made the caller wait. Only one thread calls. */
static AsideBlame exe_blame, cached_blame, cmdline_blame;

static void slow_read_work(AsideJob *job) {
    SlowRead *slow = (SlowRead *)job;

    if (slow->wants_exe)
        slow->exe_error =
            exe_read(slow->process_fd, slow->root_fd, slow->exe_cached, &slow->found.exe,
                     &slow->found.exe_id, &slow->found.exe_state, &slow->found.exe_deleted);
    atomic_store(&slow->exe_known, true);
    if (slow->wants_cmdline)
        slow->cmdline_error =
            cmdline_read(slow->process_fd, slow->cmdline_max, &slow->found.cmdline);
    if (slow->wants_cmdline)
        environ_read(slow->process_fd, &slow->found.listen_pid, &slow->found.n_listen_fds);
}

static void slow_read_release(AsideJob *job) {
    SlowRead *slow = (SlowRead *)job;

    cleanup_close(&slow->process_fd);
    cleanup_close(&slow->root_fd);
    holder_done(&slow->found);
    free(slow);
}

int slow_read_begin(int process_fd, int root_fd, size_t cmdline_max, uid_t uid, SlowRead **ret) {
    SlowRead *slow = calloc(1, sizeof(*slow));
    if (!slow)
        return -ENOMEM;
    slow->job.work = slow_read_work;
    slow->job.release = slow_read_release;
    atomic_init(&slow->job.refs, 1);
    /* Its own: the caller may be done with them long before. */
    slow->process_fd = fcntl(process_fd, F_DUPFD_CLOEXEC, 0);
    slow->root_fd = root_fd < 0 ? -1 : fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    slow->cmdline_max = cmdline_max;
    slow->uid = uid;
    /* One program where a server is away must not hide all others of its user. */
    slow->exe_cached = !aside_may_try(&exe_blame, uid);
    slow->wants_exe = root_fd >= 0 && (!slow->exe_cached || aside_may_try(&cached_blame, uid));
    slow->wants_cmdline = aside_may_try(&cmdline_blame, uid) && aside_left() < ASIDE_LEFT_LESS_MAX;
    slow->begun = slow->wants_exe || slow->wants_cmdline ? aside_begin(&slow->job) : -EBUSY;
    *ret = slow;
    return 0;
}

/* The name alone, which takes no look at the file. */
static int exe_name_read(int process_fd, char **ret) {
    char path[PATH_MAX + 16];
    ssize_t length = readlinkat(process_fd, "exe", path, sizeof(path));
    if (length < 0)
        return -errno;
    *ret = strndup(path, (size_t)length);
    return *ret ? 0 : -ENOMEM;
}

static void take_exe(SlowRead *slow, Holder *holder) {
    holder->exe = TAKE_PTR(slow->found.exe);
    holder->exe_id = slow->found.exe_id;
    holder->exe_state = slow->found.exe_state;
    holder->exe_deleted = slow->found.exe_deleted;
}

void slow_read_end(SlowRead *slow, unsigned patience_msec, Holder *holder, int *ret_exe_error,
                   int *ret_cmdline_error) {
    int r = slow->begun == 0 ? aside_end(patience_msec) : slow->begun;
    bool exe_known =
        slow->wants_exe && (r == 0 || (r == -ETIMEDOUT && atomic_load(&slow->exe_known)));
    bool cmdline_known = slow->wants_cmdline && r == 0;

    *ret_exe_error = exe_known ? slow->exe_error : r < 0 ? r : -EBUSY;
    *ret_cmdline_error = cmdline_known ? slow->cmdline_error : r < 0 ? r : -EBUSY;
    if (exe_known)
        take_exe(slow, holder);
    else if (!holder->exe)
        (void)exe_name_read(slow->process_fd, &holder->exe);
    if (cmdline_known) {
        holder->cmdline = TAKE_PTR(slow->found.cmdline);
        holder->listen_pid = slow->found.listen_pid;
        holder->n_listen_fds = slow->found.n_listen_fds;
    }
    if (r == -ETIMEDOUT)
        aside_blame(atomic_load(&slow->exe_known) ? &cmdline_blame
                    : slow->exe_cached            ? &cached_blame
                                                  : &exe_blame,
                    slow->uid);
    aside_job_unref(&slow->job);
}
