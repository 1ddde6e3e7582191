/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/files/file_trust.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/names.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/name_service.h"

/* The last uid that Debian, Fedora and systemd give to system users. */
#define SYSTEM_UID_MAX 999

/* The path of an opened file as the kernel knows it, or NULL where /proc does not tell. */
static char *fd_path(int fd) {
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (length <= 0 || path[0] != '/')
        return NULL;
    path[length] = '\0';
    return strdup(path);
}

/* One that adduser(8) gives out to people could be anybody's who chose that name. */
uid_t trust_service_uid(void) {
    uint32_t uid;
    return name_user_id(TRUST_SERVICE_USER, &uid) == 0 && uid <= SYSTEM_UID_MAX ? uid : 0;
}

int trust_init(Trust *trust, uid_t uid, int root_fd) {
    *trust = (Trust){.uid = uid, .service = trust_service_uid()};
    if (root_fd >= 0)
        trust->stop = fd_path(root_fd);
    return 0;
}

void trust_done(Trust *trust) {
    free(trust->stop);
    *trust = (Trust){};
}

static bool owner_is_good(const Trust *trust, uid_t uid) {
    return uid == 0 || uid == trust->uid || uid == trust->service;
}

/* Owner and mode alone. Group 0 is root's, and a user's own group, with no other member, is the
 * user's: with umask 002, usual on desktops, all that they write is its. */
static bool status_is_good(const Trust *trust, const struct stat *status) {
    if (!owner_is_good(trust, status->st_uid) || status->st_mode & S_IWOTH)
        return false;
    if (!(status->st_mode & S_IWGRP) || status->st_gid == 0)
        return true;
    return trust->uid != 0 && names_group_is_private(status->st_gid, trust->uid);
}

/* What is wrong with owner and mode, and what to do. `place` NULL: the file itself. */
static int tell_problem(const Trust *trust, const char *place, const struct stat *status,
                        char **ret_problem) {
    _cleanup_free_ char *owner = names_of_user(status->st_uid);
    _cleanup_free_ char *group = names_of_group(status->st_gid);
    _cleanup_free_ char *trusted = names_of_user(trust->uid);
    _cleanup_free_ char *where = text_escape_string(place);
    bool wrong_owner = !owner_is_good(trust, status->st_uid);
    unsigned mode = status->st_mode & 07777;

    if (!owner || !group || !trusted || (place && !where))
        return -ENOMEM;
    int r = asprintf(
        ret_problem,
        "%s%s%sis owned by %s:%s (uid %u) with mode %04o: users other than root%s%s can %s it; "
        "fix it with `%s%s%s`",
        where ? "is in " : "", where ?: "", where ? ", which " : "", owner, group, status->st_uid,
        mode, trust->uid ? " and " : "", trust->uid ? trusted : "",
        where || S_ISDIR(status->st_mode) ? "replace files in" : "write",
        wrong_owner ? "chown root:root" : "", wrong_owner && mode & 022 ? "` and `" : "",
        mode & 022 ? "chmod go-w" : "");
    if (r < 0)
        *ret_problem = NULL;
    return r < 0 ? -ENOMEM : 0;
}

/* The directories on the way to the path, up to where trust begins. In a sticky one that root owns
 * (as /tmp) nobody can replace what is another's. */
static int check_way(const Trust *trust, char *path, char **ret_problem) {
    for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
        struct stat status;
        slash[slash == path] = '\0';
        if (trust->stop && strcmp(path, trust->stop) == 0)
            return 1;
        if (lstat(path, &status) == 0 && !status_is_good(trust, &status) &&
            !(status.st_uid == 0 && status.st_mode & S_ISVTX)) {
            int r = tell_problem(trust, path, &status, ret_problem);
            return r < 0 ? r : 0;
        }
        if (strcmp(path, "/") == 0)
            return 1;
    }
    return 1;
}

static int check(const Trust *trust, int fd, const struct stat *status, char **ret_problem) {
    if (!status_is_good(trust, status)) {
        int r = tell_problem(trust, NULL, status, ret_problem);
        return r < 0 ? r : 0;
    }
    _cleanup_free_ char *path = fd_path(fd);
    return path ? check_way(trust, path, ret_problem) : 1;
}

int trust_check_file(const Trust *trust, int fd, const struct stat *status, char **ret_problem) {
    return check(trust, fd, status, ret_problem);
}

int trust_check_directory(const Trust *trust, int fd, const struct stat *status,
                          char **ret_problem) {
    return check(trust, fd, status, ret_problem);
}
