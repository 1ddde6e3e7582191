/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What listens in one network namespace at one time. Filled by collect, completed by owner,
 * judged by policy. Identity of a socket is (netns, cookie): inodes are 32 bits and are reused
 * (KERNEL.md 4).
 */
#pragma once

#include "model/endpoint.h"
#include "model/link.h"
#include "model/owner.h"
#include "model/scope.h"
#include "model/verdict.h"
#include "util/idmap.h"

/* A network namespace: the inode of its file in nsfs. */
typedef struct Netns {
    uint64_t inode; /* 0: unknown */
    bool host;      /* it is the one of pid 1 */
} Netns;

typedef enum Origin {
    ORIGIN_SOCKET,  /* a socket listens */
    ORIGIN_FORWARD, /* the kernel forwards the port, no socket stands behind it */
} Origin;

const char *origin_name(Origin origin);

/*
 * One endpoint as one owner sees it. Sockets that share endpoint, uid and cgroup (SO_REUSEPORT)
 * are one listener with a count (KERNEL.md 10); those of different users or cgroups (mDNS with
 * SO_REUSEADDR) are listeners of their own, so that a rule for one does not cover the other.
 */
typedef struct Listener {
    Endpoint endpoint;
    Scope scope;
    Origin origin;
    uint32_t uid;
    uint32_t inode;     /* of the first socket, as is the cookie; 0 without one */
    uint32_t n_sockets; /* how many share it */
    uint64_t cookie;
    uint64_t cgroup_id; /* cgroup v2 at the socket's creation, 0: not told (before 5.9) */
    Owner *owner;       /* a reference, or NULL: not looked for */
    Address forward_to; /* ORIGIN_FORWARD: where it leads; family 0: to this host itself, or, with
                         * port 0, to several targets */
    uint16_t forward_port;
    Verdict verdict;
    char *tool;   /* owned: the recognised tool, or NULL; only of flagged listeners */
    char *advice; /* owned: what to type to make it local, or NULL */
} Listener;

/* One socket: what owner looks for, and what tells two dumps apart. */
typedef struct Socket {
    uint64_t cookie;
    uint32_t inode;
    uint32_t listener; /* index in Snapshot.listeners */
} Socket;

typedef enum CoverageState {
    COVERAGE_FULL,
    COVERAGE_INCOMPLETE,  /* some were seen, perhaps not all */
    COVERAGE_UNAVAILABLE, /* could not look */
} CoverageState;

typedef struct Coverage {
    CoverageState state;
    bool absent;   /* with COVERAGE_UNAVAILABLE: the kernel lacks it, so nothing can listen */
    char why[120]; /* for people; empty when full */
} Coverage;

/*
 * A snapshot may be filled again and again: snapshot_clear() keeps its memory (for the daemon's hot
 * path). Listeners and sockets are arrays; pointers into them last until the next addition.
 */
typedef struct Snapshot {
    Netns netns;
    LinkTable *links; /* owned; NULL: unknown, see links_coverage */
    Coverage links_coverage;
    Coverage coverage[PROTO_COUNT];
    Coverage forwards_coverage;
    Listener *listeners;
    size_t n_listeners, listeners_allocated;
    Socket *sockets;
    size_t n_sockets, sockets_allocated;
    IdMap by_cookie;   /* cookie → index in sockets: a dump may tell a socket twice */
    IdMap by_endpoint; /* hash of (endpoint, uid, cgroup) → first listener of that hash */
} Snapshot;

Snapshot *snapshot_new(void);
/* Takes NULL, returns NULL. */
Snapshot *snapshot_free(Snapshot *snapshot);
/* Forgets listeners, sockets and coverage (all full); keeps memory, netns and links. */
void snapshot_clear(Snapshot *snapshot);

/* Of more than a few listeners: forgets them and gives their memory back, which so many take once
 * in a while. Keeps coverage, netns and links. */
void snapshot_trim(Snapshot *snapshot);

/*
 * Adds one socket. `found` gives endpoint, uid, inode, cookie, cgroup_id, origin; the rest of it is
 * ignored. Joins it to the listener that it shares, or makes a new one. A cookie that is there
 * already is passed over: dumps repeat sockets under churn (KERNEL.md 3). A cookie of 0 is never a
 * duplicate. Returns 1 when it made a listener, 0 when it joined one or was there already, -ENOMEM.
 */
int snapshot_add(Snapshot *snapshot, const Listener *found);

/* See idmap_prefetch(): for a caller that has several sockets to add. Changes nothing. */
void snapshot_prefetch(const Snapshot *snapshot, const Listener *found);

/*
 * Whether everything could be looked at: every coverage is full, but for protocols that the kernel
 * lacks (`absent`). One that it has but cannot list is not looked at.
 */
bool snapshot_is_complete(const Snapshot *snapshot);

/* Sets `why` as printf does; `absent` becomes false. */
__attribute__((format(printf, 3, 4))) void coverage_set(Coverage *coverage, CoverageState state,
                                                        const char *format, ...);

/* `full`, `incomplete: WHY`, `unavailable: WHY`. */
#define COVERAGE_SIZE 160
void coverage_format(const Coverage *coverage, char buffer[static COVERAGE_SIZE]);

/*
 * The id that `show` takes, stable while the socket lives: `s` and the cookie in hexadecimal, with
 * `@NETNS-INODE` behind it where that is not the host's. A forward, which has no cookie, has `f`
 * and a hash of its endpoint.
 */
#define LISTENER_ID_SIZE 48
void listener_id(const Listener *listener, const Netns *netns,
                 char buffer[static LISTENER_ID_SIZE]);

DEFINE_CLEANUP(Snapshot, snapshot_cleanup, snapshot_free)
#define _cleanup_snapshot_ _cleanup_(snapshot_cleanup)
