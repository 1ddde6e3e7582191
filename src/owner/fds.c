/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "owner/proc_parse.h"
#include "owner/process.h"
#include "util/cleanup.h"

/* A registered file is a line of some 25 bytes; a million of them is the kernel's limit. */
#define RING_BYTES_MAX (64 << 20)

/* The kernel leaves the files out while the ring's lock is held: look again so often. */
#define RING_TRIES 8

static int ring_found(void *userdata, uint32_t inode) {
    FdVisitor *visitor = userdata;
    return visitor->socket(visitor->userdata, -1, inode);
}

/* One reading of a ring's fdinfo. Returns 1 when it listed its files, 0 when not. */
static int ring_read(int fdinfo_fd, const char *ring, FdVisitor *visitor) {
    UserFilesParser parser = {};
    char buffer[8192];
    size_t total = 0;

    _cleanup_close_ int fd = openat(fdinfo_fd, ring, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (total < RING_BYTES_MAX) {
        ssize_t n = read(fd, buffer, sizeof(buffer));
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        int r = user_files_parse(&parser, buffer, (size_t)n, ring_found, visitor);
        if (r < 0)
            return r;
        total += (size_t)n;
    }
    return parser.seen;
}

int io_uring_visit(int fd_directory, const char *ring, FdVisitor *visitor) {
    _cleanup_close_ int fdinfo_fd =
        openat(fd_directory, "../fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fdinfo_fd < 0)
        return -errno;
    for (unsigned try = 0; try < RING_TRIES; try++) {
        int r = ring_read(fdinfo_fd, ring, visitor);
        if (r != 0)
            return r < 0 ? r : 0;
        usleep(200);
    }
    visitor->ring_busy = true;
    return 0;
}

#define BUFFER_SIZE 16384

/* As getdents64(2) gives it; glibc's readdir() would cost an allocation of 32 KiB a process. */
typedef struct DirectoryEntry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
} DirectoryEntry;

int fd_read(int directory, const char *name, uint32_t *ret_inode) {
    char link[64];

    ssize_t length = readlinkat(directory, name, link, sizeof(link));
    return length < 0 ? -errno : (int)fd_link_parse(link, (size_t)length, ret_inode);
}

static int fd_visit(int fd_directory, const char *name, FdVisitor *visitor) {
    uint32_t inode;
    int fd;

    if (name[0] == '.' || proc_number_parse(name, &fd) < 0)
        return 0;
    switch (fd_read(fd_directory, name, &inode)) {
    case -EACCES:
        return -EACCES;
    case FD_SOCKET:
        return visitor->socket(visitor->userdata, fd, inode);
    case FD_IO_URING: {
        int r = io_uring_visit(fd_directory, name, visitor);
        return r == -ENOENT || r == -ESRCH ? 0 : r;
    }
    default:
        return 0;
    }
}

/* Where the entries of a buffer begin, which are never shorter than their fixed part. */
static size_t find_entries(const char *buffer, size_t length, uint16_t *ret_offsets) {
    size_t n = 0;
    for (size_t at = 0; at < length; at += ((const DirectoryEntry *)(buffer + at))->length)
        ret_offsets[n++] = (uint16_t)at;
    return n;
}

/* Visits a buffer of entries. Returns what the visitor did. */
static int buffer_visit(int fd_directory, const char *buffer, size_t length, FdVisitor *visitor) {
    uint16_t offsets[BUFFER_SIZE / offsetof(DirectoryEntry, name)];
    size_t n = find_entries(buffer, length, offsets);
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        size_t at = offsets[visitor->newest_first ? n - 1 - i : i];
        r = fd_visit(fd_directory, ((const DirectoryEntry *)(buffer + at))->name, visitor);
    }
    return r;
}

int fds_visit(int fd_directory, FdVisitor *visitor) {
    _Alignas(DirectoryEntry) char buffer[BUFFER_SIZE];

    for (;;) {
        long n = syscall(SYS_getdents64, fd_directory, buffer, sizeof(buffer));
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        int r = buffer_visit(fd_directory, buffer, (size_t)n, visitor);
        if (r != 0)
            return r < 0 ? r : 0;
    }
}
