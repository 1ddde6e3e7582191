/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "owner/file_identity.h"
#include "owner/process.h"
#include "util/cleanup.h"

static bool leads_to(int root_fd, const char *path, const FileId *id) {
    FileId found;
    return file_identity(root_fd, path, &found) == 0 && file_id_equal(&found, id);
}

/*
 * The kernel adds " (deleted)" to the path of a file that is not there under that name any more.
 * A file may also bear that as its name: it is looked for as it stands first.
 */
static ExeState exe_verify(int root_fd, char *path, const FileId *id) {
    static const char deleted[] = " (deleted)";
    size_t length = strlen(path);

    if (leads_to(root_fd, path, id))
        return EXE_VERIFIED;
    if (length <= sizeof(deleted) - 1 ||
        strcmp(path + length - (sizeof(deleted) - 1), deleted) != 0)
        return EXE_UNVERIFIED;
    path[length - (sizeof(deleted) - 1)] = '\0';
    return leads_to(root_fd, path, id) ? EXE_VERIFIED : EXE_UNVERIFIED;
}

int exe_read(int process_fd, int root_fd, char **ret_path, FileId *ret_id, ExeState *ret_state) {
    char path[PATH_MAX + 16];
    struct stat st;

    /* The link leads to the file itself, past every name and mount: stat follows it there. */
    if (fstatat(process_fd, "exe", &st, 0) < 0)
        return -errno;
    *ret_id = (FileId){.device = st.st_dev, .inode = st.st_ino};
    *ret_state = EXE_UNVERIFIED;

    ssize_t length = readlinkat(process_fd, "exe", path, sizeof(path) - 1);
    if (length < 0 || length == (ssize_t)sizeof(path) - 1)
        return length < 0 ? -errno : -ENAMETOOLONG;
    path[length] = '\0';
    *ret_state = exe_verify(root_fd, path, ret_id);
    *ret_path = strdup(path);
    return *ret_path ? 0 : -ENOMEM;
}
