/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules for listeners: `allow` writes them, `suggest` only prints them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "policy/files/local_rules.h"
#include "policy/suggest.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* Copies of the listeners, with all of their processes. */
typedef struct Chosen {
    Listener *listeners;
    const Listener **pointers;
    Owner **owners; /* a reference each, or NULL: use the ledger's */
    size_t n;
} Chosen;

static void chosen_done(Chosen *chosen) {
    for (size_t i = 0; chosen->owners && i < chosen->n; i++)
        owner_unref(chosen->owners[i]);
    free(chosen->listeners);
    free(chosen->pointers);
    free(chosen->owners);
}

/* A rule names the files of all processes, so a complete search is made. */
static int choose(Daemon *daemon, const uint64_t *keys, size_t n_keys, Chosen *ret) {
    AuditTime now = daemon_now();
    LedgerView view;

    *ret = (Chosen){
        .listeners = calloc(n_keys, sizeof(Listener)),
        .pointers = calloc(n_keys, sizeof(Listener *)),
        .owners = calloc(n_keys, sizeof(Owner *)),
        .n = n_keys,
    };
    if (!ret->listeners || !ret->pointers || !ret->owners)
        return -ENOMEM;
    for (size_t i = 0; i < n_keys; i++) {
        if (!ledger_find(daemon->ledger, keys[i], &now, &view))
            return -ENOENT;
        ret->listeners[i] = view.listener;
        ret->pointers[i] = &ret->listeners[i];
    }
    for (size_t i = 0; i < n_keys; i++) {
        Listener *listener = &ret->listeners[i];
        if (listener->owner && listener->owner->complete)
            continue;
        ret->owners[i] = look_for_all_holders(daemon, listener);
        if (ret->owners[i])
            listener->owner = ret->owners[i];
    }
    return 0;
}

static char *why_no_rule(const Listener *listener) {
    bool unheld = listener->owner && listener->owner->unheld;

    return string_format(
        "%s on port %u. A rule that names only the user would allow all programs of that "
        "user. If this is intended, add the rule to a file in " SYSCONFDIR "/sockaudit/rules.d",
        unheld ? "socket without a process (kernel-owned or in transit)" : "unknown process",
        listener->endpoint.port);
}

/* Returns the lines in *ret_text, each once; with -ENODATA, the reason why one listener has none.
 */
static int suggest(const Chosen *chosen, usec_t until, const char *note, char **ret_text) {
    _cleanup_free_ char *text = strdup("");
    size_t length = 0;

    for (size_t i = 0; text && i < chosen->n; i++) {
        _cleanup_free_ char *line = NULL;
        char *longer;
        int r = rule_suggest(chosen->pointers[i], until, note, &line);
        if (r == -ENODATA)
            *ret_text = why_no_rule(chosen->pointers[i]);
        if (r == 0)
            r = rules_append(text, length, line, &longer, &length);
        if (r < 0)
            return r;
        free(text);
        text = longer;
    }
    if (!text)
        return -ENOMEM;
    *ret_text = TAKE_PTR(text);
    return 0;
}

/* A rule may name the files of all processes. */
static bool may_see_all(const Chosen *chosen, const Viewer *viewer) {
    for (size_t i = 0; i < chosen->n; i++) {
        const Owner *owner = chosen->listeners[i].owner;
        for (size_t j = 0; owner && j < owner->n_holders; j++)
            if (!viewer_sees_process(viewer, &owner->holders[j]))
                return false;
    }
    return true;
}

int handle_suggest(void *userdata, const uint64_t *keys, size_t n_keys, const Viewer *viewer,
                   char **ret_text) {
    Daemon *daemon = userdata;
    uid_t payer = payer_of(daemon, viewer->uid);
    usec_t cpu = thread_cpu_now();
    Chosen chosen;

    if (viewer->uid != 0 && !look_budget_has(&daemon->look_budget, payer, monotonic_now())) {
        *ret_text = strdup("Too many requests, try again in a few seconds");
        return -EDQUOT;
    }
    int r = choose(daemon, keys, n_keys, &chosen);
    if (r == 0)
        r = may_see_all(&chosen, viewer) ? suggest(&chosen, USEC_INFINITY, NULL, ret_text)
                                         : -EACCES;
    chosen_done(&chosen);
    if (viewer->uid != 0)
        look_budget_charge(&daemon->look_budget, payer, thread_cpu_now() - cpu, monotonic_now());
    return r;
}

/* Returns the headline followed by the diagnostics, as a new string, or NULL. */
static char *below(const char *headline, const char *diagnostics) {
    return string_format("%s\n%s", headline, diagnostics ?: "");
}

static int write_rules(Daemon *daemon, const Chosen *chosen, usec_t until, const char *note,
                       BusAllowed *ret, char **ret_why) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *lines = NULL;

    if (!diagnostics)
        return -ENOMEM;
    int r = suggest(chosen, until, note, &lines);
    if (r < 0) {
        *ret_why = TAKE_PTR(lines);
        return r;
    }
    r = local_rules_allow(daemon->options.root, chosen->pointers, chosen->n, until, note,
                          diagnostics, &ret->file, &ret->lines, &ret->line);
    if (r < 0)
        *ret_why = r == -EBADMSG ? diagnostics_text(diagnostics) : TAKE_PTR(ret->lines);
    return r;
}

int handle_allow(void *userdata, const uint64_t *keys, size_t n_keys, usec_t until,
                 const char *note, BusAllowed *ret, char **ret_why) {
    Daemon *daemon = userdata;
    _cleanup_free_ char *diagnostics = NULL;
    Chosen chosen;

    if (daemon->options.rules) {
        *ret_why = strdup("'allow' is not available: sockauditd was started with --rules");
        return -EOPNOTSUPP;
    }
    /* No rule is written that could not be loaded afterwards. */
    int r = rules_check(daemon, &diagnostics);
    if (r < 0) {
        *ret_why =
            below("No rule was written, because the rules on disk contain errors:", diagnostics);
        return r;
    }
    r = choose(daemon, keys, n_keys, &chosen);
    if (r == 0)
        r = write_rules(daemon, &chosen, until, note, ret, ret_why);
    chosen_done(&chosen);
    if (r < 0)
        return r;
    r = handle_reload(daemon, &diagnostics);
    if (r < 0)
        *ret_why = below("The rule was added, but the rules were changed at the same time and now "
                         "contain errors:",
                         diagnostics);
    return r;
}
