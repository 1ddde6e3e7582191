/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/names.h"
#include "ctl/audit.h"
#include "ctl/print/names.h"
#include "ctl/print/report.h"
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
        audit_advise(daemon->advice, listener);
    }
    return 0;
}

static int on_reader_gone(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Daemon *daemon = userdata;

    (void)source, (void)fd, (void)events;
    return sd_event_exit(daemon->loop, 0);
}

int greet_watch_reader(Daemon *daemon) {
    /* EPOLLERR and EPOLLHUP are told unasked. */
    int r = sd_event_add_io(daemon->loop, NULL, STDOUT_FILENO, 0, on_reader_gone, daemon);
    return r == -EPERM || r == -EBADF ? 0 : r; /* a file has none, and a closed stdout, too */
}

/* How the client is called: as we were, from where it was built, or by its name. In sbin, where
 * there is no sockauditctl, auditctl is another program. */
static char *client_name(void) {
    const char *slash = strrchr(program_invocation_name, '/');
    int length = slash ? (int)(slash + 1 - program_invocation_name) : 0;
    _cleanup_free_ char *built = string_format("%.*ssockauditctl", length, program_invocation_name);

    if (length == 0 || !built || access(built, X_OK) < 0)
        return strdup("auditctl");
    return string_format("%.*sauditctl", length, program_invocation_name);
}

/* What to do next, for who sees this for the first time. */
static void print_next(const Daemon *daemon) {
    const char *directory = daemon->options.runtime_dir;
    _cleanup_free_ char *client = client_name();

    printf("\nNow watching, until ^C.");
    if (daemon->bus && strcmp(directory, BUS_RUNTIME_DIR_DEFAULT) == 0)
        printf(" In another terminal: %s status", client ?: "auditctl");
    else if (daemon->bus)
        printf(" In another terminal: %s status --runtime-dir %s", client ?: "auditctl", directory);
    fputc('\n', stdout);
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
        print_next(daemon);
        errno = 0;
        if (fflush(stdout) != 0 || ferror(stdout))
            tell_output_broken(daemon, errno ?: EIO);
    }
    snapshot->links = NULL;
    listing_done(&listing);
    daemon->greeted = true;
    return r;
}
