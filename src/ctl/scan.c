/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `scan`: the audit of this machine, once, in this process. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/audit.h"
#include "ctl/json.h"
#include "ctl/names.h"
#include "ctl/report.h"
#include "ctl/ruleset.h"
#include "ctl/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"

typedef struct Scan {
    const Options *options;
    Ruleset ruleset;
    AdviceTable *advice;
    Filter *filter;
    Audit audit;
    Listing listing;
    Coverage owners; /* who holds what: of the listeners that the filter takes */
} Scan;

static void scan_done(Scan *scan) {
    listing_done(&scan->listing);
    audit_close(&scan->audit);
    filter_free(scan->filter);
    advice_free(scan->advice);
    policy_free(scan->ruleset.policy);
}

static ExitStatus parse_filter(Scan *scan) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    const Options *options = scan->options;

    if (!diagnostics)
        return tell_errno(-ENOMEM, "cannot read the filter");
    int r = filter_parse(options->words, options->n_words, diagnostics, &scan->filter);
    ruleset_tell(diagnostics);
    if (r == -EBADMSG)
        return STATUS_USAGE;
    return r < 0 ? tell_errno(r, "cannot read the filter") : STATUS_DONE;
}

static ExitStatus load_advice(Scan *scan) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    if (!diagnostics)
        return tell_errno(-ENOMEM, "cannot read the advice");
    int r = advice_load(scan->options->root, diagnostics, &scan->advice);
    ruleset_tell(diagnostics);
    return r < 0 ? tell_errno(r, "cannot read the advice") : STATUS_DONE;
}

static ListingSelection selection_of(const Options *options) {
    if (options_have(options, OPTION_FLAGGED))
        return LISTING_FLAGGED;
    if (options_have(options, OPTION_ALLOWED))
        return LISTING_ALLOWED;
    return options_have(options, OPTION_ALL) ? LISTING_ALL : LISTING_DEFAULT;
}

static bool scan_matches(const void *userdata, const Listener *listener) {
    const Scan *scan = userdata;
    return filter_matches(scan->filter, &scan->audit.context, listener);
}

/* Readers of JSON, filters and --strict want every holder; the table names one, and is fast. */
static bool wants_all_holders(const Options *options) {
    return options_have(options, OPTION_JSON | OPTION_STRICT) || options->n_words > 0;
}

/* What is not known of holders. That the search ended early, by our own choice, is no lack. */
static void cover_owners(Scan *scan) {
    const ListingCounts *counts = &scan->listing.counts;
    const char *more = geteuid() == 0 ? "" : "; run as root to see who holds them";

    if (counts->n_unknown > 0)
        coverage_set(&scan->owners, COVERAGE_INCOMPLETE,
                     "no holder is known of %zu of %zu listeners%s", counts->n_unknown,
                     counts->n_all, more);
    else if (counts->n_partial > 0 && wants_all_holders(scan->options))
        coverage_set(&scan->owners, COVERAGE_INCOMPLETE,
                     "of %zu of %zu listeners there may be more holders%s", counts->n_partial,
                     counts->n_all, more);
}

static ExitStatus look(Scan *scan) {
    int r = audit_run(&scan->audit, scan->ruleset.policy, scan->advice,
                      wants_all_holders(scan->options) ? SEARCH_ALL : SEARCH_FIRST);
    if (r == 0)
        r = listing_make(scan->audit.snapshot, selection_of(scan->options), scan_matches, scan,
                         &scan->listing);
    if (r < 0)
        return tell_errno(r, "cannot look at this machine's sockets");
    cover_owners(scan);
    return STATUS_DONE;
}

static json_t *scan_json(const Scan *scan, const ListingView *view) {
    char host[HOST_NAME_MAX + 1] = "";
    gethostname(host, HOST_NAME_MAX);
    _cleanup_json_ json_t *document = json_head(view, host, &scan->owners);
    json_t *array = json_array();

    for (size_t i = 0; i < scan->listing.n_rows; i++)
        if (json_array_append_new(array, json_listener(view, scan->listing.rows[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    if (!document || json_object_set_new(document, "listeners", array) < 0)
        return NULL;
    return json_incref(document);
}

static ExitStatus print_scan(const Scan *scan, const ColumnChoice *choice) {
    ListingView view = {
        .snapshot = scan->audit.snapshot,
        .now = scan->audit.now,
        .user_name = user_name,
    };
    Terminal terminal = terminal_look();
    _cleanup_free_ char *text = options_have(scan->options, OPTION_JSON)
                                    ? json_document(scan_json(scan, &view))
                                    : report_render(&view, &scan->listing, choice, &terminal,
                                                    !options_have(scan->options, OPTION_NO_LEGEND));
    return verb_print(scan->options, text);
}

/* An empty list must never mean "could not look". Returns whether everything was seen. */
static bool tell_unseen(const Scan *scan) {
    const Snapshot *snapshot = scan->audit.snapshot;

    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if (snapshot->coverage[proto].state != COVERAGE_FULL && !snapshot->coverage[proto].absent)
            tell_warning("%s was not seen whole: %s", proto_name(proto),
                         snapshot->coverage[proto].why);
    if (snapshot->links_coverage.state != COVERAGE_FULL)
        tell_warning("the interfaces are not fully known: %s", snapshot->links_coverage.why);
    if (snapshot->forwards_coverage.state != COVERAGE_FULL)
        tell_warning("forwarded ports are not fully known: %s", snapshot->forwards_coverage.why);
    if (scan->owners.state != COVERAGE_FULL)
        tell_warning("%s", scan->owners.why);
    return snapshot_is_complete(snapshot) && scan->owners.state == COVERAGE_FULL;
}

static ExitStatus scan_run(Scan *scan) {
    ColumnChoice choice;
    ExitStatus status = columns_choose(listing_columns, scan->options->columns, &choice);
    if (status == STATUS_DONE)
        status = parse_filter(scan);
    if (status == STATUS_DONE)
        status = ruleset_load(scan->options, &scan->ruleset);
    if (status == STATUS_DONE)
        status = load_advice(scan);
    if (status == STATUS_DONE)
        status = look(scan);
    if (status == STATUS_DONE)
        status = print_scan(scan, &choice);
    if (status != STATUS_DONE)
        return status;

    bool saw_all = tell_unseen(scan);
    if (scan->listing.counts.n_flagged > 0 || scan->ruleset.n_errors > 0)
        return STATUS_FAILED;
    return saw_all || !options_have(scan->options, OPTION_STRICT) ? STATUS_DONE : STATUS_UNSEEN;
}

ExitStatus verb_scan(const Options *options) {
    Scan scan = {.options = options};
    ExitStatus status = scan_run(&scan);
    scan_done(&scan);
    return status;
}
