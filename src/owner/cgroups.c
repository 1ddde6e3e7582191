/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "owner/proc_parse.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* FILEID_KERNFS of linux/exportfs.h, which is no part of the uapi: an 8-byte node id. */
#define FILE_HANDLE_KERNFS 0xfe

/* A walk of the tree ends here: users can nest and multiply cgroups in their own part of it. */
#define WALK_DEPTH_MAX       64
#define WALK_DIRECTORIES_MAX 65536

void cgroup_resolver_done(CgroupResolver *resolver) {
    for (size_t i = 0; i < resolver->n_cgroups; i++)
        free(resolver->cgroups[i].path);
    free(resolver->cgroups);
    idmap_done(&resolver->by_id);
    *resolver = (CgroupResolver){.fd = -1};
}

const Cgroup *cgroup_find(const CgroupResolver *resolver, uint64_t id) {
    const uint32_t *index = idmap_find(&resolver->by_id, id);
    return index ? &resolver->cgroups[*index] : NULL;
}

/* Where a directory fd lies, as procfs names it. */
static int fd_path(int fd, char buffer[static PATH_MAX]) {
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    if (length < 0)
        return -errno;
    if (length >= PATH_MAX - 1)
        return -ENAMETOOLONG;
    buffer[length] = '\0';
    return 0;
}

/* id → path in microseconds, by the handle that the id is. Needs CAP_DAC_READ_SEARCH. */
static int path_by_handle(int mount_fd, uint64_t id, char **ret) {
    union {
        struct file_handle handle;
        char space[sizeof(struct file_handle) + sizeof(uint64_t)];
    } file = {.handle = {.handle_bytes = sizeof(id), .handle_type = FILE_HANDLE_KERNFS}};
    memcpy(file.handle.f_handle, &id, sizeof(id));

    _cleanup_close_ int fd = open_by_handle_at(mount_fd, &file.handle, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    char mount[PATH_MAX], path[PATH_MAX];
    int r = fd_path(mount_fd, mount);
    if (r >= 0)
        r = fd_path(fd, path);
    if (r < 0)
        return r;

    size_t prefix = strcmp(mount, "/") == 0 ? 0 : strlen(mount);
    if (strncmp(path, mount, prefix) != 0 || (path[prefix] != '/' && path[prefix] != '\0'))
        return -ESTALE; /* outside of our cgroup namespace */
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_nlink == 0)
        return -ESTALE; /* removed since: the path would end in " (deleted)" */
    *ret = strdup(path[prefix] ? path + prefix : "/");
    return *ret ? 0 : -ENOMEM;
}

typedef struct Walk {
    CgroupResolver *resolver;
    size_t n_wanted, n_directories;
    char path[PATH_MAX];
} Walk;

static int walk_note(Walk *walk, uint64_t inode) {
    const uint32_t *index = idmap_find(&walk->resolver->by_id, inode);
    Cgroup *cgroup = index ? &walk->resolver->cgroups[*index] : NULL;
    if (!cgroup || cgroup->path || cgroup->error != -EAGAIN)
        return 0;
    cgroup->path = strdup(*walk->path ? walk->path : "/");
    if (!cgroup->path)
        return -ENOMEM;
    cgroup->error = 0;
    walk->n_wanted--;
    return 0;
}

/* Takes over `fd`. Recursion is bounded by WALK_DEPTH_MAX. */
static int walk_directory(Walk *walk, int fd, unsigned depth) {
    struct stat st;
    if (fstat(fd, &st) < 0) {
        close(fd);
        return 0;
    }
    _cleanup_closedir_ DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -ENOMEM;
    }
    int r = walk_note(walk, st.st_ino);
    if (r < 0 || depth == WALK_DEPTH_MAX)
        return r;

    size_t length = strlen(walk->path);
    for (struct dirent *entry; walk->n_wanted > 0 && (entry = readdir(directory));) {
        size_t name = strlen(entry->d_name);
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0 || length + name + 2 > sizeof(walk->path))
            continue;
        if (++walk->n_directories > WALK_DIRECTORIES_MAX)
            return 0;
        int child = openat(dirfd(directory), entry->d_name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child < 0)
            continue;
        walk->path[length] = '/';
        memcpy(walk->path + length + 1, entry->d_name, name + 1);
        r = walk_directory(walk, child, depth + 1);
        walk->path[length] = '\0';
        if (r < 0)
            return r;
    }
    return 0;
}

/* Finds the paths of all that are still -EAGAIN: kernfs ids are inode numbers on 64 bits. */
static int resolve_by_walk(CgroupResolver *resolver, size_t n_wanted) {
    Walk walk = {.resolver = resolver, .n_wanted = n_wanted};
    int fd = openat(resolver->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? 0 : walk_directory(&walk, fd, 0);
    for (size_t i = 0; i < resolver->n_cgroups; i++)
        if (resolver->cgroups[i].error == -EAGAIN)
            resolver->cgroups[i].error = -ESTALE;
    return r;
}

size_t cgroup_path_owned_from(int mount_fd, const char *path) {
    char prefix[PATH_MAX];
    size_t length = 0;
    struct stat st;

    if (strlen(path) >= sizeof(prefix))
        return 0;
    for (const char *at = path; *at; at = path + length) {
        /* The directory that holds the next component: "" is the mount itself. */
        memcpy(prefix, path, length);
        prefix[length] = '\0';
        if (fstatat(mount_fd, length ? prefix + 1 : ".", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            st.st_uid != 0 || (st.st_mode & S_IWOTH) || ((st.st_mode & S_IWGRP) && st.st_gid != 0))
            return length;
        length += 1 + strcspn(at + 1, "/");
    }
    return SIZE_MAX;
}

size_t process_cgroup_owned_from(int mount_fd, const char *path) {
    _cleanup_free_ char *first = strndup(path + 1, strcspn(path + 1, "/"));
    struct stat st;
    if (!first)
        return 0;
    if (mount_fd < 0 || fstatat(mount_fd, first, &st, 0) < 0)
        return SIZE_MAX;
    return cgroup_path_owned_from(mount_fd, path);
}

/* Any other file system would call the handle of a cgroup stale. */
static bool recorded(const CgroupResolver *resolver) {
    struct statfs fs;
    return fstatfs(resolver->fd, &fs) == 0 && fs.f_type != CGROUP2_SUPER_MAGIC;
}

/* Makes the entry of an id, resolved if the handle can tell; 1 when only a walk can. */
static int resolve_one(CgroupResolver *resolver, uint64_t id) {
    int r = ARRAY_RESERVE(resolver->cgroups, resolver->n_allocated, resolver->n_cgroups + 1);
    if (r >= 0)
        r = idmap_add(&resolver->by_id, id, (uint32_t)resolver->n_cgroups, NULL);
    if (r <= 0)
        return r;

    Cgroup *cgroup = &resolver->cgroups[resolver->n_cgroups++];
    *cgroup = (Cgroup){.id = id};
    if (resolver->fd < 0) {
        cgroup->error = -ENOENT;
        return 0;
    }
    r = recorded(resolver) ? -EOPNOTSUPP : path_by_handle(resolver->fd, id, &cgroup->path);
    if (r == -ENOMEM)
        return r;
    cgroup->error = r;
    if (r == 0 || r == -ESTALE)
        return 0;
    cgroup->error = -EAGAIN;
    return 1;
}

int cgroups_resolve(CgroupResolver *resolver, const uint64_t *ids, size_t n) {
    size_t first = resolver->n_cgroups, n_for_walk = 0;
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        r = ids[i] == 0 ? 0 : resolve_one(resolver, ids[i]);
        if (r > 0)
            n_for_walk++;
    }
    if (n_for_walk > 0) {
        int walked = resolve_by_walk(resolver, n_for_walk);
        if (r >= 0)
            r = walked;
    }
    for (size_t i = first; i < resolver->n_cgroups; i++)
        if (resolver->cgroups[i].path)
            resolver->cgroups[i].owned_from =
                cgroup_path_owned_from(resolver->fd, resolver->cgroups[i].path);
    return r < 0 ? r : 0;
}

int cgroup_read_processes(const CgroupResolver *resolver, const Cgroup *cgroup, pid_t **pids,
                          size_t *n_pids, size_t *n_allocated) {
    char path[PATH_MAX];
    if (!cgroup->path)
        return cgroup->error;
    if ((size_t)snprintf(path, sizeof(path), ".%s/cgroup.procs", cgroup->path) >= sizeof(path))
        return -ENAMETOOLONG;
    int fd = openat(resolver->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    _cleanup_fclose_ FILE *file = fdopen(fd, "re");
    if (!file) {
        close(fd);
        return -ENOMEM;
    }
    char line[32];
    while (fgets(line, sizeof(line), file)) {
        int pid;
        line[strcspn(line, "\n")] = '\0';
        if (proc_number_parse(line, &pid) < 0 || pid == 0)
            continue;
        int r = array_reserve((void **)pids, n_allocated, *n_pids + 1, sizeof(**pids));
        if (r < 0)
            return r;
        (*pids)[(*n_pids)++] = pid;
    }
    return 0;
}
