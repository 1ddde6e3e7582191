/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search by the kernel's own iterator instead of a walk through /proc. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "owner/search.h"
#include "util/cleanup.h"

/* The first pid namespace: PROC_PID_INIT_INO of linux/proc_ns.h. */
#define PID_NAMESPACE_FIRST 0xEFFFFFFCu

/* Whether the program may be loaded: asked first, as libbpf takes its time to find that out. */
static bool may_load(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {};
    if (syscall(SYS_capget, &header, data) < 0)
        return false;
    if (data[0].effective & (1u << CAP_SYS_ADMIN))
        return true;
    uint32_t both = 1u << (CAP_BPF - 32) | 1u << (CAP_PERFMON - 32);
    return (data[1].effective & both) == both;
}

bool search_is_of_first_namespace(const OwnerSearch *search) {
    struct stat st;
    return fstatat(search->sources.proc_fd, "self/ns/pid", &st, 0) == 0 &&
           st.st_ino == PID_NAMESPACE_FIRST;
}

/* Where even root may not look at pid 1 (a security module, a restricted container) a walk can't
 * see everything; the iterator asks nobody. */
static bool is_closed(const OwnerSearch *search) {
    char target;
    return readlinkat(search->sources.proc_fd, "1/ns/net", &target, 1) < 0 &&
           (errno == EACCES || errno == EPERM);
}

/* Returns whether an iterator should be used: /proc is that of the running kernel, and large. */
static bool is_worth_it(const OwnerSearch *search, SearchDepth depth) {
    struct statfs fs;
    struct stat st;

    /* The links of procfs's root are its processes and a few. */
    return search->sources.processes ||
           (fstatfs(search->sources.proc_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
            fstat(search->sources.proc_fd, &st) == 0 &&
            (st.st_nlink >= search->iterate_min ||
             (depth == SEARCH_ALL && search->iterate_min != UINT_MAX && is_closed(search))));
}

/* Reads the next processes that have a wanted socket, as many as possible at once. Returns the
 * index of the first record whose process was not read, or a negative errno. */
static ssize_t read_processes(OwnerSearch *search, const struct FdRecord *records, size_t n) {
    ProcessReader *reader = search->sources.processes;
    size_t i = 0;

    if (!reader)
        return (ssize_t)n;
    while (i < n && (!idmap_find(&search->wanted, records[i].inode) ||
                     process_reader_add(reader, (pid_t)records[i].pid)))
        i++;
    int r = process_reader_read(reader);
    return r < 0 ? r : (ssize_t)i;
}

static int take_records(OwnerSearch *search, const struct FdRecord *records, size_t n) {
    ssize_t described = 0;

    for (size_t i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && records[next].pid == records[i].pid &&
                           records[next].tid == records[i].tid;)
            next++;
        if ((size_t)described < next) {
            described = read_processes(search, records + i, n - i);
            if (described < 0)
                return (int)described;
            described += (ssize_t)i;
        }
        int r = records[i].pid == 0 ? 0 : search_visit_records(search, records + i, next - i);
        if (r < 0)
            return r;
    }
    return 0;
}

static int iterate(OwnerSearch *search) {
    _cleanup_free_ struct FdRecord *records = NULL;
    size_t n;

    _cleanup_close_ int fd = fd_iterator_open(search->sources.fds_link);
    int r = fd < 0 ? fd : fd_iterator_read(fd, &records, &n);
    if (r >= 0)
        r = take_records(search, records, n);
    if (search->sources.processes)
        process_reader_forget(search->sources.processes);
    return r;
}

/* Repeats the search for a socket that moves between processes meanwhile (newcomers.c). */
#define ROUNDS_MAX 4

int search_iterate(OwnerSearch *search, SearchDepth depth) {
    if (search->iterated)
        return 1;
    /* Not after a walk has begun: no process is looked at twice. */
    if (!USE_BPF || search->listed || search->cgroups_done ||
        (search->sources.fds_link == 0 && !may_load()) || !is_worth_it(search, depth))
        return 0;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        int r = iterate(search);
        if (r < 0)
            return r == -ENOMEM ? r : 0;
        search->iterated = true;
        pid_t newest = search_newest_pid(search);
        if (!search->sources.processes || search->n_missing == 0 || newest == search->newest_pid)
            break;
        search->newest_pid = newest;
    }
    return 1;
}
