/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "bus/names.h"
#include "bus/server.h"
#include "ctl/audit.h"
#include "daemon/daemon.h"
#include "owner/ancestors.h"
#include "policy/files/local_rules.h"
#include "util/cleanup.h"
#include "util/name_service.h"

static void fill_sources(const Daemon *daemon, BusStatus *status) {
    for (SourceId id = 0; id < SOURCE_COUNT && status->n_sources < BUS_SOURCES_MAX; id++) {
        const SourceStatus *source = sources_status(daemon->sources, id);
        status->sources[status->n_sources++] = (BusSource){
            .name = source_name(id),
            .works = source->quality != SOURCE_MISSING,
            .words = source->quality == SOURCE_FULL ? "immediately" : source->means,
            .why = source->quality == SOURCE_FULL ? NULL : source->why,
        };
    }
}

static void count_verdicts(Daemon *daemon, BusStatus *status) {
    AuditTime now = daemon_now();
    LedgerView view;

    for (uint32_t at = 0; ledger_next(daemon->ledger, &at, &now, &view);) {
        status->n_listeners++;
        status->n_snoozed += view.snoozed;
        if (view.pending)
            status->n_pending++;
        else if (view.listener.verdict.action == ACTION_FLAG)
            status->n_flagged++;
        else if (view.listener.verdict.action == ACTION_ALLOW)
            status->n_allowed++;
        else
            status->n_ignored++;
    }
}

static int handle_status(void *userdata, BusStatus *ret) {
    Daemon *daemon = userdata;
    LedgerStats stats;

    ledger_stats(daemon->ledger, &stats);
    *ret = (BusStatus){
        .since = daemon->started,
        .policy_generation = daemon->generation,
        .policy_loaded = daemon->policy_loaded,
        .n_rules = policy_n_rules(daemon->policy),
        .policy_builtin = daemon->rules_kind == RULES_BUILTIN,
        .policy_last_valid = daemon->rules_kind == RULES_LAST_VALID,
        .policy_differs = rules_difference(daemon),
        .policy_files = policy_files(daemon->policy),
        .n_told = stats.n_told,
        .n_summed = stats.n_summed,
        .n_evicted = stats.n_evicted,
        .n_refused = stats.n_refused,
        .n_returned = stats.n_returned,
        .n_events_lost = sources_lost(daemon->sources),
        .n_alerts_kept = daemon->journal ? journal_kept(daemon->journal) : 0,
    };
    fill_sources(daemon, ret);
    count_verdicts(daemon, ret);
    return 0;
}

/* What is judged without that its holder could be found; what is known to have none is no lack. */
static void cover_owners(const Daemon *daemon, Coverage *coverage) {
    AuditTime now = daemon_now();
    size_t n_all = 0, n_unknown = 0;
    LedgerView view;

    for (uint32_t at = 0; ledger_next(daemon->ledger, &at, &now, &view);) {
        const Owner *owner = view.listener.owner;
        if (view.pending || view.listener.origin == ORIGIN_FORWARD)
            continue;
        n_all++;
        n_unknown += !owner || (owner->attribution == ATTRIBUTION_NONE && !owner->unheld);
    }
    if (n_unknown > 0)
        coverage_set(coverage, COVERAGE_INCOMPLETE, "process unknown for %zu of %zu listeners",
                     n_unknown, n_all);
}

static int handle_machine(void *userdata, BusMachine *ret) {
    Daemon *daemon = userdata;

    *ret = (BusMachine){
        .netns = daemon->netns,
        .links = daemon->all->links,
        .links_generation = daemon->links_generation,
        .links_coverage = daemon->all->links_coverage,
        .forwards_coverage = daemon->all->forwards_coverage,
    };
    memcpy(ret->coverage, daemon->all->coverage, sizeof(ret->coverage));
    cover_owners(daemon, &ret->owners_coverage);
    return 0;
}

static uint64_t view_key(const Daemon *daemon, const LedgerView *view) {
    return view->listener.cookie ? view->listener.cookie
                                 : ledger_forward_cookie(daemon->ledger, &view->listener);
}

/* Returns the bus form of an entry. The caller frees tool and advice. */
static BusListener bus_listener(const Daemon *daemon, LedgerView *view) {
    audit_advise(daemon->advice, &view->listener);
    return (BusListener){
        .listener = &view->listener,
        .netns = view->netns,
        .key = view_key(daemon, view),
        .standing =
            {
                .first_seen = view->first_seen,
                .age = view->age,
                .snoozed_for = view->snoozed_for,
                .n_returned = view->n_returned,
                .flagged = view->flagged,
                .snoozed = view->snoozed,
                .pending = view->pending,
            },
    };
}

/* Returns whether the sink took it. */
static bool give(const Daemon *daemon, LedgerView *view, BusSink *sink) {
    BusListener listener = bus_listener(daemon, view);
    bool taken = bus_sink_listener(sink, &listener);
    audit_drop_advice(&view->listener);
    return taken;
}

/* Which entries are asked for. */
typedef struct Wanted {
    BusSelection selection;
    const char *id; /* or NULL, and then the port */
    uint16_t port;
    int proc_fd;
} Wanted;

static bool wants_selected(const Wanted *wanted, const LedgerView *view) {
    return bus_selection_holds(wanted->selection, view->listener.verdict.action);
}

static bool is_named(const Wanted *wanted, const LedgerView *view) {
    char id[LISTENER_ID_SIZE];

    if (!wanted->id)
        return view->listener.endpoint.port == wanted->port;
    listener_id(&view->listener, &view->netns, id);
    return strcmp(wanted->id, id) == 0;
}

/* Of a few listeners, everything: what led to their processes is read when somebody asks. */
static bool wants_found(const Wanted *wanted, const LedgerView *view) {
    bool found = is_named(wanted, view);
    if (found && view->listener.owner)
        (void)owner_read_ancestors(wanted->proc_fd, view->listener.owner);
    return found;
}

static int give_page(Daemon *daemon, bool (*wants)(const Wanted *wanted, const LedgerView *view),
                     const Wanted *wanted, uint64_t *cursor, BusSink *sink) {
    AuditTime now = daemon_now();
    uint32_t at = (uint32_t)*cursor, before = at;
    LedgerView view;

    for (unsigned work = 0; ledger_next(daemon->ledger, &at, &now, &view); before = at)
        if (++work > BUS_LIST_WORK || (wants(wanted, &view) && !give(daemon, &view, sink))) {
            *cursor = before;
            return 0;
        }
    *cursor = 0;
    return 0;
}

static int handle_list(void *userdata, BusSelection selection, uint64_t *cursor, BusSink *sink) {
    const Wanted wanted = {.selection = selection};
    return give_page(userdata, wants_selected, &wanted, cursor, sink);
}

static int handle_find(void *userdata, const char *id, uint16_t port, uint64_t *cursor,
                       BusSink *sink) {
    const Daemon *daemon = userdata;
    const Wanted wanted = {.id = id, .port = port, .proc_fd = daemon->machine.proc_fd};
    return give_page(userdata, wants_found, &wanted, cursor, sink);
}

static int handle_rules(void *userdata, uint64_t *cursor, BusSink *sink) {
    Daemon *daemon = userdata;
    size_t n_rules = policy_n_rules(daemon->policy);

    for (size_t i = *cursor; i <= n_rules; i++) {
        const RuleInfo *rule =
            i < n_rules ? policy_rule(daemon->policy, i) : policy_default(daemon->policy);
        if (!bus_sink_rule(sink, rule, daemon->judge->hits[i])) {
            *cursor = i;
            return 0;
        }
    }
    *cursor = 0;
    return 0;
}

int handle_reload(void *userdata, char **ret_text) {
    Daemon *daemon = userdata;

    notify_reloading();
    int r = rules_reload(daemon, ret_text);
    notify_ready(daemon);
    return r;
}

static int handle_snooze(void *userdata, const BusSnooze *snooze) {
    Daemon *daemon = userdata;
    AuditTime now = daemon_now();
    LedgerView view;

    if (!ledger_find(daemon->ledger, snooze->key, &now, &view))
        return -ENOENT;
    bool is_new = snooze->span > 0 && !view.snoozed;
    int r = ledger_snooze(daemon->ledger, snooze->key, snooze->span, snooze->only_alerted, &now);
    if (r >= 0 && is_new)
        tell_snooze(daemon, &view, snooze);
    daemon_settle(daemon);
    return r;
}

/* In `words` where it is made of them. NULL: there is no reason to tell. */
static const char *why_of_change(const LedgerChange *change, char words[static LEDGER_WHAT_SIZE]) {
    if (change->event != LEDGER_CHANGED)
        return alert_reason_name(tell_reason(change));
    ledger_what_names(change->what, words);
    return words;
}

/* The id that it had before, in `id`; NULL: it has the same. */
static const char *id_before(const LedgerChange *change, char id[static LISTENER_ID_SIZE]) {
    if (change->event != LEDGER_CHANGED || !(change->what & LEDGER_ID))
        return NULL;
    Listener before = change->view.listener;
    before.cookie = change->was_cookie;
    listener_id(&before, &change->view.netns, id);
    return id;
}

/* Evaluates a listener that the ledger did not evaluate. Returns whether the rules do not ignore
 * it. */
static bool judge_unannounced(const Daemon *daemon, LedgerView *view) {
    const Judge *judge = &daemon->judge->judge;
    judge->judge(judge->userdata, &view->listener, view->age, daemon_now().realtime,
                 &view->listener.verdict);
    view->pending = false;
    return view->listener.verdict.action != ACTION_IGNORE;
}

void serve_change(Daemon *daemon, const LedgerChange *change) {
    static const struct {
        bool told;
        BusSignal signal;
    } signals[] = {
        [LEDGER_APPEARED] = {true, BUS_LISTENER_ADDED},
        [LEDGER_CHANGED] = {true, BUS_LISTENER_CHANGED},
        [LEDGER_GONE] = {true, BUS_LISTENER_REMOVED},
        [LEDGER_FLAGGED] = {true, BUS_FLAGGED},
        [LEDGER_STILL_FLAGGED] = {true, BUS_FLAGGED},
        [LEDGER_RESOLVED] = {true, BUS_RESOLVED},
        [LEDGER_SUPPRESSED] = {false, 0},
    };
    LedgerView view = change->view;
    char words[LEDGER_WHAT_SIZE], was[LISTENER_ID_SIZE];

    if (!daemon->bus || !signals[change->event].told || !bus_server_is_heard(daemon->bus))
        return;
    if (change->unannounced && !judge_unannounced(daemon, &view))
        return;
    BusListener listener = bus_listener(daemon, &view);
    const BusChange told = {
        .signal = signals[change->event].signal,
        .listener = &listener,
        .time = daemon_now().realtime,
        .duration = change->duration,
        .why = why_of_change(change, words),
        .was = id_before(change, was),
        .still = change->event == LEDGER_STILL_FLAGGED,
        .transient = change->brief || change->transient || change->unannounced,
        .n_returned = change->n_returned,
    };
    bus_server_tell(daemon->bus, &told);
    audit_drop_advice(&view.listener);
}

static int tell_no_bus(Daemon *daemon, int error) {
    const char *directory = daemon->options.runtime_dir;

    if (error == -EADDRINUSE && daemon->options.foreground) {
        fprintf(stderr,
                "sockauditd: another instance is running (%s/%s). To run a second one, use "
                "--runtime-dir (with sockauditctl, too) and --state-dir\n",
                directory, BUS_SOCKET_NAME);
        return error;
    }
    tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                   "Failed to listen on %s/%s: %s. sockauditctl cannot connect%s", directory,
                   BUS_SOCKET_NAME,
                   error == -EADDRINUSE ? "another sockauditd uses it" : strerror(-error),
                   daemon->options.foreground ? "; use --runtime-dir for another directory" : "");
    return 0;
}

int serve_open(Daemon *daemon) {
    const BusHandlers handlers = {
        .payer = payer_of,
        .status = handle_status,
        .machine = handle_machine,
        .list = handle_list,
        .find = handle_find,
        .rules = handle_rules,
        .reload = handle_reload,
        .snooze = handle_snooze,
        .allow = handle_allow,
        .suggest = handle_suggest,
        .userdata = daemon,
    };
    gid_t readers;
    const BusConfig config = {
        .event = daemon->loop,
        .runtime_dir = daemon->options.runtime_dir,
        .system_bus = !daemon->options.foreground,
        .reader_gid = name_group_id("adm", &readers) == 0 ? readers : (gid_t)-1,
        .handlers = &handlers,
    };

    int r = bus_server_new(&config, &daemon->bus);
    return r < 0 ? tell_no_bus(daemon, r) : 0;
}
