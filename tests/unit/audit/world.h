/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A world for the ledger to look at: sockets that open and close, two clocks, a judge that is told
 * what to say, and what the ledger told, as words that a test compares.
 */
#pragma once

#include <errno.h>

#include "audit/ledger.h"
#include "audit/ledger_state.h"

#define START_REALTIME (UINT64_C(1800000000) * USEC_PER_SEC)
#define START_BOOTTIME (UINT64_C(5000) * USEC_PER_SEC)
#define MS             UINT64_C(1000)

typedef struct WorldSocket {
    uint64_t cookie;
    Endpoint endpoint;
    Scope scope;
    uint32_t uid;
    uint64_t cgroup_id;
    Owner *owner; /* a reference, or NULL */
    bool hidden;  /* the next dump misses it */
} WorldSocket;

typedef struct World {
    AuditTime now;
    Ledger *ledger;
    LedgerConfig config;
    Snapshot *snapshot;
    WorldSocket *sockets;
    size_t n_sockets, allocated;
    WorldSocket *closed; /* without owner */
    size_t n_closed, closed_allocated;

    Judge judge;
    /* The judge: flags what is not of scope loopback, but for these. */
    uint16_t allowed_port, critical_port;
    usec_t allowed_from_age; /* 0: at no age */
    usec_t flagged_until;    /* realtime; 0: for ever */
    Severity severity;
    const char *allowed_exe;
    unsigned n_judged;

    char *told; /* the words since world_told() was asked */
    size_t told_length, told_allocated;
    bool quiet; /* count only */
    unsigned n_told[LEDGER_SUPPRESSED + 1];
    LedgerChange last; /* its pointers are void */
    RateSum sums;      /* all of them */
} World;

World *world_new(const LedgerLimits *limits);
void world_free(World *world);

/* A new ledger in the same world, as after a restart of the daemon. */
void world_restart(World *world);

/* Opens tcp 0.0.0.0:port of uid 1000, cgroup 1; returns it for changes until the next call. */
WorldSocket *world_listen(World *world, uint64_t cookie, uint16_t port);
void world_close(World *world, uint64_t cookie);
WorldSocket *world_socket(World *world, uint64_t cookie);

/* An owner with one holder that runs `exe`. */
Owner *world_owner(const char *exe);

/* What is open now, as a snapshot; those that are hidden are shown again next time. */
const Snapshot *world_look(World *world);
/* A full dump into the ledger. */
void world_dump(World *world);
/* Look at one port of 0.0.0.0, tcp, after an event. */
void world_look_at(World *world, uint16_t port, bool closed);

/* Lets time pass, on both clocks, with the ledger ticked whenever it wants to be. */
void world_pass(World *world, usec_t span);
/* Time passes and nobody ticks. */
void world_sleep(World *world, usec_t span);

/*
 * What was told since the last question: words such as `appeared:3000`, `flagged:3000`,
 * `flagged:3000+2` (it came back twice), `changed:3000/hsrvi`, `resolved:3000/gone`,
 * `suppressed:1000/5`. Valid until the next question.
 */
const char *world_told(World *world);

static inline void world_cleanup(World **world) {
    world_free(*world);
}
#define _cleanup_world_ _cleanup_(world_cleanup)
