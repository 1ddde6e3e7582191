/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ctl/print/names.h"
#include "daemon/daemon.h"
#include "policy/files/kept_rules.h"
#include "util/cleanup.h"
#include "util/memory.h"

static PolicySource rules_source(const Daemon *daemon) {
    const DaemonOptions *options = &daemon->options;
    return (PolicySource){
        .root = options->root,
        .rules = options->rules,
        .trusted_uid = options->root || options->rules ? getuid() : 0,
    };
}

static Owner *all_holders(void *userdata, const Listener *listener) {
    const PolicyJudge *judge = userdata;
    return look_for_all_holders(judge->userdata, listener);
}

static int owner_now(void *userdata, const Listener *listener, Owner **ret) {
    const PolicyJudge *judge = userdata;
    return look_for_owner(judge->userdata, listener, ret);
}

static bool is_open(void *userdata, const Listener *listener) {
    const PolicyJudge *judge = userdata;
    return look_is_open(judge->userdata, listener);
}

static int judge_by(Daemon *daemon, const Policy *policy, PolicyJudge **ret) {
    JudgeContext context = machine_judge_context(&daemon->machine, daemon->all, 0);
    context.advice = daemon->advice;
    int r = policy_judge_new(policy, &context, ret);
    if (r < 0)
        return r;
    (*ret)->userdata = daemon;
    (*ret)->judge.find_all_holders = all_holders;
    (*ret)->judge.complete_owner = owner_now;
    (*ret)->judge.is_open = is_open;
    (*ret)->freshen = exes_freshen;
    return 0;
}

/* Counters go over to the rules that are still there. */
static int carry_hits(const PolicyJudge *from, PolicyJudge *to) {
    _cleanup_free_ StateHits *hits = NULL;
    size_t n_hits;

    if (!from)
        return 0;
    int r = policy_judge_get_hits(from, &hits, &n_hits);
    return r < 0 ? r : policy_judge_add_hits(to, hits, n_hits);
}

static bool are_stale(const Daemon *daemon) {
    return rules_fingerprint(&daemon->options) != daemon->fingerprint;
}

/* What is in force has errors, after all: see renew_names(). */
static bool is_found_wrong(const Daemon *daemon) {
    return daemon->refused_why != 0 && daemon->refused == daemon->fingerprint &&
           daemon->rules_kind == RULES_OF_FILES;
}

const char *rules_difference(const Daemon *daemon) {
    /* Those that were refused are still there: it is not enough to load them once more. */
    if (daemon->refused_why != 0 && rules_fingerprint(&daemon->options) == daemon->refused) {
        if (daemon->refused_why == -EBADMSG)
            return is_found_wrong(daemon)
                       ? "The rules on disk contain errors that were unknown when they were loaded"
                       : "The rules on disk contain errors and were not loaded";
        if (daemon->refused_why != -ENOENT)
            return "The rules on disk could not be read";
        return daemon->rules_kind == RULES_BUILTIN ? NULL : "The rules on disk were removed";
    }
    return are_stale(daemon) ? "The rules on disk have changed" : NULL;
}

static void remember_refused(Daemon *daemon, uint64_t fingerprint, int why) {
    daemon->refused = fingerprint;
    daemon->refused_why = why;
}

static void tell_loaded(Daemon *daemon, const Policy *policy) {
    size_t n_rules = policy_n_rules(policy), n_files = strv_length(policy_files(policy));

    tell_of_daemon(daemon, REPORT_POLICY_LOADED, LOG_INFO, "Loaded %zu rule%s from %zu file%s",
                   n_rules, n_rules == 1 ? "" : "s", n_files, n_files == 1 ? "" : "s");
}

static int load_policy(Daemon *daemon, bool patient, Diagnostics *diagnostics, Policy **ret) {
    PolicySource source = rules_source(daemon);

    name_helper_set_patient(daemon->names, patient);
    int r = policy_load(&source, diagnostics, ret);
    name_helper_set_patient(daemon->names, false);
    return r;
}

static void tell_names(Daemon *daemon, bool lacks_names) {
    if (lacks_names && !daemon->lacks_names)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Failed to resolve names used in rules (name service not responding); the "
                       "affected matches are disabled until it recovers");
    else if (!lacks_names && daemon->lacks_names)
        tell_of_daemon(daemon, REPORT_SOURCE_RESTORED, LOG_INFO,
                       "All names used in rules are resolved");
    daemon->lacks_names = lacks_names;
}

/* Puts the policy in force: built beside, swapped whole. Takes it over, also on error. */
static int rules_adopt(Daemon *daemon, Policy *policy, RulesKind kind) {
    PolicyJudge *judge;
    int r = judge_by(daemon, policy, &judge);
    if (r >= 0 && (r = carry_hits(daemon->judge, judge)) < 0)
        policy_judge_free(judge);
    if (r < 0) {
        policy_free(policy);
        return r;
    }
    if (kind == RULES_OF_FILES)
        tell_loaded(daemon, policy);
    tell_names(daemon, policy_lacks_names(policy));
    if (daemon->ledger) {
        AuditTime now = daemon_now();
        ledger_set_judge(daemon->ledger, &judge->judge, &now);
    }
    policy_judge_free(daemon->judge);
    policy_free(daemon->policy);
    daemon->judge = judge;
    daemon->policy = policy;
    daemon->rules_kind = kind;
    daemon->generation++;
    daemon->policy_loaded = daemon_now().realtime;
    events_set_poll(daemon);
    if (daemon->bus)
        bus_server_tell_policy(daemon->bus, daemon->generation);
    return 0;
}

static void load_advice(Daemon *daemon, Diagnostics *diagnostics) {
    AdviceTable *advice = NULL;

    if (advice_load(daemon->options.root, diagnostics, &advice) < 0)
        return;
    advice_free(daemon->advice);
    daemon->advice = advice;
    if (daemon->judge)
        daemon->judge->context.advice = advice;
}

/* --- the last valid rules -----------------------------------------------------------------------
 */

void rules_keep(Daemon *daemon) {
    PolicySource source = rules_source(daemon);

    if (daemon->rules_kept || daemon->rules_kind != RULES_OF_FILES || daemon->state_fd < 0)
        return;
    int r = kept_rules_write(daemon->state_fd, &source, daemon->policy);
    if (r < 0 && !daemon->keep_failing)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Failed to save the rules to %s/%s: %s. They will not replace invalid rules "
                       "after a restart",
                       daemon->options.state_dir, KEPT_RULES_FILE, strerror(-r));
    else if (r >= 0 && daemon->keep_failing)
        tell_of_daemon(daemon, REPORT_SOURCE_RESTORED, LOG_INFO, "Saved the rules to %s/%s",
                       daemon->options.state_dir, KEPT_RULES_FILE);
    daemon->keep_failing = r < 0;
    daemon->rules_kept = r >= 0;
}

/* The state directory may still be closed. */
static int load_kept(const Daemon *daemon, Policy **ret, usec_t *ret_saved) {
    PolicySource source = rules_source(daemon);
    _cleanup_close_ int fd = open(daemon->options.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : kept_rules_read(fd, &source, ret, ret_saved);
}

/* Replaces rules on disk that have `errors`. */
static int open_kept(Daemon *daemon, const char *errors) {
    char saved_at[RFC3339_SIZE];
    Policy *policy;
    usec_t saved;

    int r = load_kept(daemon, &policy, &saved);
    if (r < 0)
        return r;
    format_rfc3339(saved, saved_at);
    tell_of_daemon(daemon, REPORT_POLICY_REJECTED, LOG_ERR,
                   "Invalid rules on disk; using the last valid rules (%zu rules, saved %s):\n%s",
                   policy_n_rules(policy), saved_at, errors);
    return rules_adopt(daemon, policy, RULES_LAST_VALID);
}

static const char *why_not_kept(int error) {
    switch (error) {
    case -ENOENT:
        return "no earlier rules are saved";
    case -EBADMSG:
        return "the saved copy of earlier rules is damaged or has errors";
    default:
        return strerror(-error);
    }
}

/* No advice is given, because the rejected rules probably allow most of what is flagged. */
static int open_builtin(Daemon *daemon) {
    Policy *policy = policy_new_builtin();

    daemon->advice = advice_free(daemon->advice);
    return policy ? rules_adopt(daemon, policy, RULES_BUILTIN) : -ENOMEM;
}

/* The administrator removed the rules, so the saved copy is not used. */
static int open_without_rules(Daemon *daemon) {
    tell_of_daemon(
        daemon, REPORT_POLICY_REJECTED, LOG_ERR,
        "No rules found (no rules file exists); using the built-in rules (allow loopback, "
        "flag everything else), without advice");
    return open_builtin(daemon);
}

/* The daemon always has rules, and starts in any case. */
int rules_open(Daemon *daemon) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy;

    if (!diagnostics)
        return -ENOMEM;
    load_advice(daemon, diagnostics);
    daemon->fingerprint = rules_fingerprint(&daemon->options);
    int r = load_policy(daemon, true, diagnostics, &policy);
    if (r == 0)
        return rules_adopt(daemon, policy, RULES_OF_FILES);

    remember_refused(daemon, daemon->fingerprint, r);
    if (r == -ENOENT)
        return open_without_rules(daemon);
    _cleanup_free_ char *text =
        r == -EBADMSG ? diagnostics_text(diagnostics) : strdup(strerror(-r));
    r = open_kept(daemon, text ?: "");
    if (r == 0)
        return 0;
    tell_of_daemon(daemon, REPORT_POLICY_REJECTED, LOG_ERR,
                   "Invalid rules on disk, and %s; using the built-in rules (allow loopback, flag "
                   "everything else), without advice:\n%s",
                   why_not_kept(r), text ?: "");
    return open_builtin(daemon);
}

/* Of the machine and its users, whatever is kept. */
static void renew_what_is_known(Daemon *daemon) {
    payers_load(daemon);
    daemon->machine.members.known = false; /* groups change, too */
    user_names_forget();
    (void)machine_renew(&daemon->machine, daemon->handles);
}

/* A service that there is not is an error, and was none while nobody could tell. */
static void tell_wrong_names(Daemon *daemon, const Diagnostics *diagnostics) {
    _cleanup_free_ char *text = diagnostics_text(diagnostics);

    remember_refused(daemon, daemon->fingerprint, -EBADMSG);
    tell_of_daemon(
        daemon, REPORT_POLICY_REJECTED, LOG_ERR,
        "Active policy refers to names that do not exist; those matches are disabled:\n%s",
        text ?: "");
}

/* Reads the rules again for the names that they lack. Others than those that were loaded are not
 * for us to load. */
static void renew_names(Daemon *daemon) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy;
    usec_t saved;

    if (!policy_lacks_names(daemon->policy) || is_found_wrong(daemon) || are_stale(daemon) ||
        !diagnostics)
        return;
    bool is_kept = daemon->rules_kind == RULES_LAST_VALID;
    int r = is_kept ? load_kept(daemon, &policy, &saved)
                    : load_policy(daemon, false, diagnostics, &policy);
    if (r == -EBADMSG && !is_kept)
        tell_wrong_names(daemon, diagnostics);
    if (r < 0)
        return;
    if (policy_lacks_names(policy))
        policy_free(policy);
    else
        (void)rules_adopt(daemon, policy, daemon->rules_kind);
}

void rules_renew_machine(Daemon *daemon) {
    AuditTime now = daemon_now();

    renew_names(daemon);
    if (!machine_renew(&daemon->machine, daemon->handles))
        return;
    daemon->judge->context.ephemeral_first = daemon->machine.ephemeral_first;
    daemon->judge->context.ephemeral_last = daemon->machine.ephemeral_last;
    ledger_judge_again(daemon->ledger, &now);
}

int rules_reload(Daemon *daemon, char **ret_text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy;

    *ret_text = NULL;
    /* Before they are read: what is changed meanwhile is then noticed afterwards. */
    uint64_t fingerprint = rules_fingerprint(&daemon->options);
    int r = diagnostics ? load_policy(daemon, true, diagnostics, &policy) : -ENOMEM;
    if (r == 0) {
        load_advice(daemon, diagnostics);
        renew_what_is_known(daemon);
        r = rules_adopt(daemon, policy, RULES_OF_FILES);
        if (r == 0) {
            daemon->fingerprint = fingerprint;
            remember_refused(daemon, 0, 0);
            daemon->rules_kept = false;
            rules_keep(daemon);
        }
        holders_doubt(daemon);
        daemon_settle(daemon);
    }
    if (r == 0) {
        *ret_text = diagnostics->n_warnings > 0 ? diagnostics_text(diagnostics) : NULL;
        return 0;
    }
    remember_refused(daemon, fingerprint, r);
    *ret_text = r == -EBADMSG ? diagnostics_text(diagnostics)
                              : strdup(r == -ENOENT ? "no rules file exists" : strerror(-r));
    tell_of_daemon(daemon, REPORT_POLICY_REJECTED, LOG_ERR,
                   "Invalid rules on disk; keeping the active rules:\n%s",
                   *ret_text ?: strerror(-r));
    /* Whatever it was, it is not the client who lacks a listener, a right or room. */
    return r == -ENOMEM ? r : -EBADMSG;
}

int rules_check(Daemon *daemon, char **ret_text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;

    *ret_text = NULL;
    int r = diagnostics ? load_policy(daemon, false, diagnostics, &policy) : -ENOMEM;
    if (r == -EBADMSG)
        *ret_text = diagnostics_text(diagnostics);
    return r == -EBADMSG || r == -ENOMEM ? r : 0;
}

void rules_close(Daemon *daemon) {
    daemon->judge = policy_judge_free(daemon->judge);
    daemon->policy = policy_free(daemon->policy);
    daemon->advice = advice_free(daemon->advice);
}
