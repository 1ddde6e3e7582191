/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Operations newer than the headers of Debian 12. */
enum { OPERATION_SOCKET = 45, OPERATION_BIND = 56, OPERATION_LISTEN = 57 };

typedef struct Ring {
    int fd;
    struct io_uring_params parameters;
    char *rings;
    struct io_uring_sqe *entries;
} Ring;

static int ring_open(Ring *ring) {
    ring->parameters = (struct io_uring_params){};
    ring->fd = (int)syscall(SYS_io_uring_setup, 4, &ring->parameters);
    if (ring->fd < 0)
        return -errno;
    if (!(ring->parameters.features & IORING_FEAT_SINGLE_MMAP))
        return -EINVAL;
    size_t size =
        ring->parameters.cq_off.cqes + ring->parameters.cq_entries * sizeof(struct io_uring_cqe);
    size_t submission =
        ring->parameters.sq_off.array + ring->parameters.sq_entries * sizeof(unsigned);
    ring->rings = mmap(NULL, size > submission ? size : submission, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
    ring->entries =
        mmap(NULL, ring->parameters.sq_entries * sizeof(*ring->entries), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
    return ring->rings == MAP_FAILED || ring->entries == MAP_FAILED ? -errno : 0;
}

/* One request, waited for. Returns its result. */
static int ring_do(Ring *ring, const struct io_uring_sqe *entry) {
    struct io_sqring_offsets *sq = &ring->parameters.sq_off;
    struct io_cqring_offsets *cq = &ring->parameters.cq_off;
    _Atomic unsigned *tail = (_Atomic unsigned *)(ring->rings + sq->tail);
    unsigned mask = *(unsigned *)(ring->rings + sq->ring_mask);
    unsigned *array = (unsigned *)(ring->rings + sq->array);

    unsigned at = atomic_load(tail) & mask;
    ring->entries[at] = *entry;
    array[at] = at;
    atomic_fetch_add(tail, 1);
    if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        return -errno;

    _Atomic unsigned *head = (_Atomic unsigned *)(ring->rings + cq->head);
    unsigned cq_mask = *(unsigned *)(ring->rings + cq->ring_mask);
    struct io_uring_cqe *results = (struct io_uring_cqe *)(ring->rings + cq->cqes);
    int result = results[atomic_load(head) & cq_mask].res;
    atomic_fetch_add(head, 1);
    return result;
}

static int make_socket(Ring *ring, bool direct) {
    if (direct) {
        int none = -1;
        if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, &none, 1) < 0)
            return -errno;
    }
    struct io_uring_sqe entry = {
        .opcode = OPERATION_SOCKET,
        .fd = AF_INET,
        .off = SOCK_STREAM,
        .file_index = direct ? 1 : 0, /* slot 0, counted from 1 */
    };
    return ring_do(ring, &entry);
}

int ring_listen(const struct sockaddr_in *address, bool direct, int *ret_ring) {
    Ring ring = {.fd = -1};

    int r = ring_open(&ring);
    int fd = r < 0 ? r : make_socket(&ring, direct);
    r = fd;
    if (r >= 0) {
        struct io_uring_sqe entry = {
            .opcode = OPERATION_BIND,
            .flags = direct ? IOSQE_FIXED_FILE : 0,
            .fd = fd,
            .addr = (uintptr_t)address,
            .off = sizeof(*address),
        };
        r = ring_do(&ring, &entry);
    }
    if (r >= 0) {
        struct io_uring_sqe entry = {
            .opcode = OPERATION_LISTEN,
            .flags = direct ? IOSQE_FIXED_FILE : 0,
            .fd = fd,
            .len = 16,
        };
        r = ring_do(&ring, &entry);
    }
    if (r < 0) {
        if (ring.fd >= 0)
            close(ring.fd);
        return r;
    }
    *ret_ring = ring.fd;
    return fd;
}
