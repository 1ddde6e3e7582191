/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "ctl/names.h"
#include "ctl/report.h"
#include "daemon/daemon.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* The ledger's listeners as a snapshot that the client's renderer takes. */
static int gather(Daemon *daemon, Snapshot *snapshot) {
    AuditTime now = daemon_now();
    LedgerView view;

    for (uint32_t at = 0; ledger_next(daemon->ledger, &at, &now, &view);) {
        int r = ARRAY_RESERVE(snapshot->listeners, snapshot->listeners_allocated,
                              snapshot->n_listeners + 1);
        if (r < 0)
            return r;
        /* Within its grace it is not judged: nothing can be said of it yet. */
        if (view.pending)
            continue;
        Listener *listener = &snapshot->listeners[snapshot->n_listeners++];
        *listener = view.listener;
        if (listener->owner)
            owner_ref(listener->owner);
        listener->advice = NULL;
    }
    return 0;
}

int greet(Daemon *daemon) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Terminal terminal = terminal_look();
    ColumnChoice choice;
    Listing listing = {};

    if (!snapshot)
        return -ENOMEM;
    int r = gather(daemon, snapshot);
    if (r < 0)
        return r;
    /* Borrowed: the snapshot must not free them. */
    snapshot->links = daemon->all->links;
    snapshot->netns = daemon->netns;
    r = listing_make(snapshot, LISTING_DEFAULT, NULL, NULL, &listing);
    if (r == 0 && columns_choose(listing_columns, NULL, &choice) == STATUS_DONE) {
        const ListingView view = {
            .snapshot = snapshot, .now = daemon_now().realtime, .user_name = user_name};
        _cleanup_free_ char *text = report_render(&view, &listing, &choice, &terminal, true);
        if (text)
            fputs(text, stdout);
        fflush(stdout);
    }
    snapshot->links = NULL;
    listing_done(&listing);
    daemon->greeted = true;
    return r;
}
