/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/fd_iterator.h"

#include <errno.h>
#include <unistd.h>

#include "bpf/kernel_program.h"
#include "util/cleanup.h"
#include "util/memory.h"

int fd_iterator_open(int link_fd) {
    if (link_fd > 0)
        return kernel_iterate(link_fd);
    _cleanup_close_ int loaded = kernel_open_fds();
    return loaded < 0 ? loaded : kernel_iterate(loaded);
}

int iterator_read(int fd, char **ret, size_t *ret_size) {
    _cleanup_free_ char *data = NULL;
    size_t length = 0, allocated = 0;

    for (;;) {
        int r = ARRAY_RESERVE(data, allocated, length + 65536);
        if (r < 0)
            return r;
        ssize_t n = read(fd, data + length, allocated - length);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue; /* the kernel pauses after a million objects without a record */
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    *ret = TAKE_PTR(data);
    *ret_size = length;
    return 0;
}

int fd_iterator_read(int fd, struct FdRecord **ret, size_t *ret_n) {
    _cleanup_free_ char *data = NULL;
    size_t length = 0;

    int r = iterator_read(fd, &data, &length);
    if (r < 0)
        return r;
    if (length % sizeof(struct FdRecord) != 0)
        return -EBADMSG;
    *ret_n = length / sizeof(struct FdRecord);
    *ret = (struct FdRecord *)(void *)TAKE_PTR(data);
    return 0;
}
