/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/report.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static Snapshot *one_flagged(void) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "0.0.0.0", 3000, 1000);
    fixture_hold(listener, 4242, "node\033[31m", "/usr/bin/node");
    fixture_flag(listener, SEVERITY_WARNING);
    listener->advice = strdup("node --host 127.0.0.1\033");
    fixture_hold(fixture_add(snapshot, PROTO_TCP, "127.0.0.1", 22, 0), 1, "sshd", NULL);
    return snapshot;
}

static char *render(const Terminal *terminal, const char *columns, bool legend) {
    Snapshot *snapshot = one_flagged();
    ListingView view = fixture_view(snapshot);
    ColumnChoice choice;
    Listing listing;

    cr_assert_eq(columns_choose(listing_columns, columns, &choice), STATUS_DONE);
    cr_assert_eq(listing_make(snapshot, LISTING_DEFAULT, NULL, NULL, &listing), 0);
    char *text = report_render(&view, &listing, &choice, terminal, legend);
    cr_assert(text);
    listing_done(&listing);
    snapshot_free(snapshot);
    return text;
}

Test(report, tells_rule_note_and_advice_below_the_table) {
    Terminal terminal = {.utf8 = true};
    char *text = render(&terminal, "state,endpoint,process,rule", true);
    cr_assert_str_eq(
        text,
        "STATE   LISTENS ON   PROCESS            RULE\n"
        "warning 0.0.0.0:3000 node\\x1b[31m[4242] sockaudit.rules:42\n"
        "allowed 127.0.0.1:22 sshd[1]            10-mine.rules:7\n"
        "\n"
        "warning  node\\x1b[31m (pid 4242, user alice) listens on 0.0.0.0:3000, reachable at eth0 "
        "192.168.1.20, docker0 172.17.0.1\n"
        "         /etc/sockaudit/sockaudit.rules:42: flag warning tcp port 3000\n"
        "         note: dev servers\n"
        "         → to make it local: node --host 127.0.0.1\\x1b\n"
        "\n"
        "2 listeners: 1 flagged, 1 allowed, 0 ignored.\n");
    free(text);
}

Test(report, without_a_legend_rows_alone) {
    Terminal terminal = {};
    char *text = render(&terminal, "port,proto", false);
    cr_assert_str_eq(text, "3000 tcp\n  22 tcp\n");
    free(text);
}

Test(report, ascii_where_the_locale_has_no_arrow) {
    Terminal terminal = {};
    char *text = render(&terminal, NULL, true);
    cr_assert(strstr(text, "-> to make it local"));
    cr_assert_not(strstr(text, "→"));
    free(text);
}

Test(report, no_escape_sequence_but_for_colour) {
    Terminal terminal = {.utf8 = true};
    char *text = render(&terminal, NULL, true);
    cr_assert_not(strchr(text, '\033'));
    free(text);
    terminal.colour = true;
    text = render(&terminal, NULL, true);
    cr_assert(strstr(text, COLOUR_YELLOW "warning"));
    cr_assert(strstr(text, COLOUR_GREEN "allowed"));
    free(text);
}

/* No line of the table is wider than the terminal. */
static void check_width(size_t width) {
    Terminal terminal = {.width = width};
    char *text = render(&terminal, NULL, false), *rest = text, *line;
    while ((line = strsep(&rest, "\n")))
        cr_assert_leq(strlen(line), width, "%zu: %s", width, line);
    free(text);
}

Test(report, shrinks_to_the_terminal) {
    check_width(100);
    check_width(80);
}

Test(report, an_empty_listing_is_a_sum) {
    Snapshot *snapshot = fixture_snapshot();
    ListingView view = fixture_view(snapshot);
    ColumnChoice choice;
    Listing listing;
    Terminal terminal = {};

    cr_assert_eq(columns_choose(listing_columns, NULL, &choice), STATUS_DONE);
    cr_assert_eq(listing_make(snapshot, LISTING_DEFAULT, NULL, NULL, &listing), 0);
    char *text = report_render(&view, &listing, &choice, &terminal, true);
    cr_assert_str_eq(text, "0 listeners: 0 flagged, 0 allowed, 0 ignored.\n");
    free(text);
    listing_done(&listing);
    snapshot_free(snapshot);
}

Test(report, unknown_columns_are_refused) {
    ColumnChoice choice;
    cr_assert_eq(columns_choose(listing_columns, "proto,prot", &choice), STATUS_USAGE);
    cr_assert_eq(columns_choose(listing_columns, "", &choice), STATUS_USAGE);
    cr_assert_eq(columns_choose(listing_columns, "proto,", &choice), STATUS_USAGE);
    cr_assert_eq(columns_choose(listing_columns, "proto,port,proto", &choice), STATUS_DONE);
    cr_assert_eq(choice.n_columns, 3);
}
