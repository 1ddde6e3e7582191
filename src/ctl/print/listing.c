/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/print/terminal.h"

const char *verdict_word(const Verdict *verdict) {
    if (verdict->action == ACTION_FLAG)
        return severity_name(verdict->severity);
    return verdict->action == ACTION_ALLOW ? "allowed" : "ignored";
}

const char *verdict_colour(const Verdict *verdict) {
    static const char *const severities[SEVERITY_COUNT] = {
        [SEVERITY_NOTICE] = COLOUR_BLUE,
        [SEVERITY_WARNING] = COLOUR_YELLOW,
        [SEVERITY_ERROR] = COLOUR_RED,
        [SEVERITY_CRITICAL] = COLOUR_ALERT,
    };
    if (verdict->action == ACTION_FLAG)
        return severities[verdict->severity];
    return verdict->action == ACTION_ALLOW ? COLOUR_GREEN : COLOUR_GREY;
}

const char *listing_user(const ListingView *view, const Listener *listener) {
    if (view->assumed_user)
        return view->assumed_user;
    return view->user_name ? view->user_name(listener->uid) : NULL;
}

const Standing *listing_standing(const ListingView *view, const Listener *listener) {
    return view->standings ? &view->standings[listener - view->snapshot->listeners] : NULL;
}

static bool is_listed(ListingSelection selection, Action action) {
    switch (selection) {
    case LISTING_ALL:
        return true;
    case LISTING_FLAGGED:
        return action == ACTION_FLAG;
    case LISTING_ALLOWED:
        return action == ACTION_ALLOW;
    default:
        return action != ACTION_IGNORE;
    }
}

static void count(ListingCounts *counts, const Listener *listener) {
    counts->n_all++;
    counts->n_flagged += listener->verdict.action == ACTION_FLAG;
    counts->n_allowed += listener->verdict.action == ACTION_ALLOW;
    counts->n_ignored += listener->verdict.action == ACTION_IGNORE;
    if (listener->origin == ORIGIN_FORWARD)
        return;
    Attribution attribution = listener->owner ? listener->owner->attribution : ATTRIBUTION_NONE;
    bool unheld = listener->owner && listener->owner->unheld;
    counts->n_unheld += unheld;
    counts->n_unknown += attribution == ATTRIBUTION_NONE && !unheld;
    counts->n_partial += attribution == ATTRIBUTION_PARTIAL;
}

/* The higher, the worse. */
static int badness(const Listener *listener) {
    const Verdict *verdict = &listener->verdict;
    if (verdict->action == ACTION_FLAG)
        return 2 + (int)verdict->severity;
    return verdict->action == ACTION_ALLOW ? 1 : 0;
}

static int compare_rows(const void *first, const void *second) {
    const Listener *a = *(const Listener *const *)first, *b = *(const Listener *const *)second;
    int keys[] = {
        badness(b) - badness(a),
        (int)b->scope - (int)a->scope,
        (int)a->endpoint.proto - (int)b->endpoint.proto,
        (int)a->endpoint.port - (int)b->endpoint.port,
        (int)a->endpoint.address.family - (int)b->endpoint.address.family,
        memcmp(a->endpoint.address.bytes, b->endpoint.address.bytes,
               sizeof(a->endpoint.address.bytes)),
        (a->uid > b->uid) - (a->uid < b->uid),
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i] != 0)
            return keys[i];
    /* Nothing that a person sees differs: the order of the dump. */
    return (a > b) - (a < b);
}

int listing_make(const Snapshot *snapshot, ListingSelection selection,
                 bool (*matches)(const void *userdata, const Listener *listener),
                 const void *userdata, Listing *ret) {
    Listing listing = {
        .rows = calloc(snapshot->n_listeners + 1, sizeof(*listing.rows)),
    };
    if (!listing.rows)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const Listener *listener = &snapshot->listeners[i];
        if (matches && !matches(userdata, listener))
            continue;
        count(&listing.counts, listener);
        if (is_listed(selection, listener->verdict.action))
            listing.rows[listing.n_rows++] = listener;
    }
    qsort(listing.rows, listing.n_rows, sizeof(*listing.rows), compare_rows);
    *ret = listing;
    return 0;
}

void listing_done(Listing *listing) {
    free(listing->rows);
    *listing = (Listing){};
}
