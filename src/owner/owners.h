/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who holds each socket of a snapshot. One search makes at most one pass over /proc, however often
 * it is told to go on.
 */
#pragma once

#include "model/snapshot.h"
#include "owner/process_reader.h"

/* Where to look: handles, so that a recorded machine can be replayed. Owned by the caller. */
typedef struct OwnerSources {
    int proc_fd;   /* procfs */
    int cgroup_fd; /* the cgroup2 mount, or -1: cgroup ids can't be resolved */
    int root_fd;   /* the root directory that an exe is verified against */
    int fds_link;  /* of the iterator over all fds (bpf/kernel_program.h), owned; 0: loaded when
                    * wanted */
    /* The iterator over processes, if the caller may not read /proc of other users. Owned; NULL:
     * /proc is read. */
    ProcessReader *processes;
    bool is_service; /* messages about denied access do not suggest sudo */
} OwnerSources;

/*
 * Opens those of this machine; below `root` if that is not NULL. Returns 0 or a negative errno;
 * a missing cgroup2 mount is no error.
 */
int owner_sources_open(const char *root, OwnerSources *ret);
void owner_sources_close(OwnerSources *sources);

/* Returns whether the caller may read /proc of other users (root, or CAP_SYS_PTRACE). */
bool owner_may_read_proc(void);

/* Loads the iterators for a daemon that needs them, if it is allowed to. */
void owner_sources_load(OwnerSources *sources);

typedef struct OwnerSearch OwnerSearch;

/*
 * Begins a search for the holders of every socket of the snapshot, which must outlive it and not
 * be added to. Returns 0 or a negative errno.
 */
int owner_search_new(const OwnerSources *sources, Snapshot *snapshot, OwnerSearch **ret);
/* Takes NULL, returns NULL. */
OwnerSearch *owner_search_free(OwnerSearch *search);

/* Searches that process first, because it probably has the socket. Returns 0, also if it has none,
 * or -ENOMEM. */
int owner_search_hint(OwnerSearch *search, pid_t pid);

typedef enum SearchDepth {
    SEARCH_FIRST, /* until each socket has a holder: the socket's own cgroups first, then the rest
                   */
    SEARCH_ALL,   /* every process, so that each list of holders is complete */
} SearchDepth;

/*
 * Goes on with the search to that depth and sets the `owner` of every listener of the snapshot. May
 * be called again to go deeper: no process is looked at twice. SEARCH_FIRST goes to the end where a
 * complete pass is cheap (see docs/). Returns 0, or a negative errno (-ENOMEM) with the owners
 * found so far.
 */
int owner_search_run(OwnerSearch *search, SearchDepth depth);

/*
 * Takes over unit and container, which a socket has from the cgroup that it was made in, from what
 * an earlier search found for the same socket: that cgroup may have been removed since. Does
 * nothing where the new search found them. `before` may be NULL. Returns 0 or -ENOMEM.
 */
int owner_remember_origin(Owner *owner, const Owner *before);

static inline void owner_search_cleanup(OwnerSearch **search) {
    owner_search_free(*search);
}
#define _cleanup_owner_search_ _cleanup_(owner_search_cleanup)
