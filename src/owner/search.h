/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of an OwnerSearch, shared by the files that are parts of it. */
#pragma once

#include "owner/cgroups.h"
#include "owner/fd_iterator.h"
#include "owner/owners.h"
#include "util/idmap.h"

#define NO_SOCKET UINT32_MAX

/*
 * So many holders are kept of the processes of one user, and of all but root's. A user's processes
 * can hold many sockets each, and all of them the same: without a bound 60,000 listeners with
 * HOLDERS_MAX holders each are 15 million. Beyond it one holder a listener is kept, the others are
 * counted.
 */
#define HOLDERS_OF_USER_MAX  16384
#define HOLDERS_OF_USERS_MAX 131072

/* What the search keeps of a listener besides its Owner. */
typedef struct ListenerState {
    bool given;          /* its owner was there before the search: left as it is */
    bool truncated;      /* a holder was not kept, and those that were do not stand for it */
    bool unreadable;     /* something of a holder could not be read */
    bool wants_cgroup;   /* its cgroup id tells nothing: take that of its holders */
    bool cgroup_differs; /* and they don't agree */
    char *holder_cgroup;
    size_t holders_allocated;
} ListenerState;

struct OwnerSearch {
    OwnerSources sources;
    Snapshot *snapshot;
    CgroupResolver cgroups;

    IdMap wanted;     /* inode → the first socket that has it */
    uint32_t *same;   /* by socket: the next with the same inode, or NO_SOCKET */
    bool *held;       /* by socket: has a holder */
    size_t n_missing; /* sockets that have none yet */
    ListenerState *listeners;

    pid_t *pids; /* /proc, listed once */
    size_t n_pids, pids_allocated;
    size_t next_pid, next_threads; /* how far the passes over them are */
    IdMap visited;
    bool hinted;      /* the process that is visited is thought to hold what is looked for */
    pid_t newest_pid; /* the last that was given out when /proc was begun on; 0: unknown */
    bool listed, cgroups_done, iterated;
    /* So many processes make the iterator worth its start; UINT_MAX: never; for tests. */
    unsigned iterate_min;

    bool denied;           /* some process could not be looked at */
    int list_error;        /* /proc itself could not be read */
    bool ring_busy;        /* an io_uring could not be read */
    size_t cmdline_budget; /* bytes of command lines that may still be kept whole */
    IdMap kept_of_user;    /* uid → so many of its processes' holders were kept */
    size_t n_kept;         /* of all users but root */
};

/*
 * Looks at one process's fds, once. Returns 0 (also when it is gone, or denied: that is noted) or
 * -ENOMEM.
 */
int search_visit_process(OwnerSearch *search, pid_t pid);

/* Looks at the one fd table at that path below /proc, which is of process pid. Returns likewise. */
int search_visit_table(OwnerSearch *search, pid_t pid, const char *path);

/*
 * Takes what the kernel told of one fd table (n > 0 records of one thread): only those fds are
 * looked at again. Returns likewise.
 */
int search_visit_records(OwnerSearch *search, const struct FdRecord *records, size_t n);

/*
 * Finds every holder by the kernel's iterator, where that may be had and pays. Returns 1 when that
 * was done, 0 when /proc must be walked, -ENOMEM.
 */
int search_iterate(OwnerSearch *search, SearchDepth depth);

/* Whether procfs shows every process of the machine, and not of a pid namespace in it alone. */
bool search_is_of_first_namespace(const OwnerSearch *search);

/* Looks at the fd tables of those of its threads that have their own (unshare(CLONE_FILES), or a
 * leader that has exited). Returns as search_visit_process(). */
int search_visit_threads(OwnerSearch *search, pid_t pid);

/* Sets unit, container and cgroup from the cgroup that the socket was created in. */
int search_set_origin(OwnerSearch *search, Listener *listener, ListenerState *state);

/* Once holders are known: order, attribution, note, what is taken from holders. 0 or -ENOMEM. */
int search_conclude(OwnerSearch *search, Listener *listener, ListenerState *state);

/*
 * Looks at the processes that began while the others were looked at, and then at those that began
 * meanwhile, a few times: a socket's holder that forks and exits all the time is always one of
 * them. Returns 0 or -ENOMEM.
 */
int search_visit_newcomers(OwnerSearch *search);

/* The pid that was given out last, or 0 where that is not told. */
pid_t search_newest_pid(const OwnerSearch *search);

/* Whether every process that may be looked at was. */
bool search_is_finished(const OwnerSearch *search);
