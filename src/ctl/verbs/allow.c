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
#include "util/cleanup.h"
#include "util/escape.h"

typedef struct Wish {
    const char *what;
    usec_t until;
    const char *note; /* or NULL */
} Wish;

/* `ID|PORT [until TIME] [note TEXT]` */
static ExitStatus read_wish(const Options *options, Wish *ret) {
    Wish wish = {.until = USEC_INFINITY};

    if (options->n_words == 0 || options->n_words % 2 == 0) {
        tell_error("allow wants a PORT or ID, and perhaps 'until TIME' and 'note TEXT'");
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
            tell_error("'%s' is no time: write 2026-12-31 or 2026-12-31T18:00", escaped ?: "");
            return STATUS_USAGE;
        }
    }
    if (wish.until <= machine_now()) {
        tell_error("that time is over: the rule would allow nothing");
        return STATUS_USAGE;
    }
    *ret = wish;
    return STATUS_DONE;
}

/* A rule before it may decide otherwise: that is to be said. */
static void tell_if_flagged(const BusView *view) {
    for (size_t i = 0; i < view->snapshot->n_listeners; i++) {
        const Verdict *verdict = &view->snapshot->listeners[i].verdict;
        if (verdict->action != ACTION_FLAG || !verdict->rule)
            continue;
        _cleanup_free_ char *place = rule_place(verdict->rule), *text = rule_text(verdict->rule);
        tell_warning("it is still flagged: an earlier rule decides, %s: %s", place ?: "",
                     text ?: "");
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

static ExitStatus print_done(const Options *options, const BusView *bus_view, const char *file,
                             const char *lines) {
    _cleanup_free_ char *escaped = text_escape_string(file);
    ListingView view = daemon_view(bus_view);
    Listing listing;

    if (!options_have(options, OPTION_JSON)) {
        printf("%s %s%s\n", *lines ? "Added to" : "Nothing to add to", escaped ?: "",
               *lines ? ":" : ", it stands there already.");
        print_lines(lines, "  ", stdout);
        return STATUS_DONE;
    }
    if (listing_make(view.snapshot, LISTING_ALL, NULL, NULL, &listing) < 0)
        return tell_errno(-ENOMEM, "cannot print");
    json_t *document = listing_json(&view, &listing, &bus_view->owners);
    listing_done(&listing);
    int r = json_object_set_new(document, "file", json_text(file));
    r |= json_object_set_new(document, "added", json_lines(lines));
    if (r != 0) {
        json_decref(document);
        document = NULL;
    }
    _cleanup_free_ char *text = json_document(document);
    return verb_print(options, text);
}

static ExitStatus print_already(const Options *options, const BusView *view) {
    if (options_have(options, OPTION_JSON))
        return print_done(options, view, NULL, "");
    for (size_t i = 0; i < view->snapshot->n_listeners; i++) {
        const RuleInfo *rule = view->snapshot->listeners[i].verdict.rule;
        _cleanup_free_ char *place = rule_place(rule), *text = rule_text(rule);
        printf("Nothing to add: no rule flags it, by %s: %s\n", place ?: "", text ?: "");
    }
    return STATUS_DONE;
}

ExitStatus verb_allow(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;
    _cleanup_free_ char *file = NULL, *lines = NULL;
    _cleanup_bus_view_ BusView view = {};
    Wish wish = {};

    ExitStatus status = read_wish(options, &wish);
    if (status == STATUS_DONE)
        status = daemon_open(options, &client);
    if (status != STATUS_DONE)
        return status;
    if (wish.until == USEC_INFINITY) {
        status = daemon_fetch(client, NULL, wish.what, &view);
        if (status != STATUS_DONE)
            return status;
        if (is_allowed_already(&view))
            return print_already(options, &view);
        bus_view_done(&view);
        view = (BusView){};
    }
    int r = bus_client_allow(client, wish.what, wish.until, wish.note, &file, &lines);
    if (r == -ENOENT)
        return tell_no_listener(wish.what, "");
    if (r < 0)
        return daemon_failed(client, r, "cannot allow it");
    status = daemon_fetch(client, NULL, wish.what, &view);
    /* It went meanwhile, as was told: the rule is there all the same. */
    if (status != STATUS_DONE && status != STATUS_NO_LISTENER)
        return status;
    status = print_done(options, &view, file, lines);
    tell_if_flagged(&view);
    return status;
}
