/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a ledger, for its own files:
 *   ledger.c         made, asked, driven by the clock, its policy changed
 *   ledger_update.c  dumps and look-ups taken in
 *   ledger_entry.c   entries, sockets, whose they are and how many one may have
 *   ledger_judge.c   what an entry is seen as: owner, scope, ways in, verdict
 *   ledger_alerts.c  alerts: reported, repeated, resolved
 *   ledger_snooze.c  snoozes
 *   ledger_state.c   to and from the state file
 */
#pragma once

#include "audit/ledger.h"
#include "audit/pool.h"
#include "audit/table.h"
#include "audit/timers.h"
#include "util/limit.h"

/* Sockets without a cookie, and forwards, are known by numbers that no cookie reaches: the kernel
 * counts cookies from 1 (net/core/sock_diag.c, sock_gen_cookie). */
#define COOKIE_OF_INODE   (UINT64_C(1) << 63)
#define COOKIE_OF_FORWARD (UINT64_C(1) << 62)

#define PART_FORWARDS PROTO_COUNT
#define PART_COUNT    (PROTO_COUNT + 1)

typedef struct SocketRecord {
    uint32_t entry;
    uint32_t inode;
    uint64_t cookie;               /* never 0 but in a free record */
    uint32_t prev, next;           /* of its entry, oldest first */
    uint32_t user_prev, user_next; /* of its user, oldest first */
    uint32_t seen;                 /* the number of the last dump that had it */
    bool missing;                  /* the dump after that lacked it */
} SocketRecord;

typedef enum EntryState {
    ENTRY_FREE,
    ENTRY_NEW,     /* of the call that goes on: not judged yet */
    ENTRY_PENDING, /* UDP in its grace: not announced */
    ENTRY_LIVE,
    ENTRY_GHOST, /* closed: the tombstone of an alert */
} EntryState;

typedef struct Forward {
    Address to;
    uint16_t port;
} Forward;

/* A listener: 128 bytes. What a snapshot's Listener has, packed, and what is known besides. */
typedef struct Entry {
    uint32_t socket, socket_last; /* SocketRecords */
    uint32_t n_sockets;
    uint32_t uid;
    uint8_t address[16];
    uint32_t ifindex;
    uint16_t port;
    uint16_t user; /* who is charged: index in Ledger.users */
    uint8_t state; /* EntryState */
    uint8_t proto, family, scope, origin, action, severity;
    bool v6only : 1, judged : 1;
    bool early : 1;                /* first_seen is of an earlier boot */
    bool completed : 1;            /* its processes were searched for before an alert */
    bool found_closed : 1;         /* before its alert; the event is awaited */
    bool is_client : 1;            /* the socket was connected within its grace */
    bool rests : 1;                /* it has an alert, but is unreachable: see alert_rest() */
    uint32_t peer_prev, peer_next; /* entries of the same place; the first is in by_place */
    uint32_t alert;
    uint32_t alert_prev, alert_next; /* entries of the same alert */
    uint32_t joined;                 /* the dump that brought its newest socket */
    uint32_t reach;                  /* hash of the ways in */
    uint64_t cookie;                 /* of the first socket, kept when that is gone */
    uint64_t cgroup_id;
    Owner *owner;
    const RuleInfo *rule;
    Forward *forward;
    uint64_t who;
    usec_t first_seen;
    BootTime born;
    usec_t appeared; /* CLOCK_BOOTTIME; 0: before this daemon */
    Timer timer;     /* the end of the grace, or the next age at which to judge again */
} Entry;

typedef enum AlertState {
    ALERT_FREE,
    ALERT_SETTLING, /* not reported, because it may be a port probe. Without entries: it was one */
    ALERT_REPORTED,
    ALERT_SUPPRESSED, /* over the limit of its user, counted in a sum */
    ALERT_SNOOZED,
} AlertState;

/* One more transient listener than these within that time is an alert. */
#define TRANSIENTS_MAX   5
#define TRANSIENT_MEMORY USEC_PER_MINUTE

typedef struct Alert {
    uint32_t n_live, first; /* its entries */
    uint32_t shown;         /* the most severe one; a tombstone if there is none */
    uint32_t prev, next;    /* alerts of the user in hold-down, oldest first */
    uint16_t user;          /* during the hold-down */
    uint8_t state;          /* AlertState */
    uint8_t severity;       /* as reported, like scope */
    uint8_t scope;
    bool held_down : 1;  /* no entries: resolved at the end of the hold-down */
    bool restored : 1;   /* from the state file, and not seen since */
    bool came_back : 1;  /* returned within the hold-down, not reported since */
    bool repeats : 1;    /* its listener opens and closes repeatedly */
    uint32_t n_returned; /* since the last report */
    uint32_t n_returned_ever;
    uint32_t n_still; /* number of "still exposed" reports after a return */
    pid_t group;      /* the process group that was reported; 0: unknown */
    uint32_t n_transients;
    uint32_t transient_place;          /* hash of the last one's endpoint */
    usec_t transients[TRANSIENTS_MAX]; /* when the last ones closed, a ring */
    Identity key;                      /* alert_key() */
    BootTime since, reported;          /* first, last */
    usec_t began;                      /* CLOCK_BOOTTIME: since then it has had entries */
    Timer timer;                       /* a report, a reminder, or the end of the hold-down */
} Alert;

/*
 * How long the sockets of a user on a port were open, for all programs together, because users can
 * vary the program. If two ports share a record, the one that was open for longer is kept.
 */
#define USER_PORTS 1024
typedef struct UserPort {
    uint32_t uid;
    uint16_t port;
    uint8_t proto;
    usec_t limit;        /* limits the time open (limit.h) */
    usec_t silent_until; /* the next report of transient listeners */
} UserPort;

/* An alert that is due. */
typedef struct DueAlert {
    uint32_t index;
    uint8_t severity;
} DueAlert;

typedef struct Snooze {
    uint32_t uid; /* first: not needed while free */
    uint16_t user;
    bool used;
    Identity identity;
    Timer timer;
} Snooze;

typedef struct User {
    uid_t uid;
    bool used;
    uint32_t n_sockets, oldest_socket, newest_socket;
    uint32_t n_lingering, oldest_lingering, newest_lingering;
    uint32_t n_snoozes;
    uint32_t n_refused; /* in this dump */
} User;

/* What a state file says of a listener, until it is seen again. */
typedef struct Restored {
    uint64_t key; /* the cookie, or of an earlier boot the identity's hash */
    Identity identity;
    usec_t first_seen;
    BootTime born;
} Restored;

enum TimerKind { TIMER_ENTRY = 1, TIMER_ALERT, TIMER_SNOOZE };
#define TIMER_ID(kind, index) ((uint32_t)(kind) << 28 | (index))
#define TIMER_KIND(id)        ((id) >> 28)
#define TIMER_INDEX(id)       ((id)&0x0fffffff)

/* A port whose flagged socket closed lately. */
typedef struct ClosedPort {
    usec_t at; /* CLOCK_BOOTTIME */
    uint16_t port;
    uint8_t proto;
} ClosedPort;
#define CLOSED_PORTS 16

struct Ledger {
    LedgerConfig config;
    const Judge *judge;
    uint64_t seed;
    AuditTime now; /* of the current or last call */
    usec_t next_until;
    bool failed;            /* something could not be allocated in this call */
    bool swapping;          /* the policy was replaced: everything is judged anew */
    usec_t closed_at;       /* when sockets closed that this call removes; 0: now */
    bool refuses;           /* some socket of this look was refused */
    bool evicting;          /* what goes now is not gone, only no longer kept track of */
    bool moving;            /* the socket of the entry that goes now is in another entry */
    const LinkTable *links; /* while a call that was given one goes on */
    uint32_t *fresh;        /* entries in ENTRY_NEW */
    size_t n_fresh, fresh_allocated;
    UserPort transient_ports[USER_PORTS];
    UserPort udp_ports[USER_PORTS];        /* for the grace */
    ClosedPort closed_ports[CLOSED_PORTS]; /* a ring */
    uint32_t n_closed_ports;
    DueAlert *due; /* alerts to be reported at the end of this call */
    size_t n_due, due_allocated;

    Pool sockets, entries, alerts, snoozes;
    Table by_cookie, by_key, by_place, by_identity, snooze_by_identity, user_by_uid;
    Timers timers;
    User *users; /* [0] is of those that are not told apart */
    uint32_t n_users;
    Rate *rate;

    uint32_t dump; /* number of the current or last dump or look */
    uint32_t n_of_part[PART_COUNT];
    uint32_t n_seen_of_part[PART_COUNT];
    uint32_t n_pending, n_ghosts, n_flagged, n_lingering, n_missing;
    uint32_t n_refused;         /* since the last dump of everything began */
    uint32_t n_restored_alerts; /* not seen again yet */
    uint64_t links_hash;        /* of the table that scopes and ways in were computed from */

    Restored *restored; /* sorted by key, or NULL */
    size_t n_restored;
    bool restored_by_cookie;
    usec_t restored_until; /* then they are forgotten */

    uint64_t revision;
    uint64_t n_told, n_summed, n_evicted, n_returned;
};

static inline Entry *entry_at(const Ledger *ledger, uint32_t index) {
    return pool_get(&ledger->entries, index);
}
static inline SocketRecord *socket_at(const Ledger *ledger, uint32_t index) {
    return pool_get(&ledger->sockets, index);
}
static inline Alert *alert_at(const Ledger *ledger, uint32_t index) {
    return pool_get(&ledger->alerts, index);
}
static inline Snooze *snooze_at(const Ledger *ledger, uint32_t index) {
    return pool_get(&ledger->snoozes, index);
}

/* --- ledger_entry.c --- */

/* Unpacked; the owner is borrowed. */
Listener entry_listener(const Entry *entry);
Endpoint entry_endpoint(const Entry *entry);
Identity entry_identity(const Entry *entry);
/* The key of the alert that it belongs to. */
Identity alert_key(const Entry *entry);
unsigned entry_part(const Entry *entry);
LedgerView entry_view(const Ledger *ledger, const Entry *entry, const AuditTime *now);

uint32_t socket_find(const Ledger *ledger, uint64_t cookie); /* 0: none */
/* Whether the entry is what the listener would be joined to. */
bool entry_is(const Entry *entry, const Listener *listener);
uint32_t entry_find(const Ledger *ledger, const Listener *listener);
/* The first entry of that place; Entry.peer_next leads on. */
uint32_t entry_find_place(const Ledger *ledger, const Endpoint *endpoint);

/* A new entry without sockets, in the tables. Returns 0 or -ENOMEM. */
int entry_add(Ledger *ledger, const Listener *listener, uint32_t *ret_index);
/* Adds a tombstone for an alert without a listener. Returns 0 or -ENOMEM. */
int entry_add_ghost(Ledger *ledger, const Identity *identity, uint64_t cookie, uint32_t *ret_index);
/* Out of the tables, but not freed: it may become a ghost. */
void entry_unlink(Ledger *ledger, uint32_t index);
void entry_free(Ledger *ledger, uint32_t index);

/* A socket of an entry that is there. Room was made for it. Returns 0 or -ENOMEM. */
int socket_add(Ledger *ledger, uint32_t entry, uint64_t cookie, uint32_t inode);
/* Ends the socket; the entry is gone with its last one. */
void socket_remove(Ledger *ledger, uint32_t index);
/* Removes all sockets of the entry, and so the entry. */
void entry_close(Ledger *ledger, uint32_t index);
/* Returns how long a socket was open that closes now and was opened at `began`. */
usec_t time_open(const Ledger *ledger, usec_t began);
/* Ends an entry without sockets: reports it, and leaves a tombstone if an alert needs one. */
void entry_go(Ledger *ledger, uint32_t index);

/* Returns the record for the user and port of the entry, which may hold another one. */
UserPort *user_port(const Ledger *ledger, UserPort ports[static USER_PORTS], const Entry *entry);
bool user_port_is(const UserPort *known, const Entry *entry);
void user_port_set(UserPort *known, const Entry *entry, usec_t limit);

/* The user's index, made if need be. */
uint16_t user_get(Ledger *ledger, uid_t uid);
void user_put(Ledger *ledger, uint16_t user);
/* Returns whether the user may have one more socket, with that scope. May evict a socket of a user
 * who has more, or a harmless socket of the same user. */
bool user_admits_socket(Ledger *ledger, uint16_t user, Scope scope);

/* --- ledger_judge.c --- */

/* Judges it (again) and tells what differs: `what` holds LEDGER_… that differ already; `why` is
 * what its flag would be resolved for. */
void entry_judge(Ledger *ledger, uint32_t index, unsigned what, ResolvedWhy why);
void entry_judge_all(Ledger *ledger, ResolvedWhy why);
/* A new entry, or one whose grace is over, is judged and told. */
void entry_announce(Ledger *ledger, uint32_t index);
/* Returns whether the entry has a grace before it is judged, as UDP sockets have. */
bool entry_has_grace(const Entry *entry);
/* Records how much of the grace a closed entry used, for the next one of the user on the port. */
void grace_keep(Ledger *ledger, const Entry *entry);
/* A new entry begins: with its grace, or by being announced. */
void entry_begin(Ledger *ledger, uint32_t index);
/* The listener as it was found again: owner and scope are compared. */
void entry_compare(Ledger *ledger, uint32_t index, const Listener *found);
/* Takes over the reference. `same_socket`: the owner is of a known socket, not of a new one.
 * Returns LEDGER_HOLDERS if it differs from the previous one. */
unsigned entry_take_owner(Ledger *ledger, uint32_t index, Owner *owner, bool same_socket);
/* Sets the timer to the end of the grace or the next age. */
void entry_set_timer(Ledger *ledger, uint32_t index);
void entry_on_timer(Ledger *ledger, uint32_t index);
/* Scopes and ways in by another table, if it is another. */
void links_take(Ledger *ledger, const LinkTable *links);
/* A hash of the ways in, never 0; 0 without a table. */
uint32_t entry_reach(const Entry *entry, const LinkTable *links);

/* --- ledger_alerts.c --- */

uint32_t alert_find(const Ledger *ledger, const Identity *key);
/* Makes an alert without entries. Returns 0 if out of memory. */
uint32_t alert_new(Ledger *ledger, const Identity *key);
/* Adds a flagged entry to the alert of its key, which is made if needed. */
void alert_attach(Ledger *ledger, uint32_t entry);
/* Removes an entry that is no longer flagged, or closed. Returns whether it became the tombstone of
 * the alert. */
bool alert_detach(Ledger *ledger, uint32_t entry, ResolvedWhy why);
/* After a new verdict on a flagged entry: reports it if the severity or scope increased. */
void alert_review(Ledger *ledger, uint32_t entry);
/*
 * Handles an entry that is not flagged because it is unreachable. If it is the last one of a
 * reported alert, the alert is paused: no reminder is sent, and it does not count as flagged. It
 * continues without a report when an interface has the address again, and is resolved when the
 * listener closes. An alert in hold-down for the entry is paused, too.
 */
void alert_rest(Ledger *ledger, uint32_t entry);
/* Handles an allowed entry: an alert in hold-down for the same endpoint is resolved. */
void alert_clear(Ledger *ledger, uint32_t entry, ResolvedWhy why);
/* Another process got the sockets of the entry: its alert continues under another `who`. */
void alert_rekey(Ledger *ledger, uint32_t entry, uint64_t who);
/* Another program replaced the entry with a socket of its own, which is another alert. The caller
 * judges the entry next. */
void alert_replace(Ledger *ledger, uint32_t entry, uint64_t who);
/* The snooze of the alert has ended: reports it if it has entries. */
void alert_unsnooze(Ledger *ledger, uint32_t index);
/* Reports that an active alert is snoozed. */
void alert_snooze(Ledger *ledger, uint32_t index);
/* Ends an alert without entries, and reports that if the alert was reported. */
void alert_resolve(Ledger *ledger, uint32_t index, ResolvedWhy why);
/* Sets the timer of the next report or reminder. */
void alert_schedule(Ledger *ledger, uint32_t index);
void alert_on_timer(Ledger *ledger, uint32_t index);
/* Reports the due alerts, most severe first. May set timers that are due immediately. */
void alerts_report_due(Ledger *ledger);
/* Starts the hold-down of alerts of the state file without entries, in `full_parts` of a dump. */
void alerts_age_restored(Ledger *ledger, unsigned full_parts);

/* --- ledger_snooze.c --- */

uint32_t snooze_find(const Ledger *ledger, const Identity *identity);
int snooze_set(Ledger *ledger, const Identity *identity, usec_t until);
/* The sockets of an entry now belong to `who`: copies the snooze, if possible. */
void snooze_copy(Ledger *ledger, const Entry *entry, uint64_t who);
void snooze_on_timer(Ledger *ledger, uint32_t index);

/* --- ledger.c --- */

/* At the begin of each call that changes something: takes the time, and notices when the clock was
 * set or a rule came to its `until`. */
void ledger_begin(Ledger *ledger, const AuditTime *now);
/* At its end, after what was seen was taken in: timers and sums. */
void ledger_end(Ledger *ledger);
void ledger_tell(Ledger *ledger, LedgerChange *change);

/* --- ledger_state.c --- */

/* Gives a new entry what the state file knows of it. Returns whether it does. */
bool entry_restore(Ledger *ledger, uint32_t entry);
void restored_forget(Ledger *ledger);
