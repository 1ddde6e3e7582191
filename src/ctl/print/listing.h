/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners as the client shows them: which of them, in which order, in which columns. Pure. */
#pragma once

#include "bus/listener.h"
#include "ctl/print/table.h"
#include "model/snapshot.h"

/* What the columns need besides the listener: the row is a `const Listener *`. */
typedef struct ListingView {
    const Snapshot *snapshot;
    usec_t now; /* realtime */
    /* The name of a user, raw, or NULL: kept by the callee. */
    const char *(*user_name)(uid_t uid);
    const char *assumed_user; /* `explain`: whose the listener is, where no such user exists */
    /* What the daemon knows of each listener, by its index in the snapshot; NULL: a scan. */
    const Standing *standings;
} ListingView;

/* The name of the listener's user, raw, or NULL: it has none, or names are not asked for. */
const char *listing_user(const ListingView *view, const Listener *listener);

/* Of a listener of the view's snapshot, or NULL. */
const Standing *listing_standing(const ListingView *view, const Listener *listener);

extern const Column listing_columns[];

typedef struct ListingCounts {
    size_t n_all, n_flagged, n_allowed, n_ignored;
    size_t n_unheld;  /* no process holds it: the kernel's own, or in flight */
    size_t n_unknown; /* no holder is known, and there may be one */
    size_t n_partial; /* some are, or of some not everything */
} ListingCounts;

/* Which verdicts are listed. */
typedef enum ListingSelection {
    LISTING_DEFAULT, /* flagged and allowed */
    LISTING_ALL,     /* those that a rule ignores, too */
    LISTING_FLAGGED,
    LISTING_ALLOWED,
} ListingSelection;

typedef struct Listing {
    const Listener **rows; /* owned array of the snapshot's; worst first */
    size_t n_rows;
    ListingCounts counts; /* of all that the filter matches, listed or not */
} Listing;

/*
 * Lists the listeners of a snapshot that `matches` (NULL: all) takes, worst first: flagged ones by
 * severity, then by scope, protocol, port and address. Returns 0 or -ENOMEM.
 */
int listing_make(const Snapshot *snapshot, ListingSelection selection,
                 bool (*matches)(const void *userdata, const Listener *listener),
                 const void *userdata, Listing *ret);
void listing_done(Listing *listing);

/* What a verdict is called in a table: `critical` … `notice`, `allowed`, `ignored`. */
const char *verdict_word(const Verdict *verdict);

/* The colour for it, or NULL. */
const char *verdict_colour(const Verdict *verdict);
