/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `list`: what `scan` shows, by what the daemon knows. */
#include <errno.h>
#include <stdlib.h>

#include "ctl/daemon.h"
#include "ctl/machine.h"
#include "ctl/print/output.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "util/clock.h"

/* The filter is looked at here: its names of users are asked for, which may take long, and nobody
 * is to hold up the daemon. */
typedef struct List {
    const Options *options;
    Filter *filter;
    Machine machine;
    JudgeContext context;
    BusView view;
    Listing listing;
} List;

static bool list_matches(const void *userdata, const Listener *listener) {
    const List *list = userdata;
    return filter_matches(list->filter, &list->context, listener);
}

static Coverage cover_owners(const List *list) {
    const ListingCounts *counts = &list->listing.counts;
    Coverage owners = {}; /* of what is listed, as in a scan; the daemon's is of all there is */

    if (counts->n_unknown > 0)
        coverage_set(&owners, COVERAGE_INCOMPLETE, "process unknown for %zu of %zu listeners",
                     counts->n_unknown, counts->n_all);
    return owners;
}

static ExitStatus make(List *list) {
    int r = machine_open(&list->machine, NULL);
    if (r == 0) {
        list->context = machine_judge_context(&list->machine, list->view.snapshot, realtime_now());
        r = listing_make(list->view.snapshot, options_selection(list->options), list_matches, list,
                         &list->listing);
    }
    return r < 0 ? tell_errno(r, "Failed to list") : STATUS_DONE;
}

static ExitStatus list_run(List *list) {
    _cleanup_bus_client_ BusClient *client = NULL;
    ColumnChoice choice;

    ExitStatus status = columns_choose(listing_columns, list->options->columns, &choice);
    if (status == STATUS_DONE)
        status = filter_read(list->options, &list->filter);
    if (status == STATUS_DONE)
        status = daemon_open(list->options, &client);
    if (status == STATUS_DONE)
        status = daemon_fetch(client, "all", NULL, &list->view);
    if (status == STATUS_DONE)
        status = make(list);
    if (status != STATUS_DONE)
        return status;

    ListingView view = daemon_view(&list->view);
    Coverage owners = cover_owners(list);
    status = listing_print(list->options, &view, &list->listing, &choice, &owners);
    if (status == STATUS_DONE)
        (void)tell_unseen(view.snapshot, &owners);
    return status;
}

ExitStatus verb_list(const Options *options) {
    List list = {.options = options};
    ExitStatus status = list_run(&list);
    listing_done(&list.listing);
    bus_view_done(&list.view);
    machine_close(&list.machine);
    filter_free(list.filter);
    return status;
}
