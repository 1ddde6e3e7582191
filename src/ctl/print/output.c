/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/output.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "ctl/print/report.h"
#include "ctl/print/tell.h"
#include "ctl/ruleset.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/escape.h"

ExitStatus filter_read(const Options *options, Filter **ret) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();

    if (!diagnostics)
        return tell_errno(-ENOMEM, "Failed to read the filter");
    int r = filter_parse(options->words, options->n_words, diagnostics, ret);
    ruleset_tell(diagnostics);
    if (r == -EBADMSG)
        return STATUS_USAGE;
    return r < 0 ? tell_errno(r, "Failed to read the filter") : STATUS_DONE;
}

ListingSelection options_selection(const Options *options) {
    bool flagged = options_have(options, OPTION_FLAGGED);
    bool allowed = options_have(options, OPTION_ALLOWED);

    if (flagged != allowed)
        return flagged ? LISTING_FLAGGED : LISTING_ALLOWED;
    return options_have(options, OPTION_ALL) ? LISTING_ALL : LISTING_DEFAULT;
}

static json_t *head_json(const ListingView *view, const Coverage *owners) {
    char host[HOST_NAME_MAX + 1] = "";
    gethostname(host, HOST_NAME_MAX);
    return json_head(view, host, owners);
}

json_t *listing_json(const ListingView *view, const Listing *listing, const Coverage *owners) {
    _cleanup_json_ json_t *document = head_json(view, owners);
    json_t *array = json_array();

    for (size_t i = 0; i < listing->n_rows; i++)
        if (json_array_append_new(array, json_listener(view, listing->rows[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    if (!document || json_object_set_new(document, "listeners", array) < 0)
        return NULL;
    return json_incref(document);
}

ExitStatus listing_print(const Options *options, const ListingView *view, const Listing *listing,
                         const ColumnChoice *choice, const Coverage *owners) {
    Terminal terminal = terminal_look();
    _cleanup_free_ char *text = options_have(options, OPTION_JSON)
                                    ? json_listing(head_json(view, owners), view, listing)
                                    : report_render(view, listing, choice, &terminal,
                                                    !options_have(options, OPTION_NO_LEGEND));
    return verb_print(options, text);
}

static void tell_coverage(const Coverage *coverage, const char *what) {
    _cleanup_free_ char *why = text_escape_string(coverage->why);
    if (coverage->state != COVERAGE_FULL && !coverage->absent)
        tell_warning("%s: %s", what, why ?: "");
}

bool tell_unseen(const Snapshot *snapshot, const Coverage *owners) {
    char what[64];

    for (Proto proto = 0; proto < PROTO_COUNT; proto++) {
        snprintf(what, sizeof(what), "Incomplete list of %s sockets", proto_name(proto));
        tell_coverage(&snapshot->coverage[proto], what);
    }
    tell_coverage(&snapshot->links_coverage, "Incomplete list of interfaces");
    tell_coverage(&snapshot->forwards_coverage, "Incomplete list of forwarded ports");
    tell_coverage(owners, "Incomplete process information");
    return snapshot_is_complete(snapshot) && owners->state == COVERAGE_FULL;
}
