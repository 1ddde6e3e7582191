/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/netns.h"

#include <fcntl.h>
#include <sys/stat.h>

Netns netns_current(int proc_fd) {
    struct stat own, first;

    if (fstatat(proc_fd, "thread-self/ns/net", &own, 0) < 0 &&
        fstatat(proc_fd, "self/ns/net", &own, 0) < 0)
        return (Netns){.host = true};
    bool readable = fstatat(proc_fd, "1/ns/net", &first, 0) == 0;
    return (Netns){
        .inode = own.st_ino,
        .host = !readable || (own.st_ino == first.st_ino && own.st_dev == first.st_dev),
    };
}
