/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a BPF ring buffer that is only a file descriptor to us. libbpf's reader asks the kernel
 * what the fd is, which before Linux 5.19 nobody without CAP_BPF may (docs/KERNEL.md 38); mapping
 * it needs no capability. The layout is the kernel's interface (linux/bpf.h, kernel/bpf/ringbuf.c).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Ring Ring;

/* Maps the ring that is `fd`, and the count of dropped records that is `dropped_fd`; both are
 * borrowed. Returns 0 or a negative errno. */
int ring_open(int fd, int dropped_fd, Ring **ret);
/* Takes NULL, returns NULL. */
Ring *ring_close(Ring *ring);

/*
 * Passes the records that are complete at the call to `take`, oldest first, until there are no more
 * or `take` returns a negative errno. The next call passes records that arrive meanwhile, so a
 * flood cannot keep the caller here. The bytes belong to the kernel: they are read-only, and
 * invalid when take() returns. Returns the number of records, or that errno.
 */
int ring_read(Ring *ring, int (*take)(const void *record, size_t size, void *data), void *data);

/* How many records did not get into the ring since it was last asked. */
uint64_t ring_take_dropped(Ring *ring);
