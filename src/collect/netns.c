/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/parse.h"

#define KERNEL_THREAD 0x00200000 /* PF_KTHREAD, linux/sched.h */

bool netns_stat_is_kernel_thread(const char *text, size_t length) {
    /* `2 (kthreadd) S 0 0 0 0 -1 FLAGS …`: the name may hold anything, so from its last `)`. */
    enum { FLAGS_FIELD = 6 }; /* counted from the state, which is 0 */
    const char *at = memrchr(text, ')', length), *end = text + length;
    uint64_t flags;

    if (!at)
        return false;
    at++;
    for (int field = 0; field <= FLAGS_FIELD; field++) {
        at = memchr(at, ' ', (size_t)(end - at));
        if (!at)
            return false;
        at++;
    }
    const char *blank = memchr(at, ' ', (size_t)(end - at));
    return blank && parse_unsigned(at, (size_t)(blank - at), UINT32_MAX, &flags) == 0 &&
           flags & KERNEL_THREAD;
}

static bool pid_is_kernel_thread(int proc_fd, const char *path) {
    char text[1024];
    _cleanup_close_ int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    return n > 0 && netns_stat_is_kernel_thread(text, (size_t)n);
}

/* pid 1 may be opaque even to root (KERNEL.md 12); kthreadd is in the same, the first one. */
static bool first_namespace(int proc_fd, struct stat *ret) {
    return fstatat(proc_fd, "1/ns/net", ret, 0) == 0 ||
           (pid_is_kernel_thread(proc_fd, "2/stat") && fstatat(proc_fd, "2/ns/net", ret, 0) == 0);
}

Netns netns_current(int proc_fd) {
    struct stat own, first;

    if (fstatat(proc_fd, "thread-self/ns/net", &own, 0) < 0 &&
        fstatat(proc_fd, "self/ns/net", &own, 0) < 0)
        return (Netns){.host = true};
    return (Netns){
        .inode = own.st_ino,
        .host = !first_namespace(proc_fd, &first) ||
                (own.st_ino == first.st_ino && own.st_dev == first.st_dev),
    };
}

Netns netns_passed(int fd) {
    struct stat st;
    return (Netns){.inode = fstat(fd, &st) == 0 ? st.st_ino : 0, .host = true};
}
