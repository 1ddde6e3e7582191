/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `allow`: a rule for what listens there now, written by the daemon. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/machine.h"
#include "ctl/print/json.h"
#include "ctl/print/output.h"
#include "ctl/print/report.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "policy/rule_words.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"

typedef struct Wish {
    const char *what;
    usec_t until;
    const char *note; /* or NULL */
} Wish;

/* `ID|PORT [until TIME] [note TEXT]` */
static ExitStatus read_wish(const Options *options, Wish *ret) {
    Wish wish = {.until = USEC_INFINITY};

    if (options->n_words % 2 == 0) {
        tell_error("Usage: %s allow PORT|ID [until TIME] [note TEXT]", tell_name());
        return STATUS_USAGE;
    }
    wish.what = options->words[0];
    for (size_t i = 1; i < options->n_words; i += 2) {
        const char *word = options->words[i], *value = options->words[i + 1];
        static const char *const known[] = {"until", "note"};
        if (strcmp(word, "note") == 0) {
            wish.note = value;
        } else if (strcmp(word, "until") != 0) {
            return tell_unknown("option of a rule", word, known, 2);
        } else if (parse_local_time(value, strlen(value), &wish.until) < 0) {
            _cleanup_free_ char *escaped = text_escape_string(value);
            tell_error("Invalid time '%s', expected for example 2026-12-31 or 2026-12-31T18:00",
                       escaped ?: "");
            return STATUS_USAGE;
        }
    }
    if (wish.until <= realtime_now()) {
        tell_error("Expiry time is in the past");
        return STATUS_USAGE;
    }
    *ret = wish;
    return STATUS_DONE;
}

/* Another rule takes precedence. */
static void warn_if_flagged(const BusView *view) {
    for (size_t i = 0; i < view->snapshot->n_listeners; i++) {
        const Verdict *verdict = &view->snapshot->listeners[i].verdict;
        if (verdict->action != ACTION_FLAG || !verdict->rule)
            continue;
        _cleanup_free_ char *place = rule_place(verdict->rule), *text = rule_text(verdict->rule);
        tell_warning("Still flagged by %s: %s", place ?: "", text ?: "");
        return;
    }
}

/* By rules that don't end: another one would never decide. */
static bool is_allowed_already(const BusView *view) {
    for (size_t i = 0; i < view->snapshot->n_listeners; i++) {
        const Verdict *verdict = &view->snapshot->listeners[i].verdict;
        if (verdict->action == ACTION_FLAG || !verdict->rule || !verdict->rule->text ||
            strstr(verdict->rule->text, "until"))
            return false;
    }
    return true;
}

/* Prints the meaning and location of each line, and how to undo it. */
static void print_lines_added(const BusAllowed *allowed) {
    _cleanup_free_ char *file = text_escape_string(allowed->file);
    unsigned number = allowed->line;

    for (const char *line = allowed->lines; *line; number++) {
        size_t length = strcspn(line, "\n");
        _cleanup_free_ char *rule = strndup(line, length), *words = NULL;
        _cleanup_free_ char *escaped = text_escape(line, length);
        if (rule && rule_words(rule, &words) == 0)
            printf("Allowed: %s.\n", words);
        printf("  %s:%u: %s\n", file ?: "", number, escaped ?: "");
        line += length + (line[length] == '\n');
    }
    printf("To undo, delete the line%s above and run: sudo %s reload\n",
           number - allowed->line == 1 ? "" : "s", tell_name());
}

static ExitStatus print_json(const Options *options, const BusView *bus_view,
                             const BusAllowed *allowed) {
    ListingView view = daemon_view(bus_view);
    Listing listing;

    if (listing_make(view.snapshot, LISTING_ALL, NULL, NULL, &listing) < 0)
        return tell_errno(-ENOMEM, "Failed to print");
    json_t *document = listing_json(&view, &listing, &bus_view->owners);
    listing_done(&listing);
    _cleanup_free_ char *text = json_document(
        json_merged(document, json_pack("{so,so,so}", "file", json_text(allowed->file), "line",
                                        allowed->line ? json_integer(allowed->line) : json_null(),
                                        "added", json_lines(allowed->lines))));
    return verb_print(options, text);
}

static ExitStatus print_done(const Options *options, const BusView *view,
                             const BusAllowed *allowed) {
    if (options_have(options, OPTION_JSON))
        return print_json(options, view, allowed);
    if (*allowed->lines) {
        print_lines_added(allowed);
    } else {
        _cleanup_free_ char *file = text_escape_string(allowed->file);
        printf("%s already contains this rule.\n", file ?: "");
    }
    return STATUS_DONE;
}

static ExitStatus print_already(const Options *options, const BusView *view) {
    static const BusAllowed nothing = {.lines = (char *)""};

    if (options_have(options, OPTION_JSON))
        return print_json(options, view, &nothing);
    for (size_t i = 0; i < view->snapshot->n_listeners; i++) {
        const Listener *listener = &view->snapshot->listeners[i];
        _cleanup_free_ char *place = rule_place(listener->verdict.rule);
        _cleanup_free_ char *text = rule_text(listener->verdict.rule);
        printf("Port %u is already allowed by %s: %s\n", listener->endpoint.port, place ?: "",
               text ?: "");
    }
    return STATUS_DONE;
}

static ExitStatus allow(BusClient *client, const Options *options, const Wish *wish) {
    _cleanup_bus_view_ BusView view = {};
    BusAllowed allowed = {};

    int r = bus_client_allow(client, wish->what, wish->until, wish->note, &allowed);
    if (r == -ENOENT)
        return tell_no_listener(wish->what, "");
    if (r < 0)
        return daemon_failed(client, r, "Failed to allow the listener");
    ExitStatus status = daemon_fetch(client, NULL, wish->what, &view);
    /* The listener closed meanwhile, which was reported. The rule was added. */
    if (status == STATUS_DONE || status == STATUS_NO_LISTENER)
        status = print_done(options, &view, &allowed);
    warn_if_flagged(&view);
    bus_allowed_done(&allowed);
    return status;
}

/* Sets *ret_done and prints a message if no rule is needed. */
static ExitStatus check_already(BusClient *client, const Options *options, const Wish *wish,
                                bool *ret_done) {
    _cleanup_bus_view_ BusView view = {};
    ExitStatus status = daemon_fetch(client, NULL, wish->what, &view);

    *ret_done = status == STATUS_DONE && is_allowed_already(&view);
    return *ret_done ? print_already(options, &view) : status;
}

ExitStatus verb_allow(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;
    Wish wish = {};
    bool done = false;

    ExitStatus status = read_wish(options, &wish);
    if (status == STATUS_DONE)
        status = daemon_open(options, &client);
    if (status == STATUS_DONE && wish.until == USEC_INFINITY)
        status = check_already(client, options, &wish, &done);
    return status == STATUS_DONE && !done ? allow(client, options, &wish) : status;
}
