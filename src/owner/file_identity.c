/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/file_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

int file_identity(int root_fd, const char *path, FileId *ret) {
    if (path[0] != '/')
        return -EINVAL;

    /* RESOLVE_IN_ROOT: no link, `..` or magic link leads out of the root that is asked about. */
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    _cleanup_close_ int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *ret = (FileId){.device = st.st_dev, .inode = st.st_ino};
    return 0;
}
