/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/read.h"

#include <errno.h>
#include <unistd.h>

#include "util/cleanup.h"

int read_up_to(int fd, char *buffer, size_t size, size_t *ret_length) {
    size_t length = 0;

    while (length < size) {
        ssize_t n = read(fd, buffer + length, size - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    *ret_length = length;
    return 0;
}

int read_whole(int fd, size_t max, char **ret, size_t *ret_length) {
    _cleanup_free_ char *text = malloc(max + 1);
    size_t length = 0;

    if (!text)
        return -ENOMEM;
    int r = read_up_to(fd, text, max + 1, &length);
    if (r < 0)
        return r;
    if (length > max)
        return -EFBIG;
    text[length] = '\0';

    char *shrunk = realloc(text, length + 1);
    if (shrunk)
        text = shrunk;
    *ret = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}
