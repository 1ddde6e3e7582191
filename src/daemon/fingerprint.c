/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the rules on disk are those in force: a number of all files that may hold rules, whether
 * they were used, refused or hidden by others. Cheap enough for each `status`.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "util/cleanup.h"
#include "util/fnv.h"
#include "util/memory.h"

static uint64_t fingerprint_file(int directory_fd, const char *path) {
    uint64_t hash = fnv_add(FNV_BEGIN, path, strlen(path) + 1);
    struct stat st = {};

    if (fstatat(directory_fd, path, &st, 0) < 0)
        return fnv_add(hash, "absent", 6);
    hash = fnv_add(hash, &st.st_ino, sizeof(st.st_ino));
    hash = fnv_add(hash, &st.st_size, sizeof(st.st_size));
    hash = fnv_add(hash, &st.st_mode, sizeof(st.st_mode));
    hash = fnv_add(hash, &st.st_uid, sizeof(st.st_uid));
    return fnv_add(hash, &st.st_mtim, sizeof(st.st_mtim));
}

/* A sum, as the order in which a directory is read says nothing. */
static uint64_t fingerprint_directory(const char *path) {
    static const char suffix[] = ".rules";
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    uint64_t sum = fnv_add(FNV_BEGIN, path, strlen(path) + 1);

    if (!directory)
        return sum;
    TAKE_FD(fd);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        if (length >= sizeof(suffix) &&
            strcmp(entry->d_name + length + 1 - sizeof(suffix), suffix) == 0)
            sum += fingerprint_file(dirfd(directory), entry->d_name);
    }
    return sum;
}

uint64_t rules_fingerprint(const DaemonOptions *options) {
    static const char *const directories[] = {SYSCONFDIR "/sockaudit/rules.d",
                                              "/run/sockaudit/rules.d", VENDORDIR "/rules.d"};
    static const char main_file[] = SYSCONFDIR "/sockaudit/sockaudit.rules";
    const char *root = options->root ?: "";
    uint64_t sum = 0;
    char path[PATH_MAX];

    if (options->rules)
        return fingerprint_file(AT_FDCWD, options->rules);
    for (size_t i = 0; i < ELEMENTS(directories); i++)
        if (snprintf(path, sizeof(path), "%s%s", root, directories[i]) < (int)sizeof(path))
            sum += fingerprint_directory(path);
    if (snprintf(path, sizeof(path), "%s%s", root, main_file) < (int)sizeof(path))
        sum += fingerprint_file(AT_FDCWD, path);
    return sum;
}
