/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be seen of a process at the moment at which it calls listen(): it may be gone a
 * millisecond later. May be called from any thread.
 */
#pragma once

#include "model/owner.h"
#include "model/snapshot.h"
#include "owner/owners.h"
#include "owner/process.h"

/* A server for IPv4 and IPv6 has two. */
#define WITNESSED_SOCKETS 2

struct Witnessed {
    Holder holder;  /* fd: -1 */
    uint64_t netns; /* inode of its network namespace, 0: not known */
    char *cgroup;   /* its cgroup's path now, or NULL */
    bool whole;     /* nothing of the holder but its fd is missing, and nothing is cut */
    FdSocket sockets[WITNESSED_SOCKETS]; /* among its newest fds: the listener, most often */
    size_t n_sockets;
};

/*
 * Looks at the process. The network namespace is that of thread `tid`, who may have unshared its
 * own (unshare(2) is a thread's). Some fifteen reads of /proc, no search. Returns 0, -ESRCH when it
 * is gone, -ENOMEM, or another negative errno; *ret is freed with witnessed_free().
 */
int witness_take(int proc_fd, int root_fd, pid_t pid, pid_t tid, Witnessed **ret);
/* The namespace alone: the inode number, or 0 when it is gone. */
uint64_t witness_netns(int proc_fd, pid_t pid, pid_t tid);
/* Takes NULL, returns NULL. */
Witnessed *witnessed_free(Witnessed *witnessed);

/*
 * The owner of a listener that was gone before anybody could search for its holders: that process
 * alone, as far as it was seen (NULL: not at all). Its cgroup names its unit as far as root alone
 * named it, in the cgroup2 mount that cgroup_fd is (-1: there is none). *ret is a new reference.
 * Returns 0 or -ENOMEM.
 */
int witness_owner(const Witnessed *witnessed, int cgroup_fd, Owner **ret);

static inline void witnessed_cleanup(Witnessed **witnessed) {
    witnessed_free(*witnessed);
}
