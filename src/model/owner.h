/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who a listener belongs to: where it was created (cgroup: unit, container), and which processes
 * hold it. All strings are raw bytes that a process may have chosen: escape them to print them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"
#include "util/parse.h"

/* Which file, whatever its name: device and inode. {0, 0} is none. */
typedef struct FileId {
    dev_t device;
    ino_t inode;
} FileId;

static inline bool file_id_is_known(const FileId *id) {
    return id->inode != 0;
}

static inline bool file_id_equal(const FileId *a, const FileId *b) {
    return a->device == b->device && a->inode == b->inode;
}

/* What is known of the file that a process runs. */
typedef enum ExeState {
    EXE_UNKNOWN,    /* could not be read */
    EXE_UNVERIFIED, /* the path leads to another file here, or to none: deleted, replaced, a memfd,
                     * a private mount */
    EXE_VERIFIED,   /* the path leads to this file in the root of the daemon; if the daemon may
                     * not look up the path, the file identity is unknown */
    EXE_ASSUMED,    /* `explain`: by the user's word */
} ExeState;

/* So many holders of one listener are kept at most; more are counted in n_holders_seen. */
#define HOLDERS_MAX 256

/* The process that started another one, that one's parent, and so on. */
#define ANCESTORS_MAX      8
#define ANCESTOR_NAME_SIZE 16
typedef struct Ancestor {
    pid_t pid;
    uint64_t start;                /* clock ticks since boot */
    char name[ANCESTOR_NAME_SIZE]; /* comm: raw bytes */
} Ancestor;

typedef struct Ancestors {
    size_t n;
    Ancestor items[ANCESTORS_MAX]; /* the parent first */
} Ancestors;

/* The texts and ancestors of one process, which holds many sockets: kept once for all of them. */
typedef struct HolderTexts HolderTexts;

typedef struct Holder {
    pid_t pid;
    int fd;         /* -1: held without one (io_uring direct descriptor) */
    uid_t uid;      /* the process's effective one, (uid_t) -1: unknown */
    uint64_t start; /* start time, clock ticks since boot (proc_pid_stat(5) field 22); 0: unknown */
    pid_t group;    /* process group; 0: unknown */
    /* $LISTEN_PID and $LISTEN_FDS of the process (sd_listen_fds(3)); 0: not set, or unknown */
    pid_t listen_pid;
    int n_listen_fds;
    char *comm; /* NULL: unknown, as for the following */
    char *exe;  /* as the kernel names it, without a trailing " (deleted)" */
    ExeState exe_state;
    bool exe_deleted; /* the file has lost its name since the process runs: replaced or removed */
    FileId exe_id;
    char **cmdline; /* NULL-terminated */
    char *cwd;
    HolderTexts
        *shared; /* owns the texts above, and has the ancestors; NULL: the holder itself does */
} Holder;

typedef enum ContainerRuntime {
    RUNTIME_NONE,
    RUNTIME_DOCKER,
    RUNTIME_PODMAN,
    RUNTIME_CONTAINERD,
    RUNTIME_CRIO,
    RUNTIME_LXC,
    RUNTIME_NSPAWN,
    RUNTIME_COUNT,
} ContainerRuntime;

/* `docker`, `podman`, …; "none" for RUNTIME_NONE. */
const char *container_runtime_name(ContainerRuntime runtime);

typedef enum Attribution {
    ATTRIBUTION_NONE,    /* no holder is known */
    ATTRIBUTION_PARTIAL, /* some are, or of some not everything */
    ATTRIBUTION_FULL,    /* all are */
} Attribution;

const char *attribution_name(Attribution attribution);

/* Shared by reference: a daemon keeps it across dumps. */
typedef struct Owner {
    unsigned n_references;
    Attribution attribution;
    const char *note;     /* why it is not full, or NULL; a sentence without a full stop */
    bool note_is_literal; /* else it is owned */
    bool complete;        /* every process that may be looked at was: `holders` holds all */
    bool unheld; /* every process that there is was, and none holds it: the socket is the kernel's
                  * own (WireGuard, VXLAN) or in flight (SCM_RIGHTS). With ATTRIBUTION_NONE only:
                  * that is knowledge, and nothing is missing */

    char *cgroup;    /* path in the unified hierarchy, `/system.slice/ssh.service`; NULL: unknown */
    char *unit;      /* the system unit, or NULL */
    char *user_unit; /* the unit of a user's manager, or NULL */
    char *session;   /* logind's session id, or NULL */
    ContainerRuntime runtime;
    char *container_id;   /* NULL without a container, or where it has only a name */
    char *container_name; /* NULL where it is not known */

    Holder *holders; /* by pid, then fd */
    size_t n_holders;
    size_t n_holders_seen; /* at least n_holders; more when there were too many to keep */
    usec_t created;        /* realtime at which the socket was made, 0: unknown */
} Owner;

/* A new, empty one with one reference, or NULL when out of memory. */
Owner *owner_new(void);
Owner *owner_ref(Owner *owner);
/* Takes NULL, returns NULL; frees with the last reference. */
Owner *owner_unref(Owner *owner);

void holder_done(Holder *holder);
/* Returns whether the process was started with the socket (socket activation). The process may have
 * set that itself. */
bool holder_is_activated(const Holder *holder);

/* The processes above it, or NULL: unknown. */
const Ancestors *holder_ancestors(const Holder *holder);
/* Takes over `ancestors`, also on failure. Returns 0 or -ENOMEM. */
int holder_set_ancestors(Holder *holder, Ancestors *ancestors);

/* Makes *ret a second holder with the same texts, which both share from now on. 0 or -ENOMEM. */
int holder_share(Holder *holder, Holder *ret);

/* A copy with those holders alone for which keep[] holds; their texts are shared. 0 or -ENOMEM. */
int owner_keep_holders(const Owner *from, const bool *keep, Owner **ret);

DEFINE_CLEANUP(Owner, owner_cleanup, owner_unref)
