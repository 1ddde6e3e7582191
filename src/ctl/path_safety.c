/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/machine.h"
#include "util/cleanup.h"

/* As the kernel does (path_resolution(7)). */
#define LINKS_MAX 40

/*
 * Whether others than root may write it. In a sticky directory (/tmp) only the owner of an entry
 * can replace it, and each entry's owner is looked at by itself.
 */
static bool others_may_write(const struct stat *status) {
    if (status->st_uid != 0)
        return true;
    if (S_ISLNK(status->st_mode) || (S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX)))
        return false;
    return (status->st_mode & S_IWOTH) || ((status->st_mode & S_IWGRP) && status->st_gid != 0);
}

/* Steps over one component of *rest, appended to `path`. Returns 1, or 0 at the end. */
static int next_component(char path[static PATH_MAX], const char **rest) {
    while (**rest == '/')
        (*rest)++;
    size_t length = strcspn(*rest, "/"), have = strlen(path);
    if (length == 0)
        return 0;
    if (have + length + 2 > PATH_MAX)
        return -ENAMETOOLONG;
    path[have] = '/';
    memcpy(path + have + 1, *rest, length);
    path[have + 1 + length] = '\0';
    *rest += length;
    return 1;
}

/* The path that is still to go after a symbolic link: its target, then the rest. */
static int follow_link(char path[static PATH_MAX], const char *rest, char **ret_todo) {
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    char *slash = strrchr(path, '/');
    *(target[0] == '/' ? path : slash) = '\0';
    return asprintf(ret_todo, "%s%s", target, rest) < 0 ? -ENOMEM : 0;
}

static bool is_last(const char *path, const char *name) {
    return strcmp(strrchr(path, '/') + 1, name) == 0;
}

/* Takes away a trailing `/.`, or a trailing `/..` with the directory before it. */
static bool is_dots(char path[static PATH_MAX]) {
    bool up = is_last(path, "..");
    if (!up && !is_last(path, "."))
        return false;
    *strrchr(path, '/') = '\0';
    if (up && *path)
        *strrchr(path, '/') = '\0';
    return true;
}

static int look_at(const char *path, bool *ret_is_link, char **ret_place) {
    struct stat status;
    if (lstat(*path ? path : "/", &status) < 0)
        return -errno;
    *ret_is_link = S_ISLNK(status.st_mode);
    if (!others_may_write(&status))
        return 0;
    *ret_place = strdup(*path ? path : "/");
    return *ret_place ? -EPERM : -ENOMEM;
}

int path_is_safe(const char *path, char **ret_place) {
    _cleanup_free_ char *todo = strdup(path);
    char done[PATH_MAX] = "";
    bool is_link;
    unsigned n_links = 0;

    if (!todo)
        return -ENOMEM;
    if (path[0] != '/')
        return -EINVAL;
    int r = look_at(done, &is_link, ret_place);
    for (const char *rest = todo; r == 0;) {
        int more = next_component(done, &rest);
        if (more <= 0)
            return more;
        if (is_dots(done))
            continue;
        r = look_at(done, &is_link, ret_place);
        if (r < 0 || !is_link)
            continue;
        if (++n_links > LINKS_MAX)
            return -ELOOP;
        char *longer;
        r = follow_link(done, rest, &longer);
        if (r < 0)
            return r;
        free(todo);
        rest = todo = longer;
    }
    return r;
}
