/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sockauditd: the rooms, wired together on one sd-event loop. What comes in by events.c and
 * look.c goes through the ledger; what the ledger says goes out by tell.c.
 */
#pragma once

#include <systemd/sd-event.h>

#include "audit/ledger.h"
#include "audit/ledger_state.h"
#include "audit/look_budget.h"
#include "bus/server.h"
#include "collect/collect.h"
#include "collect/events/sources.h"
#include "collect/netlink/handles.h"
#include "collect/sockdiag/lookup.h"
#include "ctl/machine.h"
#include "owner/subuids.h"
#include "policy/advice/advice.h"
#include "report/alert.h"
#include "report/journal.h"
#include "report/lines.h"
#include "util/clock.h"

/* How often everything is dumped, whatever the events say. */
#define RECONCILE_PERIOD (30 * USEC_PER_SEC)
/* A dump that lacks something is followed by a second one that soon: two are needed for "gone". */
#define CONFIRM_DELAY (USEC_PER_SEC / 4)
/* So many sockets may wait for the dump that shows their endpoint, with the owner that is known. */
#define WAITING_MAX 64

typedef struct DaemonOptions {
    bool foreground; /* lines on stdout, and not to the journal */
    bool json;       /* with foreground: an object a line */
    const char *rules, *root;
    const char *runtime_dir, *state_dir;
    const char *nft_socket; /* NULL: the collector dumps the NAT rules */
} DaemonOptions;

/* A socket whose owner is known and whose endpoint is not. */
typedef struct Waiting {
    uint64_t cookie;
    Owner *owner; /* NULL: none */
} Waiting;

typedef struct NameHelper NameHelper;
typedef struct NatRules NatRules;
typedef struct Passed Passed;

/* The origin of the active policy. */
typedef enum RulesKind {
    RULES_OF_FILES,
    RULES_LAST_VALID, /* the saved copy, because the files have errors */
    RULES_BUILTIN,    /* no files, or files with errors and no saved copy */
} RulesKind;

typedef struct Daemon {
    DaemonOptions options;
    sd_event *loop;
    sd_event_source *ledger_timer, *poll_timer, *reconcile_timer, *save_timer;
    sd_event_source *flush_timer, *status_timer;
    usec_t started;           /* realtime */
    usec_t started_monotonic; /* the same moment */
    void *reserve;            /* memory for an alert when there is no other: see daemon_spend() */
    bool output_broken;       /* in the foreground: nothing can be printed, and that was said */

    char status[160]; /* the last status that was sent to the service manager, and its numbers */
    uint32_t status_entries, status_flagged;

    Passed *passed;            /* NULL: nothing was */
    const NetHandles *handles; /* of those, or NULL: it opens its own */
    NameHelper *names;
    NatRules *nat_rules; /* NULL: the collector dumps them */
    Machine machine;
    Collector *collector;
    Lookup *lookup;
    Sources *sources;
    Snapshot *all;  /* the last full dump; its links are those in force */
    Snapshot *some; /* what an event or a poll led to */
    Netns netns;
    unsigned retry_unknown; /* so many reconciliations search again for holders not known */
    unsigned n_blind; /* looks in a row that saw not everything; the next one comes the later */
    bool blind_told;

    usec_t recheck_next, thorough_next; /* CLOCK_MONOTONIC: see holders.c */
    size_t recheck_at;                  /* the listener at which to go on */

    Policy *policy;
    PolicyJudge *judge;
    AdviceTable *advice;
    usec_t exes_limit;    /* limits how often all files of `exe` rules are looked up (limit.h) */
    bool exes_doubted;    /* one of these files may have been replaced */
    bool exes_changed;    /* some files were replaced: earlier verdicts may be wrong */
    size_t exes_stuck;    /* number of programs that could not be read, as last reported */
    bool lacks_names;     /* the policy has unresolved names, as last reported */
    RulesKind rules_kind; /* of the policy */
    bool rules_kept;      /* the policy is saved in the state directory */
    bool keep_failing;    /* saving failed, which was reported */
    uint64_t generation;  /* of the policy, from 1 */
    uint64_t fingerprint; /* of the rules on disk when they were loaded: see rules_difference() */
    uint64_t refused;     /* of those that could not be loaded, */
    int refused_why;      /* for that negative errno; 0: none were since the last that could */

    Ledger *ledger;
    int state_fd;     /* the state directory, -1: nothing is kept */
    int state_log_fd; /* state.log in it, -1: not open */
    char boot_id[BOOT_ID_SIZE];
    uint64_t state_generation, saved_revision;
    bool save_failing;     /* as last reported */
    BootTime unsure_since; /* alerts sent since then wait for journald; UNSURE_NONE: none */

    LineLook look;    /* in the foreground: of stdout */
    bool greeted;     /* in the foreground: what stood at the start was printed */
    Journal *journal; /* NULL in the foreground */
    Waiting waiting[WAITING_MAX];
    size_t next_waiting;
    LookBudget look_budget;
    Subuids subuids; /* whose containers' uids are whose */
    /* CLOCK_MONOTONIC: of the dump of everything, the next, the earliest next, the last's begin */
    usec_t reconcile_at, reconcile_not_before, reconciled;
    BusServer *bus;            /* NULL: could not be opened */
    usec_t policy_loaded;      /* realtime */
    uint64_t links_generation; /* rises when they are others */
} Daemon;

/* Both clocks, now. */
AuditTime daemon_now(void);

/* Opens everything and takes the first look. Returns 0 or a negative errno, having said why. */
int daemon_new(const DaemonOptions *options, Daemon **ret);
/* Runs until SIGTERM or SIGINT. Returns 0 or a negative errno. */
int daemon_run(Daemon *daemon);
/* Saves, closes. Takes NULL, returns NULL. */
Daemon *daemon_free(Daemon *daemon);

/* Frees the reserve, for who got -ENOMEM: whether it is worth another try. */
bool daemon_spend(Daemon *daemon);
/* Has one again, if it can be had. */
void daemon_save_up(Daemon *daemon);

/* Sets the timer of the ledger, and saves changes soon. Called after anything that may have changed
 * the ledger. */
void daemon_settle(Daemon *daemon);

/* --- look.c: dumps and look-ups, with their processes, for the ledger --- */

/* All of it. Returns 0 or a negative errno. */
int look_at_all(Daemon *daemon);
/* UDP alone, for which there are no events. */
int look_at_udp(Daemon *daemon);
/* One socket that the kernel reported, with its owner. */
int look_at_bound(Daemon *daemon, const Listener *listener, Owner *owner);
/* Returns whether the listener's socket is open, before an alert; true if the kernel does not say.
 */
bool look_is_open(Daemon *daemon, const Listener *listener);
/* Returns the owner with all processes, for a verdict that depends on them, or NULL. */
Owner *look_for_all_holders(Daemon *daemon, const Listener *listener);
/* Searches for the owner before an alert. Sets *ret to a new reference, or to NULL if the known
 * processes have the socket or no process is found. Returns 0, or -EAGAIN if the budget of the user
 * is exhausted (look_budget.h): a full rescan, which searches in any case, is due soon. */
int look_for_owner(Daemon *daemon, const Listener *listener, Owner **ret);

/* --- events.c: the sources' handlers, polls --- */

int events_open(Daemon *daemon);
void events_close(Daemon *daemon);
/* Adds the timers of polls and reconciliation. */
int events_start_polls(Daemon *daemon);
/* Applies `set poll` of a new policy. */
void events_set_poll(Daemon *daemon);
/* Schedules a full rescan, as soon as the limit of its CPU time permits. */
void reconcile_soon(Daemon *daemon);
void reconcile_in(Daemon *daemon, usec_t delay);
/* The owner of a socket that waits for a dump, borrowed, or NULL. */
Owner *events_owner(const Daemon *daemon, uint64_t cookie);
void events_forget_waiting(Daemon *daemon);
/* What happened while no daemon ran. */
void events_read_left(Daemon *daemon);

/* --- blind.c: when the sockets can't be dumped --- */

/* Handles the result of look_at_all(): reports what could not be dumped, and schedules another. */
void events_looked(Daemon *daemon, int result);
/* Schedules a full rescan after a failed look-up, at growing intervals. */
void events_look_again(Daemon *daemon);

/* --- passed.c: what the daemon looks through, opened before it and kept by the service manager ---
 */

/* Takes what was passed (sd_listen_fds(3)). Returns 1 with it in *ret; 0 when nothing was; or a
 * negative errno when it is not all that must be. */
int passed_receive(Passed **ret);
/* Takes NULL, returns NULL. */
Passed *passed_free(Passed *passed);
/* All of these take NULL, and return NULL or do nothing then. */
const NetHandles *passed_sockets(const Passed *passed);
/* The program in the kernel that was loaded last: perhaps none of its fds. */
const KernelHandles *passed_program(const Passed *passed);
/* Why it is not whole. */
const KernelFailure *passed_failure(const Passed *passed);
/* Moves the passed iterators into the sources. */
void passed_take_iterators(Passed *passed, OwnerSources *sources);
/* Hands on what earlier programs recorded that nobody has read, and ends these programs. */
void passed_take_left(Passed *passed, void (*socket)(KernelEvent *event, void *data), void *data);
/* `sockauditd --pass-sockets`, before the service itself: opens the sockets in pid 1's network
 * namespace, loads the programs for the kernel, and has all of them kept (FDSTORE= of
 * sd_notify(3)). Returns 0 or a negative errno, having said why. */
int passed_open(void);

/* --- rules.c: the policy in force --- */

/* Loads the rules at the start. Invalid rules are reported, and replaced by the last valid ones or
 * the built-in ones. */
int rules_open(Daemon *daemon);
/* Saves the active policy as the last valid one, if it is from files and not saved. */
void rules_keep(Daemon *daemon);
/*
 * Loads it again. Returns 0, with warnings as text in *ret_text or NULL; or -EBADMSG (or -ENOMEM)
 * with all diagnostics in it: then nothing has changed. Tells either. The caller frees the text.
 */
int rules_reload(Daemon *daemon, char **ret_text);
/* How what is on disk is another policy than the one in force, a sentence; NULL: it is that one. */
const char *rules_difference(const Daemon *daemon);
/* Whether what is on disk could be loaded, or nothing is there: returns 0, or -EBADMSG with all
 * diagnostics in *ret_text, which the caller frees, or -ENOMEM. Tells nothing. */
int rules_check(Daemon *daemon, char **ret_text);
/* Which ports are the kernel's to give may be another range by now: then all is judged again. Names
 * in the rules that could not be looked up are, once more. */
void rules_renew_machine(Daemon *daemon);
void rules_close(Daemon *daemon);

/* --- fingerprint.c: whether the rules on disk are those in force --- */

/* Another number when a file that may hold rules came, went, or was written to. */
uint64_t rules_fingerprint(const DaemonOptions *options);

/* --- holders.c: who holds what --- */

/* Finds the owners of what is new. Returns 0 or a negative errno. */
int holders_attribute(Daemon *daemon, Snapshot *snapshot);
/* The same of daemon->all, and looks again at those who are known, when that is due. */
int holders_attribute_all(Daemon *daemon);
/* What is known of the socket's cgroup, where that is gone by now. Returns 0 or -ENOMEM. */
int holders_remember_origin(const Daemon *daemon, const Listener *listener, Owner *owner);
/* Returns whether the owner has processes and all of them still run the same program. */
bool holders_are_still(const Daemon *daemon, const Owner *owner);
/* Makes a full rescan soon, which checks known owners and searches for unknown ones. */
void holders_recheck_soon(Daemon *daemon);
/* Has everything searched for anew soon: a new policy is to judge by what is true now. */
void holders_doubt(Daemon *daemon);

/* --- name_helper.c: who is who --- */

/* From now on the questions of util/name_service.h are put to a process that is started when one is
 * asked, for no longer than it may take. The loop waits for its end. */
int name_helper_new(sd_event *loop, NameHelper **ret);
/* Takes NULL, returns NULL. */
NameHelper *name_helper_free(NameHelper *helper);
/* Whether to wait for seconds: while rules are loaded. Takes NULL. */
void name_helper_set_patient(NameHelper *helper, bool patient);
/* That process: `sockauditd --name-helper`, with its socket as stdin. Returns 0 or a negative errno
 * when it is at its end. */
int name_helper_run(void);

/* --- nat_rules.c: NAT rules, read from a privileged process --- */

/* Starts to read the NAT rules from options.nft_socket, if set. Returns 0 or a negative errno. */
int nat_rules_open(Daemon *daemon);
/* Takes NULL, returns NULL. */
NatRules *nat_rules_free(NatRules *rules);
/* Reads the rules again after a change. A full rescan follows the dump. */
void nat_rules_read(Daemon *daemon);
/* Implements `sockauditd --dump-nft`: writes the dump to standard output. Returns 0, or a negative
 * errno after an error message. */
int nat_rules_dump(void);

/* --- payers.c: whose share is used --- */

/* Reads /etc/subuid, at the start and at a reload: without it each uid pays for itself. Out of
 * memory leaves what was known. */
void payers_load(Daemon *daemon);
/* Who is charged for what that uid does; `userdata` is the Daemon. */
uid_t payer_of(void *userdata, uid_t uid);

/* --- exes.c: which files the `exe` rules name --- */

/* Before a verdict on that listener: sees to it that the judge's table is right. */
void exes_freshen(PolicyJudge *judge, const Listener *listener);
/* Now and then: what could not be asked for is, and all is judged again where that matters. */
void exes_settle(Daemon *daemon);

/* --- tell.c: from the ledger to the journal, or to stdout --- */

void tell_change(void *userdata, const LedgerChange *change);
/* Returns the reason of an alert, or ALERT_NEW. */
AlertReason tell_reason(const LedgerChange *change);
/* Logs a snooze, with the user who requested it. */
void tell_snooze(Daemon *daemon, const LedgerView *view, const BusSnooze *snooze);
__attribute__((format(printf, 4, 5))) void tell_of_daemon(Daemon *daemon, ReportEvent event,
                                                          int priority, const char *format, ...);
/* Printing failed with that errno: says so once, and ends where nobody can read any more. */
void tell_output_broken(Daemon *daemon, int error);
void tell_source(Daemon *daemon, SourceId id, const SourceStatus *status);

/* --- state.c: what lasts --- */

void state_open(Daemon *daemon);
void state_save_now(Daemon *daemon);
/* In seconds, if there is something to save. */
void state_save_soon(Daemon *daemon);
/* Records that an alert is about to be sent, or was sent. */
void state_note(Daemon *daemon, const LedgerChange *change, StateStatus status);
/* Records that the alert of that time waits for journald. */
void state_unsure(Daemon *daemon, usec_t boottime);
/* Records that journald has all of them. */
void state_sure(Daemon *daemon);

/* --- recall.c: which alerts of a killed daemon are in the journal --- */

typedef struct Recall Recall;

/* Opens the journal at the first query. NULL: out of memory; recall_was_told() accepts that. */
Recall *recall_new(Daemon *daemon);
Recall *recall_free(Recall *recall);
/* For ledger_load(). Without the journal no alert was sent: a repeated alert is better than none.
 */
bool recall_was_told(void *recall, const StateFlag *flag);

/* --- serve.c: what the bus asks --- */

/*
 * Reports a bus that is not available, and continues without it. In the foreground, returns
 * -EADDRINUSE if another daemon uses the directory.
 */
int serve_open(Daemon *daemon);
void serve_change(Daemon *daemon, const LedgerChange *change);
/* See BusHandlers. */
int handle_reload(void *userdata, char **ret_text);

/* --- allow.c: rules for listeners; see BusHandlers --- */

int handle_allow(void *userdata, const uint64_t *keys, size_t n_keys, usec_t until,
                 const char *note, BusAllowed *ret, char **ret_why);
int handle_suggest(void *userdata, const uint64_t *keys, size_t n_keys, const Viewer *viewer,
                   char **ret_text);

/* --- greet.c: a daemon in the foreground --- */

/* Prints what is open. */
int greet(Daemon *daemon);
/* Ends the loop when nobody can read stdout any more: a closed pipe or terminal. */
int greet_watch_reader(Daemon *daemon);

/* --- notify.c: the service manager --- */

void notify_ready(Daemon *daemon);
/* The sentence of `systemctl status`, if it is another than before: now, or within a second. */
void notify_status(Daemon *daemon);
void notify_status_soon(Daemon *daemon);
void notify_reloading(void);
void notify_stopping(void);

DEFINE_CLEANUP(Daemon, daemon_cleanup, daemon_free)
#define _cleanup_daemon_ _cleanup_(daemon_cleanup)
