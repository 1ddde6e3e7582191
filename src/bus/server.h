/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's side of D-Bus: one vtable (org.sockaudit1(5)), served on the system bus and on a
 * peer-to-peer socket. Speaks in plain data; what it is asked for it asks the handlers.
 *
 * Nobody can slow the daemon down: connections are bounded in all and a user, so are messages in
 * both directions and what waits for a reader; long lists are handed out in pages.
 */
#pragma once

#include <systemd/sd-event.h>

#include "bus/access.h"
#include "bus/listener.h"

/* Bounds; see org.sockaudit1(5). */
#define BUS_PEERS_MAX         64          /* connections to the socket, in all */
#define BUS_PEERS_OF_USER     16          /* and of one user that is not root */
#define BUS_PEERS_ROOT        8           /* of the former, kept for root */
#define BUS_REQUEST_MAX       (16 * 1024) /* bytes of a message to the daemon */
#define BUS_PAGE_MAX          (64 * 1024) /* bytes of a page of a list, about */
#define BUS_QUEUE_MAX         (4 << 20)   /* bytes that wait for one reader; beyond, no signals */
#define BUS_QUEUES_MAX        (16 << 20)  /* likewise of all: then the one with the most is */
#define BUS_HANDSHAKE_SECONDS 10
#define BUS_IDLE_SECONDS      60 /* without a call, for who is not subscribed */
#define BUS_STALLED_SECONDS   30 /* with something waiting that is not read */

/* At most so many entries may a handler look at for one page. */
#define BUS_LIST_WORK 4096

typedef enum BusSelection {
    BUS_SELECT_ALL,     /* ignored ones, too */
    BUS_SELECT_FLAGGED, /* verdict: flag */
    BUS_SELECT_ALLOWED,
    BUS_SELECT_LISTED, /* flagged and allowed */
} BusSelection;

/* `all`, `flagged`, `allowed`, `listed`. Returns 0 or -EINVAL. */
int bus_selection_parse(const char *name, BusSelection *ret);
bool bus_selection_holds(BusSelection selection, Action action);

/* Takes listeners or rules into a reply. */
typedef struct BusSink BusSink;

/* Returns false when there is no more room: then this one was not taken, and the cursor must lead
 * to it. The first of a page is always taken. */
bool bus_sink_listener(BusSink *sink, const BusListener *listener);
bool bus_sink_rule(BusSink *sink, const RuleInfo *rule, uint64_t hits);

/* The result of `allow`. */
typedef struct BusAllowed {
    char *file;
    char *lines;   /* the added lines, each with its newline */
    unsigned line; /* the number of the first one in the file; 0: none was added */
} BusAllowed;

/* The maximum snooze of a user. Root and users that polkit authorizes have no limit. */
#define BUS_SNOOZE_OF_USER_MAX (24 * USEC_PER_HOUR)

/* A request to snooze one listener. */
typedef struct BusSnooze {
    uint64_t key;      /* BusListener.key */
    usec_t span;       /* 0: cancel the snooze */
    uid_t uid;         /* of the requester */
    bool only_alerted; /* fail with -EPERM if no alert was sent yet */
} BusSnooze;

/*
 * What the daemon does when it is asked. All must be there; each returns 0 or a negative errno, and
 * must not call the server. Text in *ret_text is freed by the server, may stay NULL, and is safe to
 * print (escaped by whoever made it).
 */
typedef struct BusHandlers {
    /* Returns the user whose limits of connections and pending calls apply to that uid: for a
     * subordinate uid, the user it is assigned to (subuid(5)). */
    uid_t (*payer)(void *userdata, uid_t uid);

    /* Strings are borrowed until the next call of a handler. */
    int (*status)(void *userdata, BusStatus *ret);
    int (*machine)(void *userdata, BusMachine *ret);

    /*
     * Gives listeners of the selection to the sink: from *cursor on (0: from the first), until the
     * sink is full, or BUS_LIST_WORK entries were looked at, or there are no more. Sets *cursor to
     * where to go on, or to 0: that was all. One that is there all the time is told once.
     */
    int (*list)(void *userdata, BusSelection selection, uint64_t *cursor, BusSink *sink);

    /* Likewise the listeners of that id (listener_id()), or, with `id` NULL, of that port. */
    int (*find)(void *userdata, const char *id, uint16_t port, uint64_t *cursor, BusSink *sink);

    /* Gives the rules in order, then the default; cursor as above. */
    int (*rules)(void *userdata, uint64_t *cursor, BusSink *sink);

    /* Permission was checked before these are called. */

    /* -EBADMSG: the new policy has errors, the old one stays; the diagnostics are in *ret_text.
     * With 0, warnings may be there. */
    int (*reload)(void *userdata, char **ret_text);

    /* Returns the same errors as ledger_snooze(). */
    int (*snooze)(void *userdata, const BusSnooze *snooze);

    /*
     * Writes the narrowest rules that allow these listeners, and reloads. `until`: realtime,
     * USEC_INFINITY for ever; `note` raw, or NULL. *ret: zeroed before; its texts are freed by the
     * server, as is *ret_why: why it failed.
     */
    int (*allow)(void *userdata, const uint64_t *keys, size_t n_keys, usec_t until,
                 const char *note, BusAllowed *ret, char **ret_why);

    /* Returns those rules in *ret_text, one per line, or the reason why there are none. -EACCES:
     * they would name a process that the viewer may not see. */
    int (*suggest)(void *userdata, const uint64_t *keys, size_t n_keys, const Viewer *viewer,
                   char **ret_text);
    void *userdata;
} BusHandlers;

typedef struct BusServer BusServer;

typedef struct BusConfig {
    sd_event *event; /* referenced */
    /* The socket is made in it, mode 0666; NULL: no socket. Where it is not there it is made, for
     * everybody to enter, and removed at the end. */
    const char *runtime_dir;
    bool system_bus;  /* be on the system bus, now or as soon as there is one */
    gid_t reader_gid; /* group `adm`: sees everybody's processes; (gid_t)-1: there is none */
    const BusHandlers *handlers; /* copied */
} BusConfig;

/*
 * Begins to serve. A system bus that is away is waited for; the socket is taken from a dead
 * predecessor. Events are served at a lower priority than the loop's normal one. Returns 0,
 * -EADDRINUSE: another daemon answers at that socket, or another negative errno.
 */
int bus_server_new(const BusConfig *config, BusServer **ret);
/* Takes NULL, returns NULL; tries to send what waits, removes the socket. */
BusServer *bus_server_free(BusServer *server);

typedef enum BusSignal {
    BUS_LISTENER_ADDED,
    BUS_LISTENER_CHANGED,
    BUS_LISTENER_REMOVED,
    BUS_FLAGGED, /* also a reminder: `still` */
    BUS_RESOLVED,
} BusSignal;

/* Something happened to a listener. All is borrowed. */
typedef struct BusChange {
    BusSignal signal;
    const BusListener *listener;
    usec_t time;         /* realtime */
    usec_t duration;     /* as LedgerChange.duration */
    const char *why;     /* resolved: `gone`, `policy`, …; changed: `holders verdict`; or NULL */
    const char *was;     /* changed: the id that it had, if it has another now; or NULL */
    bool still;          /* flagged: a reminder */
    bool transient;      /* it closed before an alert was due */
    uint32_t n_returned; /* as LedgerChange.n_returned */
} BusChange;

/* Whether anybody listens: nothing need be prepared else. */
bool bus_server_is_heard(const BusServer *server);

/* Each tells all who listen, as far as each may see; never fails, never blocks: who can't be told
 * in time is dropped. */
void bus_server_tell(BusServer *server, const BusChange *change);
void bus_server_tell_policy(BusServer *server, uint64_t generation);
void bus_server_tell_links(BusServer *server, uint64_t generation);

typedef struct BusServerStats {
    size_t n_peers, n_subscribed;
    size_t n_queued;               /* bytes */
    uint64_t n_refused, n_dropped; /* connections, since the start */
    bool on_system_bus;            /* the name is ours */
} BusServerStats;
/* For tests, to see the bounds kept. */
void bus_server_stats(const BusServer *server, BusServerStats *ret);
