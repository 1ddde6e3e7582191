/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `scan`: the audit of this machine, once, in this process. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/audit.h"
#include "ctl/print/names.h"
#include "ctl/print/output.h"
#include "ctl/print/tell.h"
#include "ctl/ruleset.h"
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

/* No advice under the built-in rules: the rejected rules probably allow most of what is flagged. */
static ExitStatus load_advice(Scan *scan) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    if (scan->ruleset.builtin)
        return STATUS_DONE;
    if (!diagnostics)
        return tell_errno(-ENOMEM, "Failed to read the advice");
    int r = advice_load(scan->options->root, diagnostics, &scan->advice);
    ruleset_tell(diagnostics);
    return r < 0 ? tell_errno(r, "Failed to read the advice") : STATUS_DONE;
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
    const char *more = geteuid() == 0 ? "" : "; run with sudo to see them";

    if (counts->n_unknown > 0)
        coverage_set(&scan->owners, COVERAGE_INCOMPLETE,
                     "process unknown for %zu of %zu listeners%s", counts->n_unknown, counts->n_all,
                     more);
    else if (counts->n_partial > 0 && wants_all_holders(scan->options))
        coverage_set(&scan->owners, COVERAGE_INCOMPLETE,
                     "%zu of %zu listeners may have further processes%s", counts->n_partial,
                     counts->n_all, more);
}

static ExitStatus look(Scan *scan) {
    int r = audit_run(&scan->audit, scan->ruleset.policy, scan->advice,
                      wants_all_holders(scan->options) ? SEARCH_ALL : SEARCH_FIRST);
    if (r == 0)
        r = listing_make(scan->audit.snapshot, options_selection(scan->options), scan_matches, scan,
                         &scan->listing);
    if (r < 0)
        return tell_errno(r, "Failed to read the sockets of this machine");
    cover_owners(scan);
    return STATUS_DONE;
}

static ExitStatus print_scan(const Scan *scan, const ColumnChoice *choice) {
    ListingView view = {
        .snapshot = scan->audit.snapshot,
        .now = scan->audit.now,
        .user_name = user_name,
    };
    return listing_print(scan->options, &view, &scan->listing, choice, &scan->owners);
}

static ExitStatus scan_run(Scan *scan) {
    ColumnChoice choice;
    ExitStatus status = columns_choose(listing_columns, scan->options->columns, &choice);
    if (status == STATUS_DONE)
        status = filter_read(scan->options, &scan->filter);
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

    bool saw_all = tell_unseen(scan->audit.snapshot, &scan->owners);
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
