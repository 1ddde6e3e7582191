/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs that run in the kernel (*.bpf.c), loaded and attached by libbpf.
 * What is open of them are file descriptors that can be passed on: whoever has them needs no
 * capability (docs/KERNEL.md 40). They stay attached for as long as one copy of an fd is open.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum KernelHandle {
    KERNEL_RING,    /* the ring buffer with the records */
    KERNEL_DROPPED, /* a map of one number: records dropped */
    KERNEL_LISTEN,  /* the link of what sees listen() */
    KERNEL_BIND4,   /* the links of what sees bind() of UDP; missing without cgroup v2 */
    KERNEL_BIND6,
    KERNEL_HANDLES,
} KernelHandle;

typedef struct KernelHandles {
    int fds[KERNEL_HANDLES]; /* -1: missing */
} KernelHandles;

/* At what loading failed. */
typedef enum KernelStep {
    KERNEL_BUILD,  /* built --without-bpf */
    KERNEL_BTF,    /* the kernel does not describe itself (CONFIG_DEBUG_INFO_BTF) */
    KERNEL_LOAD,   /* it refuses the program */
    KERNEL_ATTACH, /* or where it is to run */
    KERNEL_CGROUP, /* the same for UDP alone */
    KERNEL_STEPS,
} KernelStep;

typedef struct KernelFailure {
    KernelStep step;
    int error; /* a negative errno; 0: nothing failed */
} KernelFailure;

/* The name that it is passed under: letters and dashes. */
const char *kernel_handle_name(KernelHandle handle);

void kernel_handles_init(KernelHandles *handles);
void kernel_handles_close(KernelHandles *handles);
/* Whether there are records: the ring, its count and at least listen(). */
bool kernel_handles_work(const KernelHandles *handles);

/*
 * Loads and attaches the program of the events. `netns` is the inode number of the network
 * namespace whose sockets are recorded. A program is verified only if its file is in the mount
 * namespace of the caller. `cgroup_fd` is the root of the cgroup v2 hierarchy; with -1 (none), UDP
 * is not recorded. Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN. Returns 0, with *failure set if a
 * part for UDP is missing; or a negative errno with the reason in *failure.
 */
int kernel_open_events(uint32_t netns, int cgroup_fd, KernelHandles *ret, KernelFailure *failure);

/* Loads the iterator over all fds. Returns its link, an fd for kernel_iterate(), or a negative
 * errno. Takes some 13 ms of CPU: the kernel's own description is 5 MB. */
int kernel_open_fds(void);

/*
 * Loads the iterator over processes, which returns one struct KernelRecord after the other. Returns
 * its link, an fd for kernel_iterate(), or a negative errno. *ret_wanted is the map of the
 * requested pids (PROCESSES_WANTED in record.h), which the caller maps.
 */
int kernel_open_processes(int *ret_wanted);

/* Starts an iterator. Returns an fd to read its records from, or a negative errno. Needs no
 * capability since Linux 5.19. */
int kernel_iterate(int link_fd);
