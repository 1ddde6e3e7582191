/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What travels over the bus, as plain data: the daemon fills it in, the client gets it back. */
#pragma once

#include "model/snapshot.h"

/* What the daemon knows of a listener besides what a scan would. */
typedef struct Standing {
    usec_t first_seen;   /* realtime, 0: unknown */
    usec_t age;          /* as far as known */
    usec_t snoozed_for;  /* span that is left of a snooze; with `snoozed` */
    uint32_t n_returned; /* how often it came back since its flag was told first */
    bool flagged;        /* an alert stands: told, summed up or snoozed */
    bool snoozed;
    bool pending; /* UDP within its grace: not judged yet */
} Standing;

/* One listener on its way out. All is borrowed for the call. */
typedef struct BusListener {
    const Listener *listener; /* with owner, verdict, advice */
    Netns netns;
    uint64_t key; /* what handlers.snooze and handlers.allow are given: the ledger's cookie */
    Standing standing;
} BusListener;

/* The machine that the listeners are on. */
typedef struct BusMachine {
    Netns netns;
    const LinkTable *links;         /* NULL: unknown */
    uint64_t links_generation;      /* rises when they change */
    Coverage coverage[PROTO_COUNT]; /* of the last dump of each */
    Coverage links_coverage, forwards_coverage;
    Coverage owners_coverage; /* who holds what */
} BusMachine;

/* A source of events, or a poll in its place. */
typedef struct BusSource {
    const char *name; /* `socket events`, `closed UDP sockets`, … */
    bool works;
    const char *words; /* for people: what it gives, or what its lack means */
    const char *why;   /* likewise: what stands in its way; NULL: nothing does */
} BusSource;

#define BUS_SOURCES_MAX 8

typedef struct BusStatus {
    usec_t since; /* realtime at which the daemon began */
    BusSource sources[BUS_SOURCES_MAX];
    size_t n_sources;

    uint64_t policy_generation; /* rises with each one that is taken into force */
    usec_t policy_loaded;       /* realtime */
    size_t n_rules;
    bool policy_builtin;    /* the built-in rules are active */
    bool policy_last_valid; /* the last valid rules are active; locations are those of the files */
    const char
        *policy_differs;       /* how what is on disk differs from what is in force, a
                                * sentence part (`/etc/… was changed at 10:04`); NULL: it is the same */
    char *const *policy_files; /* NULL-terminated, or NULL */

    uint64_t n_listeners, n_flagged, n_allowed, n_ignored, n_pending, n_snoozed;
    uint64_t n_told;     /* alerts, since the counters began */
    uint64_t n_summed;   /* alerts that were only counted in a sum */
    uint64_t n_evicted;  /* listeners for which there was no room, since the counters began */
    uint64_t n_refused;  /* those that are not monitored now */
    uint64_t n_returned; /* that came back before they were told gone */
    uint64_t n_events_lost;
    size_t n_alerts_kept; /* wait for a journal that is away */
} BusStatus;
