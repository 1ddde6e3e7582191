/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/listing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static Snapshot *of_all_sorts(void) {
    Snapshot *snapshot = fixture_snapshot();
    fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 1, 0)->verdict.action = ACTION_IGNORE;
    fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 2, 0);
    fixture_flag(fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 3, 0), SEVERITY_NOTICE);
    fixture_flag(fixture_add(snapshot, PROTO_TCP, "192.168.1.20", 4, 0), SEVERITY_CRITICAL);
    fixture_flag(fixture_add(snapshot, PROTO_UDP, "0.0.0.0", 5, 0), SEVERITY_CRITICAL);
    fixture_add(snapshot, PROTO_TCP, "0.0.0.0", 6, 0);
    fixture_hold(&snapshot->listeners[1], 5, "x", NULL);
    return snapshot;
}

/* The ports of a listing, in order. */
static void check_ports(ListingSelection selection, const char *wanted) {
    Snapshot *snapshot = of_all_sorts();
    Listing listing;
    char ports[64] = "";

    cr_assert_eq(listing_make(snapshot, selection, NULL, NULL, &listing), 0);
    for (size_t i = 0; i < listing.n_rows; i++) {
        char digit[] = {(char)('0' + listing.rows[i]->endpoint.port), '\0'};
        strncat(ports, digit, sizeof(ports) - strlen(ports) - 1);
    }
    cr_assert_str_eq(ports, wanted);
    cr_assert_eq(listing.counts.n_all, 6);
    cr_assert_eq(listing.counts.n_flagged, 3);
    cr_assert_eq(listing.counts.n_allowed, 2);
    cr_assert_eq(listing.counts.n_ignored, 1);
    cr_assert_eq(listing.counts.n_unknown, 5);
    listing_done(&listing);
    snapshot_free(snapshot);
}

Test(listing, worst_first) {
    check_ports(LISTING_ALL, "543621");
}

Test(listing, selections) {
    check_ports(LISTING_DEFAULT, "54362");
    check_ports(LISTING_FLAGGED, "543");
    check_ports(LISTING_ALLOWED, "62");
}

Test(listing, that_nobody_holds_it_is_known) {
    Snapshot *snapshot = of_all_sorts();
    Listing listing;

    cr_assert_not_null(snapshot->listeners[5].owner = owner_new());
    snapshot->listeners[5].owner->unheld = true;
    cr_assert_eq(listing_make(snapshot, LISTING_ALL, NULL, NULL, &listing), 0);
    cr_assert_eq(listing.counts.n_unknown, 4);
    cr_assert_eq(listing.counts.n_unheld, 1);
    listing_done(&listing);
    snapshot_free(snapshot);
}

static bool is_udp(const void *userdata, const Listener *listener) {
    (void)userdata;
    return listener->endpoint.proto == PROTO_UDP;
}

Test(listing, a_filter_takes_part_of_the_counts) {
    Snapshot *snapshot = of_all_sorts();
    Listing listing;
    cr_assert_eq(listing_make(snapshot, LISTING_DEFAULT, is_udp, NULL, &listing), 0);
    cr_assert_eq(listing.n_rows, 1);
    cr_assert_eq(listing.counts.n_all, 1);
    listing_done(&listing);
    snapshot_free(snapshot);
}

/* The cell of that column. */
static void check_cell(const Snapshot *snapshot, const char *name, const char *wanted) {
    ListingView view = fixture_view(snapshot);
    for (const Column *column = listing_columns; column->name; column++) {
        if (strcmp(column->name, name) != 0)
            continue;
        char *cell = column->cell(&view, &snapshot->listeners[0]);
        cr_assert_str_eq(cell, wanted, "%s: %s", name, cell);
        free(cell);
        return;
    }
    cr_assert_fail("no column %s", name);
}

Test(listing, cells_of_a_full_listener) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "::", 3000, 1000);
    Holder *holder = fixture_hold(listener, 4242, "no\tde", "/usr/bin/n\xfeode");
    holder->cmdline = calloc(3, sizeof(char *));
    holder->cmdline[0] = strdup("node");
    holder->cmdline[1] = strdup("a\nb");
    holder->cwd = strdup("/home/alice");
    fixture_hold(listener, 4243, "node", NULL);
    listener->owner->user_unit = strdup("app-x\\x2dy.service");
    listener->owner->created = FIXTURE_NOW - 90 * USEC_PER_SEC;
    fixture_flag(listener, SEVERITY_ERROR);

    check_cell(snapshot, "state", "error");
    check_cell(snapshot, "proto", "tcp");
    check_cell(snapshot, "endpoint", "[::]:3000");
    check_cell(snapshot, "address", "::");
    check_cell(snapshot, "port", "3000");
    check_cell(snapshot, "device", "-");
    check_cell(snapshot, "scope", "wildcard");
    check_cell(snapshot, "reach", "wildcard: eth0, docker0");
    check_cell(snapshot, "process", "no\\tde[4242] +1");
    check_cell(snapshot, "pid", "4242");
    check_cell(snapshot, "exe", "/usr/bin/n\\xfeode");
    check_cell(snapshot, "cmdline", "node a\\nb");
    check_cell(snapshot, "cwd", "/home/alice");
    check_cell(snapshot, "user", "alice");
    check_cell(snapshot, "unit", "app-x\\x2dy.service");
    check_cell(snapshot, "container", "-");
    check_cell(snapshot, "age", "1min 30s");
    check_cell(snapshot, "rule", "sockaudit.rules:42");
    check_cell(snapshot, "text", "flag warning tcp port 3000");
    check_cell(snapshot, "sockets", "1");
    snapshot_free(snapshot);
}

Test(listing, cells_of_what_is_not_known) {
    static const char *const names[] = {"process", "pid",  "exe",    "cmdline", "cwd",   "unit",
                                        "cgroup",  "note", "advice", "age",     "device"};
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 3000, 4711);
    listener->verdict.rule = &fixture_default;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_cell(snapshot, names[i], "-");
    check_cell(snapshot, "user", "4711");
    check_cell(snapshot, "rule", "default");
    check_cell(snapshot, "reach", "loopback");
    snapshot_free(snapshot);
}

Test(listing, cells_of_what_nobody_holds) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 80, 4711);
    cr_assert_not_null(listener->owner = owner_new());
    check_cell(snapshot, "process", "-");
    listener->owner->unheld = true;
    check_cell(snapshot, "process", "none");
    check_cell(snapshot, "pid", "-");
    snapshot_free(snapshot);
}

Test(listing, column_names_are_unique_and_few_enough) {
    size_t count = 0;
    for (const Column *a = listing_columns; a->name; a++, count++)
        for (const Column *b = a + 1; b->name; b++)
            cr_assert_str_neq(a->name, b->name);
    cr_assert_leq(count, COLUMNS_MAX);
}
