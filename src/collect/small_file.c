/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/small_file.h"

#include <errno.h>
#include <fcntl.h>

#include "util/cleanup.h"
#include "util/read.h"

int small_file_read(int dir_fd, const char *path, char **ret, size_t *ret_length) {
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return read_whole(fd, SMALL_FILE_MAX, ret, ret_length);
}
