/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the tests of event sources run: a network and a mount namespace of the test's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/kernel_program.h"
#include "model/endpoint.h"

/*
 * Moves the calling process into new network and mount namespaces, with `lo` up and sysfs of the
 * new network. What can't be made skips the test, and fails it where $CI is set.
 */
void world_enter(void);

/*
 * Whether `msec` have passed since the first call with this *start, which is 0 before it. Waits are
 * for what happens, and this ends those for what does not.
 */
bool world_waited(int64_t *start, int64_t msec);
#define PATIENCE 60000 /* ms, on a machine with much else to do */

/* Takes one capability from the calling process. Returns 0 or a negative errno. */
int world_drop_capability(unsigned capability);

/* The directory, O_PATH. */
int world_open(const char *path);

/* What is told of a test that can't run here; it does not return. */
__attribute__((noreturn, format(printf, 1, 2))) void world_skip(const char *format, ...);

/* A bound socket; `address` with port 0 is bound to one that the kernel chooses. Returns its fd. */
typedef struct SocketWish {
    Proto proto;
    const char *address; /* "127.0.0.1", "::1", "::ffff:127.0.0.1"; NULL: not bound */
    uint16_t port;
    const char *device; /* or NULL */
    bool reuseport, v6only;
    bool not_listening;
} SocketWish;

/*
 * Returns its fd, or a negative errno. An address that is in use is waited for: who looks at
 * /proc/PID/fd while a socket is closed there (a daemon of a test beside) holds its file for a
 * moment, and it is closed when that one lets go, in that one's name.
 */
int world_socket(const SocketWish *wish);
uint16_t world_port(int fd);
uint64_t world_cookie(int fd);
Endpoint world_endpoint(const SocketWish *wish, int fd);

/* The inode number of the caller's network namespace. */
uint32_t world_netns(void);
/* Mounts cgroup v2 in the new mount namespace. Returns its root, O_PATH; or skips the test. */
int world_cgroup_root(void);
/* Loads the program of the events for the caller's network namespace. Where that can't be had, the
 * test is skipped. */
void world_program(int cgroup_fd, KernelHandles *ret);
