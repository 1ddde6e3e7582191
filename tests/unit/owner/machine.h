/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets, processes and snapshots for the tests of the owner room. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "owner/owners.h"

/* A TCP listener on 127.0.0.1 with a port of the kernel's choice; its inode in *ret_inode. */
int test_listen(uint32_t *ret_inode);

uint32_t test_inode(int fd);

/* Adds a listener to the snapshot, one per call, and returns its index. */
size_t test_add(Snapshot *snapshot, uint32_t inode, uint64_t cgroup_id);

/* Makes a snapshot of one socket. */
Snapshot *test_snapshot(uint32_t inode, uint64_t cgroup_id);

/* The kinds of searches: a walk through /proc; with the iterator over fds, if it is available; or
 * with the iterators over fds and processes, as in the service. */
typedef enum TestWay { TEST_WALK, TEST_ITERATE, TEST_LINKS } TestWay;

/* Loads the iterators that the service has. Returns false if they are not available. */
bool test_open_links(OwnerSources *sources);

/* Searches this machine and sets the owners of the snapshot. Returns false if requested iterators
 * are not available. */
bool test_search_by(Snapshot *snapshot, SearchDepth depth, TestWay way);

/* Searches the whole machine in each way. All must find the same. Keeps the result of the iterator.
 */
void test_search(Snapshot *snapshot);

/* Whether the iterator may be had here. */
bool test_can_iterate(void);

/* Whether this is the first pid namespace: in a container's, a socket may be held by whom it hides.
 */
bool test_sees_all_pids(void);

/* Forks a child that runs `body` and then waits to be killed; returns once body has returned. */
typedef struct TestChild {
    pid_t pid;
    int hold; /* closing it ends the child */
} TestChild;
TestChild test_child(void (*body)(void *userdata), void *userdata);
void test_child_end(TestChild *child);

/* Whether the owner has that process among its holders; its entry, or NULL. */
const Holder *test_holder(const Owner *owner, pid_t pid);

/* A test that can't run here: fails where $CI is set, else is passed over with the reason. */
void test_cannot_run(const char *why);
