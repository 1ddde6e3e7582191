/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "owner/caller_holder.h"
#include "owner/file_identity.h"
#include "owner/proc_parse.h"
#include "owner/process_internal.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* Reads a file of the process up to `size` bytes; -errno or the length. Those that are read here
 * give at once all that there is room for: their end need not be asked for. */
static ssize_t read_file(int process_fd, const char *name, char *buffer, size_t size) {
    _cleanup_close_ int fd = openat(process_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, buffer, size);
    return n < 0 ? -errno : n;
}

static int read_stat(int process_fd, Holder *holder) {
    char buffer[1024];
    ProcStat stat;
    ssize_t n = read_file(process_fd, "stat", buffer, sizeof(buffer));
    if (n < 0)
        return (int)n;
    int r = proc_stat_parse(buffer, (size_t)n, &stat);
    if (r < 0)
        return r;
    holder->comm = strdup(stat.comm);
    if (!holder->comm)
        return -ENOMEM;
    holder->start = stat.start;
    holder->group = stat.group;
    return 0;
}

/* `Uid:` stands among the first lines: the rest, which costs the kernel more, is not copied. */
static int read_uid_of_status(int process_fd, uid_t *ret) {
    char buffer[1024];
    ssize_t n = read_file(process_fd, "status", buffer, sizeof(buffer));
    return n < 0 ? (int)n : proc_status_parse_uid(buffer, (size_t)n, ret);
}

/*
 * The owner of /proc/PID itself is the effective uid, also where all else is made root's because
 * the process may not be dumped (task_dump_owner(), fs/proc/base.c), for a tenth of what `status`
 * costs. Once the process is gone it is 0: what is read after it tells. In a recording only
 * `status` has it.
 */
static int read_uid(int process_fd, Holder *holder) {
    struct statfs fs;
    struct stat st;

    if (fstatfs(process_fd, &fs) < 0 || fstat(process_fd, &st) < 0)
        return -errno;
    if (fs.f_type != PROC_SUPER_MAGIC)
        return read_uid_of_status(process_fd, &holder->uid);
    holder->uid = st.st_uid;
    return 0;
}

int cmdline_read(int process_fd, size_t max, char ***ret) {
    char buffer[CMDLINE_BYTES_MAX];
    ssize_t n =
        read_file(process_fd, "cmdline", buffer, max < sizeof(buffer) ? max : sizeof(buffer));
    if (n < 0)
        return (int)n;
    return proc_cmdline_parse(buffer, (size_t)n, ret);
}

void environ_read(int process_fd, pid_t *ret_listen_pid, int *ret_n_listen_fds) {
    char buffer[ENVIRON_BYTES_MAX];
    ssize_t n = read_file(process_fd, "environ", buffer, sizeof(buffer));
    proc_environ_parse(buffer, n > 0 ? (size_t)n : 0, ret_listen_pid, ret_n_listen_fds);
}

static int read_cwd(int process_fd, Holder *holder) {
    char path[PATH_MAX + 16];
    ssize_t length = readlinkat(process_fd, "cwd", path, sizeof(path));
    if (length < 0)
        return -errno;
    holder->cwd = strndup(path, (size_t)length);
    return holder->cwd ? 0 : -ENOMEM;
}

/* Keeps the first reason for which something could not be read. Returns -ENOMEM, else 0. */
static int note_error(int r, int *error) {
    if (r < 0 && *error == 0)
        *error = r;
    return r == -ENOMEM ? r : 0;
}

/* This includes an exiting process. For a moment it has descriptors but no exe (KERNEL-FACTS.md),
 * and it accepts no connections. */
static bool is_gone(int process_fd) {
    char buffer[1024];
    ProcStat stat;
    ssize_t n = read_file(process_fd, "stat", buffer, sizeof(buffer));
    if (n < 0)
        return n == -ENOENT || n == -ESRCH;
    return proc_stat_parse(buffer, (size_t)n, &stat) == 0 && stat.exiting;
}

static int read_by_proc(const OwnerSources *sources, const ProcessWish *wish, Holder *ret,
                        int *ret_error) {
    _cleanup_holder_ Holder holder = {.pid = wish->pid, .uid = (uid_t)-1};
    int process_fd = wish->process_fd, error = 0, exe_error = 0, cmdline_error = 0;
    SlowRead *slow;

    int r = note_error(read_uid(process_fd, &holder), &error);
    if (r >= 0)
        r = slow_read_begin(process_fd, sources->root_fd, wish->cmdline_max, holder.uid, &slow);
    if (r < 0)
        return r;
    bool out_of_memory = note_error(read_stat(process_fd, &holder), &error) < 0 ||
                         note_error(read_cwd(process_fd, &holder), &error) < 0;
    slow_read_end(slow, wish->patience_msec, &holder, &exe_error, &cmdline_error);
    if (out_of_memory || note_error(exe_error, &error) < 0 || note_error(cmdline_error, &error) < 0)
        return -ENOMEM;
    if ((error == -ENOENT || error == -ESRCH) && is_gone(process_fd))
        return -ESRCH;

    *ret = holder;
    holder = (Holder){};
    *ret_error = error;
    return 0;
}

/* Checks the process, because wish->process_fd may be that of a thread that started later. */
static bool has_started_at(const OwnerSources *sources, pid_t pid, uint64_t start) {
    char name[16];

    snprintf(name, sizeof(name), "%d", (int)pid);
    _cleanup_close_ int process_fd =
        openat(sources->proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return process_fd >= 0 && process_start(process_fd) == start;
}

/* Reads only the command line from /proc, which is open to every user. */
static int read_slowly(const OwnerSources *sources, const ProcessWish *wish, Holder *holder) {
    int exe_error, error;
    SlowRead *slow;

    if (wish->process_fd < 0 || !has_started_at(sources, wish->pid, holder->start))
        return -ENOENT;
    int r = slow_read_begin(wish->process_fd, -1, wish->cmdline_max, holder->uid, &slow);
    if (r < 0)
        return r;
    slow_read_end(slow, wish->patience_msec, holder, &exe_error, &error);
    return error;
}

static bool is_as_seen(const Caller *caller, const struct FdRecord *seen) {
    return !seen ||
           (caller->start == caller_ticks(seen->start) && caller->exe_id.inode == seen->exe_inode);
}

static int read_by_kernel(const OwnerSources *sources, const ProcessWish *wish, Holder *ret,
                          int *ret_error) {
    _cleanup_caller_ Caller caller = {};
    _cleanup_holder_ Holder holder = {};
    int error = 0;

    int r = process_reader_get(sources->processes, wish->pid, &caller);
    if (r >= 0 && !is_as_seen(&caller, wish->seen))
        r = -ESRCH;
    if (r >= 0)
        r = holder_from_caller(sources, &caller, &holder);
    if (r >= 0)
        r = note_error(read_slowly(sources, wish, &holder), &error);
    if (r < 0)
        return r;
    if (!holder.exe || !holder.cwd)
        (void)note_error(-ENAMETOOLONG, &error);
    *ret = holder;
    holder = (Holder){};
    *ret_error = error;
    return 0;
}

/* If the iterator fails, as before Linux 5.19 without capabilities, /proc is read. */
int process_read(const OwnerSources *sources, const ProcessWish *wish, Holder *ret,
                 int *ret_error) {
    int error = 0, r = -EPERM;

    if (sources->processes)
        r = read_by_kernel(sources, wish, ret, &error);
    if (r < 0 && r != -ESRCH && r != -ENOMEM)
        r = wish->process_fd < 0 ? -ESRCH : read_by_proc(sources, wish, ret, &error);
    if (ret_error)
        *ret_error = error;
    return r;
}

/* --- still the same ------------------------------------------------------------------------------
 */

static bool is_still_by_proc(const OwnerSources *sources, const Holder *seen) {
    _cleanup_holder_ Holder now = {};
    char path[PATH_MAX + 16], name[16];
    FileId file;

    snprintf(name, sizeof(name), "%d", (int)seen->pid);
    _cleanup_close_ int process_fd =
        openat(sources->proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_fd < 0 || read_stat(process_fd, &now) < 0 || now.start != seen->start ||
        strcmp(now.comm, seen->comm) != 0)
        return false;
    ssize_t length = readlinkat(process_fd, "exe", path, sizeof(path));
    return length >= 0 && (size_t)length == strlen(seen->exe) &&
           memcmp(path, seen->exe, (size_t)length) == 0 &&
           file_identity_of_link(process_fd, "exe", &file) == 0 &&
           file_id_equal(&file, &seen->exe_id);
}

/* Compares path and inode, because the kernel's device number may differ from that of stat(2). */
static bool is_still_by_kernel(const OwnerSources *sources, const Holder *seen) {
    _cleanup_caller_ Caller now = {};

    return process_reader_get(sources->processes, seen->pid, &now) == 0 &&
           now.start == seen->start && strcmp(now.comm, seen->comm) == 0 && now.exe &&
           strcmp(now.exe, seen->exe) == 0 && now.exe_deleted == seen->exe_deleted &&
           (now.exe_id.inode == seen->exe_id.inode || !file_id_is_known(&seen->exe_id));
}

static bool are_still_by_kernel(const OwnerSources *sources, const Holder *seen, size_t n) {
    bool same = true;

    for (size_t i = 0; i < n && process_reader_add(sources->processes, seen[i].pid);)
        i++;
    (void)process_reader_read(sources->processes);
    for (size_t i = 0; i < n && same; i++)
        same = is_still_by_kernel(sources, &seen[i]);
    process_reader_forget(sources->processes);
    return same;
}

bool processes_are_still(const OwnerSources *sources, const Holder *seen, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!seen[i].comm || !seen[i].exe || seen[i].start == 0)
            return false;
    if (sources->processes)
        return are_still_by_kernel(sources, seen, n);
    for (size_t i = 0; i < n; i++)
        if (!is_still_by_proc(sources, &seen[i]))
            return false;
    return true;
}

uint64_t process_start(int process_fd) {
    _cleanup_holder_ Holder holder = {};
    return read_stat(process_fd, &holder) < 0 ? 0 : holder.start;
}

int process_read_cgroup(int process_fd, char **ret) {
    char buffer[16384];
    const char *path;
    size_t length;
    ssize_t n = read_file(process_fd, "cgroup", buffer, sizeof(buffer));
    if (n < 0)
        return (int)n;
    int r = proc_cgroup_parse(buffer, (size_t)n, &path, &length);
    if (r < 0)
        return r;
    *ret = strndup(path, length);
    return *ret ? 0 : -ENOMEM;
}
