/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that began during the search. A holder may hop: fork, let the child hold the socket and
 * exit, some thousand times a second. When the search comes to its pid it is gone, and its child
 * was not there yet when /proc was listed. The newest pids are few, so they are tried one by one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "owner/proc_parse.h"
#include "owner/search.h"
#include "util/cleanup.h"

/* A round takes some 10 us; one misses a hopping holder in about a third of the cases. */
#define ROUNDS_MAX 16

/* What can be forked during a search; more are not tried, but for the newest of them. */
#define NEWCOMERS_MAX 32768

/* The fifth word of /proc/loadavg (proc_loadavg(5)). */
pid_t search_newest_pid(const OwnerSearch *search) {
    char text[128];
    int pid;
    _cleanup_close_ int fd = openat(search->sources.proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    const char *word = strrchr(text, ' ');
    return word && proc_number_parse(word + 1, &pid) == 0 ? pid : 0;
}

/* Threads have numbers, too, and a /proc directory under them, but no pidfd. */
static bool is_process(pid_t pid) {
    _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd >= 0;
}

/* Looks at those of (after, newest] that are there. */
static int visit_range(OwnerSearch *search, pid_t after, pid_t newest) {
    if (newest - after > NEWCOMERS_MAX)
        after = newest - NEWCOMERS_MAX;
    for (pid_t pid = after + 1; pid <= newest; pid++) {
        if (!is_process(pid))
            continue;
        int r = search_visit_process(search, pid);
        if (r >= 0)
            r = search_visit_threads(search, pid);
        if (r < 0)
            return r;
    }
    return 0;
}

int search_visit_newcomers(OwnerSearch *search) {
    if (search->iterated && search->sources.processes) /* search_iterate() covers new processes */
        return 0;
    for (unsigned round = 0; round < ROUNDS_MAX && search->newest_pid > 0; round++) {
        pid_t before = search->newest_pid, newest = search_newest_pid(search);
        if (newest == before || newest == 0)
            return 0;
        search->newest_pid = newest;
        /* The numbers begin again at the smallest after the largest. */
        int r = visit_range(search, newest < before ? 0 : before, newest);
        if (r < 0)
            return r;
    }
    return 0;
}
