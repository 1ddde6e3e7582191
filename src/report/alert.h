/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, as a record for the journal: pure. The fields are INTERFACE's, a contract. */
#pragma once

#include "model/snapshot.h"
#include "report/ids.h"
#include "report/record.h"

/* Limit of further endpoints that are named. */
#define ALERT_ALSO_MAX 3

/* The reason why an alert is repeated or closed (SOCKAUDIT_REASON). */
typedef enum AlertReason {
    ALERT_NEW,
    ALERT_REPEATS,  /* flagged: opens and closes repeatedly */
    ALERT_RETURNED, /* still-flagged: restarted within the hold-down */
    ALERT_REMINDER, /* still-flagged: `set remind` */
    ALERT_GONE,     /* resolved, as all below */
    ALERT_ALLOWED,
    ALERT_SNOOZED_BY_USER,
    ALERT_ALLOWED_SINCE,
    ALERT_CHANGED,
    ALERT_REASON_COUNT,
} AlertReason;

/* The value of SOCKAUDIT_REASON; NULL for ALERT_NEW. */
const char *alert_reason_name(AlertReason reason);

/* Returns the text for a value of SOCKAUDIT_REASON, or `name` itself if it is unknown. */
const char *alert_reason_words(const char *name);

/* About one listener: flagged, still-flagged, resolved, transient. All is borrowed. */
typedef struct ListenerAlert {
    ReportEvent event;
    const Listener *listener;
    const LinkTable *links;
    Netns netns;
    const char *user; /* name of the listener's uid, raw, or NULL */
    usec_t realtime;  /* when it happened */
    usec_t duration;  /* how long it has been so; 0: not reported */
    AlertReason reason;
    const Endpoint *also; /* the service's other endpoints */
    unsigned n_also;
    unsigned n_returned; /* how often it came back since it was last told */
    bool is_builtin;     /* the built-in rules are active, so no advice is given */
} ListenerAlert;

/* The value of SOCKAUDIT_ADVICE if there is no advice, because journalctl -x prints the name of a
 * missing field. It is a comment in a shell, in case a user pastes it. */
#define ALERT_NO_ADVICE "# No advice is available for this program."
#define ALERT_NO_ADVICE_BUILTIN                                                                    \
    "# No advice is given under the built-in rules. Fix the rules first: sockauditctl check"

/* Whether a value of SOCKAUDIT_ADVICE is one. */
static inline bool alert_is_advice(const char *value) {
    return value[0] != '#';
}

/* Returns 0 or -ENOMEM; the record is to be done with either way. */
int alert_of_listener(const ListenerAlert *alert, Record *ret);

/*
 * Tells the unit in place of the process. When journald gets an entry it adds what it sees then of
 * OBJECT_PID: of a process that is gone, nothing, or what is another program's by now, and the
 * alert stood in `journalctl -u` of a service that has nothing to do with it.
 */
void alert_forget_process(Record *record);

/* About the daemon itself; `message` is the whole of it, safe to print, perhaps of several
 * lines. Priority: syslog(3). As above. */
int alert_of_daemon(ReportEvent event, int priority, usec_t realtime, const char *message,
                    Record *ret);

/* The suppressed alerts of one user. */
typedef struct SuppressedAlert {
    uid_t uid;                /* (uid_t)-1: all users that are not tracked separately */
    const char *user;         /* the name, raw, or NULL */
    bool is_forwards;         /* alerts for forwarded ports; uid is (uid_t)-1 */
    Severity worst;           /* of the alerts; sets the priority of the entry */
    const Endpoint *endpoint; /* of the first alert with that severity; used if n_alerts > 0 */
    const LinkTable *links;
    uint64_t n_alerts;
    uint64_t n_unkept; /* at least so many listeners are not tracked; they are not counted in
                        * n_alerts */
    usec_t span;       /* the period of the alerts */
    usec_t realtime;
} SuppressedAlert;

/* As above. */
int alert_of_suppressed(const SuppressedAlert *alert, Record *ret);

/* A user snoozed the alerts for a listener. */
typedef struct SnoozeNote {
    const Listener *listener;
    const LinkTable *links;
    Netns netns;
    const char *user;    /* name of the listener's owner, raw, or NULL */
    uid_t by;            /* the user who requested it */
    const char *by_user; /* name of that user, raw, or NULL */
    usec_t span;
    usec_t realtime;
} SnoozeNote;

/* As above. */
int alert_of_snooze(const SnoozeNote *note, Record *ret);

/* The journal's priority of a severity: notice 5, warning 4, error 3, critical 2. */
int severity_priority(Severity severity);
