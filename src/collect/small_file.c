/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/cleanup.h"

int small_file_read(int dir_fd, const char *path, char **ret, size_t *ret_length) {
    _cleanup_free_ char *text = malloc(SMALL_FILE_MAX + 1);
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;

    if (fd < 0)
        return -errno;
    if (!text)
        return -ENOMEM;
    for (;;) {
        ssize_t n = read(fd, text + length, SMALL_FILE_MAX + 1 - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
        if (length > SMALL_FILE_MAX)
            return -EFBIG;
    }
    text[length] = '\0';

    char *shrunk = realloc(text, length + 1);
    if (shrunk)
        text = shrunk;
    *ret = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}
