/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of the listeners of one network namespace, and what of it has been told. Dumps and
 * look-ups go in, differences come out, nothing flaps.
 *
 * Three things are kept, and die at different times:
 *   - a socket, by its cookie: from the dump that shows it to two that don't, or a close event;
 *   - an entry: the sockets of one endpoint, user and cgroup, as in a Snapshot;
 *   - an alert: about a service (audit/identity.h). It outlives its entries by LEDGER_RETURN, so
 *     that a server that restarts is one alert.
 *
 * Pure: no I/O, no clock. Every call takes the time; CLOCK_BOOTTIME must not go back from one call
 * to the next, CLOCK_REALTIME may be set at will. Changes are told to a sink, in order, before the
 * call returns; the sink and the judge must not call the ledger.
 */
#pragma once

#include "audit/identity.h"
#include "audit/judge.h"
#include "audit/rate.h"
#include "audit/time.h"
#include "util/cleanup.h"

/* An endpoint that is back after at most this time was never away. */
#define LEDGER_RETURN (10 * USEC_PER_SEC)

/* A timer that is served later than this was held up by suspend: nothing could be seen meanwhile.
 */
#define LEDGER_AWAY (2 * USEC_PER_SEC)

typedef struct Ledger Ledger;

/* Bounds; 0 takes the default. */
typedef struct LedgerLimits {
    uint32_t sockets;           /* in all: 65,536 */
    uint32_t sockets_of_user;   /* 57,344. Below it a full ledger takes from who has the most */
    uint32_t users;             /* told apart: 1,024; further ones share one user's place */
    uint32_t lingering;         /* flags whose listener is gone, that may return: 4,096 */
    uint32_t lingering_of_user; /* 256; beyond, the oldest is resolved at once */
    uint32_t snoozes;           /* 4,096 */
    uint32_t snoozes_of_user;   /* 256 */
    uint32_t rate_users;        /* RATE_USERS */
} LedgerLimits;

typedef enum LedgerEvent {
    LEDGER_APPEARED,
    LEDGER_CHANGED, /* what: `what` */
    LEDGER_GONE,
    LEDGER_FLAGGED,
    LEDGER_STILL_FLAGGED, /* a reminder */
    LEDGER_RESOLVED,      /* of a flag that was told; why: `why` */
    LEDGER_SUPPRESSED,    /* `sum`; there is no view */
} LedgerEvent;

enum {
    LEDGER_HOLDERS = 1 << 0,
    LEDGER_SCOPE = 1 << 1,
    LEDGER_REACH = 1 << 2,   /* other ways in, of the same scope */
    LEDGER_VERDICT = 1 << 3, /* action or severity */
    LEDGER_ID = 1 << 4,      /* the first socket of several is gone: `was_cookie` named it before */
};

/* Words for these bits with blanks between: `scope reach verdict`. */
#define LEDGER_WHAT_SIZE 48
void ledger_what_names(unsigned what, char ret[static LEDGER_WHAT_SIZE]);

typedef enum ResolvedWhy {
    RESOLVED_GONE,    /* the listener went, LEDGER_RETURN ago */
    RESOLVED_POLICY,  /* a new policy allows it */
    RESOLVED_SNOOZE,  /* somebody wants no more of it */
    RESOLVED_UNTIL,   /* a rule came to its `until` */
    RESOLVED_CHANGED, /* it is another now: its holders, ways in, or age */
} ResolvedWhy;

/* A listener as the ledger knows it. Pointers last until the next call. */
typedef struct LedgerView {
    Listener listener; /* owner and the rule are borrowed, advice is NULL. verdict.rule is NULL
                        * while not judged, and after a restart for what was gone by then */
    Netns netns;
    usec_t first_seen; /* realtime */
    uint64_t who;      /* of its identity */
    usec_t age;        /* as far as known */
    bool pending;      /* UDP within its grace: not judged, nothing told yet */
    bool flagged;      /* an alert stands, told or summed up or snoozed */
    bool snoozed;
    usec_t snoozed_for;  /* span that is left of it */
    uint32_t n_returned; /* how often it came back since its flag was told first */
} LedgerView;

/* Limit of further endpoints of a service that its alert names. */
#define LEDGER_ALSO_MAX 3

typedef struct LedgerChange {
    LedgerEvent event;
    LedgerView view;
    unsigned what;       /* LEDGER_CHANGED */
    uint64_t was_cookie; /* LEDGER_ID */
    ResolvedWhy why;     /* LEDGER_RESOLVED */
    uint32_t n_returned; /* flagged, still-flagged, resolved: how often it came back since the
                          * last time that it was told */
    BootTime since;      /* flagged, still-flagged, resolved: when it was told first */
    bool brief;          /* flagged: it is closed already */
    bool transient;      /* gone: it was flagged, but closed before an alert was due */
    bool unannounced;    /* gone: UDP that closed within its grace. Its appearance was not
                          * reported, and it was not evaluated */
    bool repeats;        /* flagged: opens and closes repeatedly */
    bool returned;       /* still-flagged: returned within the hold-down; else a reminder */
    Endpoint also[LEDGER_ALSO_MAX]; /* flagged, still-flagged, resolved: further endpoints */
    unsigned n_also;
    bool evicted;    /* gone: it is there yet, but no longer kept track of; see the sum */
    usec_t duration; /* gone: how long it was there; still-flagged, resolved: since it was
                      * first told; flagged: how long it lived, if brief */
    usec_t at;       /* CLOCK_BOOTTIME of the call that led to it */
    RateSum sum;     /* LEDGER_SUPPRESSED */
} LedgerChange;

typedef void (*LedgerSink)(void *userdata, const LedgerChange *change);

typedef struct LedgerConfig {
    Netns netns;
    LedgerLimits limits;
    const Judge *judge; /* borrowed, see ledger_set_judge() */
    LedgerSink sink;
    void *sink_userdata;
    /*
     * Who is charged for the sockets of a uid; NULL: that uid. With it the uids that a user was
     * given for containers (subuid(5)) have one share together, not 65,536 of them.
     */
    uid_t (*payer)(void *userdata, uid_t uid);
    void *payer_userdata;
} LedgerConfig;

/* Copies the configuration, but for what it points to. Returns 0 or -ENOMEM. */
int ledger_new(const LedgerConfig *config, const AuditTime *now, Ledger **ret);
/* Takes NULL, returns NULL. */
Ledger *ledger_free(Ledger *ledger);

/* Which part of the world a snapshot is of. */
#define LEDGER_PROTO(proto) (1u << (proto))
#define LEDGER_FORWARDS     (1u << PROTO_COUNT)
#define LEDGER_ALL          ((LEDGER_FORWARDS << 1) - 1)

/*
 * A dump of all that `parts` names. What is new appears, what is known is compared, and what is
 * missing for the second time in a row in a part whose coverage is full is gone. A listener whose
 * owner is NULL keeps the one that is known; without links (or with links_coverage not full) known
 * ones keep their scope. Owners are referenced. Returns 0; -EXDEV: the snapshot is of another
 * namespace; -ENOMEM: part of it was not taken in, call again.
 */
int ledger_update(Ledger *ledger, const Snapshot *snapshot, unsigned parts, const AuditTime *now);

/* Sockets that were looked up one by one: only added or compared. Returns as ledger_update(). */
int ledger_update_some(Ledger *ledger, const Snapshot *snapshot, const AuditTime *now);

/* The socket is closed, by a destroy notification. Returns 1, or 0 when it was not known. */
int ledger_close(Ledger *ledger, uint64_t cookie, const AuditTime *now);

/* Sets the CLOCK_BOOTTIME at which the sockets closed that the next call removes. The event may be
 * late. */
void ledger_set_closed_at(Ledger *ledger, usec_t boottime);

/* Whether it is not the table that scopes and ways in were computed from last. */
bool ledger_links_are_other(const Ledger *ledger, const LinkTable *links);

/* Interfaces or addresses changed: scopes and ways in are computed anew and judged. */
void ledger_set_links(Ledger *ledger, const LinkTable *links, const AuditTime *now);

/*
 * A new policy: everything is judged by it, differences are told. The judge is borrowed until the
 * next one is set; the old one (and its policy) may be freed after the call.
 */
void ledger_set_judge(Ledger *ledger, const Judge *judge, const AuditTime *now);

/* Treats all known listeners as settled, because they were open before the daemon started. */
void ledger_assume_settled(Ledger *ledger, const AuditTime *now);

/* What the judge knows of the world besides listeners is other than before (which file a path is):
 * everything is judged again, differences are told. */
void ledger_judge_again(Ledger *ledger, const AuditTime *now);

/*
 * Mutes alerts for the identity of the listener with that cookie (any of its sockets) for `span`
 * from now; 0 cancels the snooze. The snooze survives restarts of the listener and of the daemon.
 * Returns 0, -ENOENT, -EDQUOT: the user has too many snoozes, -ENOSPC: there are too many snoozes,
 * -ENOMEM; with `only_alerted`, -EPERM: no alert was sent for the listener, -EALREADY: a snooze
 * would become longer.
 */
int ledger_snooze(Ledger *ledger, uint64_t cookie, usec_t span, bool only_alerted,
                  const AuditTime *now);

/* The CLOCK_BOOTTIME at which ledger_tick() is to be called; USEC_INFINITY: no need. Ask after
 * each call. When CLOCK_REALTIME was set, call ledger_tick() as well. */
usec_t ledger_next_deadline(const Ledger *ledger, const AuditTime *now);

/* Does what is due. Every update and close does it too. */
void ledger_tick(Ledger *ledger, const AuditTime *now);

/* Whether the socket is known: then there is nothing to attribute anew. */
bool ledger_knows(const Ledger *ledger, uint64_t cookie);

/* The owner that is known for the socket, borrowed, or NULL. */
Owner *ledger_owner(const Ledger *ledger, uint64_t cookie);

/* The cookie under which a forward, which has none, goes in ledger_knows() and the like. */
uint64_t ledger_forward_cookie(const Ledger *ledger, const Listener *forward);

/* The listener that the socket belongs to. Returns false when it is not known. */
bool ledger_find(const Ledger *ledger, uint64_t cookie, const AuditTime *now, LedgerView *ret);

/* Every entry, in no order: `for (uint32_t at = 0; ledger_next(ledger, &at, now, &view);)`. The
 * ledger must not change meanwhile. */
bool ledger_next(const Ledger *ledger, uint32_t *at, const AuditTime *now, LedgerView *ret);

typedef struct LedgerStats {
    uint32_t n_sockets, n_entries;
    uint32_t n_pending; /* UDP sockets in their grace */
    uint32_t n_flagged; /* entries */
    uint32_t n_snoozes;
    uint32_t n_lingering; /* flags whose listener is gone */
    uint32_t n_missing;   /* sockets that the last dump lacked: a second one is wanted soon */
    uint32_t n_refused;   /* untracked sockets of the last dump, or opened since */
    uint64_t n_told, n_summed, n_evicted, n_returned; /* since the counters began */
} LedgerStats;
void ledger_stats(const Ledger *ledger, LedgerStats *ret);

/* Rises when something changes that is to be saved (audit/state.h). */
uint64_t ledger_revision(const Ledger *ledger);

DEFINE_CLEANUP(Ledger, ledger_cleanup, ledger_free)
#define _cleanup_ledger_ _cleanup_(ledger_cleanup)
