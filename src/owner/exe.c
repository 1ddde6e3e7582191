/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "owner/file_identity.h"
#include "owner/process.h"
#include "util/cleanup.h"

/* 1: to that file; 0: not; -EAGAIN: the caches don't tell. */
static int leads_to(int root_fd, const char *path, bool cached, const FileId *id) {
    FileId found;
    int r =
        cached ? file_identity_cached(root_fd, path, &found) : file_identity(root_fd, path, &found);
    return r == 0 ? file_id_equal(&found, id) : cached && r == -EAGAIN ? r : 0;
}

/*
 * The kernel adds " (deleted)" to the path of a file that is not there under that name any more.
 * A file may also bear that as its name: it is looked for as it stands first.
 */
static int exe_verify(int root_fd, char *path, bool cached, const FileId *id, bool *ret_deleted) {
    static const char deleted[] = " (deleted)";
    size_t length = strlen(path);

    int r = leads_to(root_fd, path, cached, id);
    if (r != 0 || length <= sizeof(deleted) - 1 ||
        strcmp(path + length - (sizeof(deleted) - 1), deleted) != 0)
        return r;
    path[length - (sizeof(deleted) - 1)] = '\0';
    *ret_deleted = true;
    return leads_to(root_fd, path, cached, id);
}

int exe_read(int process_fd, int root_fd, bool cached, char **ret_path, FileId *ret_id,
             ExeState *ret_state, bool *ret_deleted) {
    char path[PATH_MAX + 16];

    /* The link leads to the file itself, past every name and mount. */
    int r = file_identity_of_link(process_fd, "exe", ret_id);
    if (r < 0)
        return r;
    *ret_state = EXE_UNVERIFIED;
    *ret_deleted = false;

    ssize_t length = readlinkat(process_fd, "exe", path, sizeof(path) - 1);
    if (length < 0 || length == (ssize_t)sizeof(path) - 1)
        return length < 0 ? -errno : -ENAMETOOLONG;
    path[length] = '\0';
    r = exe_verify(root_fd, path, cached, ret_id, ret_deleted);
    *ret_state = r < 0 ? EXE_UNKNOWN : r > 0 ? EXE_VERIFIED : EXE_UNVERIFIED;
    *ret_path = strdup(path);
    return !*ret_path ? -ENOMEM : r < 0 ? -EBUSY : 0;
}
