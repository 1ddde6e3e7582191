/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What listens, as the kernel tells it: one Snapshot of one network namespace. The only way by
 * which `scan`, the daemon and the tests get one from a running kernel.
 */
#pragma once

#include "collect/forwards/forwards.h"
#include "collect/netlink/handles.h"
#include "model/snapshot.h"

typedef struct Collector Collector;

/*
 * Opens the netlink sockets in the network namespace of the handles (handles.h; NULL: of the
 * calling thread); the collector stays with that namespace. `proc_fd` and `sys_fd` are directories
 * where procfs and sysfs are mounted (O_PATH will do; borrowed, they must outlive the collector);
 * sys_fd may be -1. Needs no privilege. Returns 0 or a negative errno.
 */
int collector_open(int proc_fd, int sys_fd, const NetHandles *handles, Collector **ret);
/* Takes NULL, returns NULL. */
Collector *collector_free(Collector *collector);

/*
 * Fills the snapshot: clears it, dumps every protocol, reads interfaces and addresses, reads what
 * is forwarded, sets each listener's scope. What could not be seen stands in the snapshot's
 * coverage and is no error; a negative errno (-ENOMEM) means that the snapshot is not to be used.
 */
int collector_snapshot(Collector *collector, Snapshot *snapshot);

/*
 * The same from two dumps, for who looks once and for all: under churn one dump misses sockets that
 * were there all the time, with no sign of it (KERNEL.md 3); both hardly ever miss the same. What
 * either saw is in the snapshot, also what came or went between them. Who looks again and again
 * takes single dumps, and believes that a socket is gone when two of them say so.
 */
int collector_snapshot_twice(Collector *collector, Snapshot *snapshot);

/* Makes later snapshots contain these forwards (borrowed), instead of dumping the NAT rules. */
void collector_use_forwards(Collector *collector, const Forwards *forwards);

/* Reads the links alone: replaces those of the snapshot and their coverage. Returns 0 or a negative
 * errno, and then the snapshot is as before. */
int collector_links(Collector *collector, Snapshot *snapshot);

DEFINE_CLEANUP(Collector, collector_cleanup, collector_free)
#define _cleanup_collector_ _cleanup_(collector_cleanup)
