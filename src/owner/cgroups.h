/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a cgroup v2 id, as sock_diag tells it, to its path and processes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/idmap.h"

typedef struct Cgroup {
    uint64_t id;
    char *path;        /* `/system.slice/ssh.service`, or NULL: `error` says why */
    size_t owned_from; /* bytes of the path that root alone has named (see cgroup_path.h) */
    int error;         /* 0, or a negative errno; -ESTALE: it was removed */
} Cgroup;

/*
 * Remembers what it resolved: after rmdir an id leads nowhere, but sockets still bear it
 * (KERNEL.md 8). May be kept across searches.
 */
typedef struct CgroupResolver {
    int fd; /* the cgroup2 mount, borrowed; -1: there is none */
    Cgroup *cgroups;
    size_t n_cgroups, n_allocated;
    IdMap by_id; /* → index in cgroups */
} CgroupResolver;

void cgroup_resolver_done(CgroupResolver *resolver);

/*
 * Resolves `n` ids at once, so that where only a walk of the tree can tell (without
 * CAP_DAC_READ_SEARCH, or on a recorded machine) there is one walk. Returns 0 or -ENOMEM; what
 * could not be resolved is a Cgroup with its error.
 */
int cgroups_resolve(CgroupResolver *resolver, const uint64_t *ids, size_t n);

/* What is known of the id, or NULL: it was not asked for. Valid until the next resolve. */
const Cgroup *cgroup_find(const CgroupResolver *resolver, uint64_t id);

/*
 * How many bytes of the path root alone has named: a component is its maker's who may write the
 * directory above it. SIZE_MAX: all. Checked only now, so a cgroup that changed hands is judged by
 * its last owner.
 */
size_t cgroup_path_owned_from(int mount_fd, const char *path);

/*
 * The same of a path that a process's own /proc/PID/cgroup told. One whose first part is not in
 * the unified hierarchy is systemd's of cgroup v1, where only users' managers are given a part.
 * (Parts of it may have been removed by now: then they are not root's word.) mount_fd -1: there is
 * no unified hierarchy.
 */
size_t process_cgroup_owned_from(int mount_fd, const char *path);

/*
 * The processes of a cgroup now (cgroup.procs; those outside of our pid namespace are left out),
 * appended to *pids. Returns 0 or a negative errno.
 */
int cgroup_read_processes(const CgroupResolver *resolver, const Cgroup *cgroup, pid_t **pids,
                          size_t *n_pids, size_t *n_allocated);
