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

/* That value in words for people; `name` itself where it is not known. */
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

/* What is not told one by one of a user. */
typedef struct SuppressedAlert {
    uid_t uid;                /* (uid_t)-1: of all who were not told apart */
    const char *user;         /* the name, raw, or NULL */
    bool is_forwards;         /* of forwarded ports; uid is (uid_t)-1 */
    Severity worst;           /* of the alerts: the entry's priority */
    const Endpoint *endpoint; /* the first with that severity; used with `n_alerts` */
    const LinkTable *links;
    uint64_t n_alerts;
    uint64_t n_unkept; /* listeners for which there was no room, at least: no alerts, and not
                        * counted as such */
    usec_t span;       /* within which they came */
    usec_t realtime;
} SuppressedAlert;

/* As above. */
int alert_of_suppressed(const SuppressedAlert *alert, Record *ret);

/* Somebody has silenced the alerts of a listener for a while. */
typedef struct SnoozeNote {
    const Listener *listener;
    const LinkTable *links;
    Netns netns;
    const char *user; /* name of the listener's uid, raw, or NULL */
    uid_t by;
    const char *by_user; /* its name, raw, or NULL */
    usec_t span;
    usec_t realtime;
} SnoozeNote;

/* As above. */
int alert_of_snooze(const SnoozeNote *note, Record *ret);

/* The journal's priority of a severity: notice 5, warning 4, error 3, critical 2. */
int severity_priority(Severity severity);
