/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/json.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static json_t *listener_json(const Snapshot *snapshot) {
    ListingView view = fixture_view(snapshot);
    json_t *object = json_listener(&view, &snapshot->listeners[0]);
    cr_assert(object);
    return object;
}

static const char *text_of(json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

Test(json, a_listener_has_every_field_in_order) {
    static const char *const keys[] = {
        "id",        "proto",       "family",
        "address",   "port",        "device",
        "v6only",    "scope",       "reach",
        "netns",     "origin",      "forward_to",
        "uid",       "user",        "unit",
        "user_unit", "cgroup",      "container",
        "owners",    "attribution", "attribution_note",
        "sockets",   "inode",       "cookie",
        "verdict",   "severity",    "rule",
        "tool",      "advice",      "first_seen",
    };
    Snapshot *snapshot = fixture_snapshot();
    fixture_add(snapshot, PROTO_TCP, "0.0.0.0", 3000, 4711);
    json_t *object = listener_json(snapshot);
    const char *key;
    json_t *value;
    size_t i = 0;

    json_object_foreach(object, key, value) {
        cr_assert_lt(i, sizeof(keys) / sizeof(keys[0]), "%s", key);
        cr_assert_str_eq(key, keys[i++]);
    }
    cr_assert_eq(i, sizeof(keys) / sizeof(keys[0]));
    json_decref(object);
    snapshot_free(snapshot);
}

/* The document with all listeners in it, as it would be written at once. */
static char *written_at_once(json_t *head, const ListingView *view, const Listing *listing) {
    json_t *array = json_array();
    for (size_t i = 0; i < listing->n_rows; i++)
        json_array_append_new(array, json_listener(view, listing->rows[i]));
    json_object_set_new(head, "listeners", array);
    return json_document(head);
}

Test(json, a_listing_is_written_as_one_document) {
    Snapshot *snapshot = fixture_snapshot();
    for (unsigned n = 0; n <= 2; n++) {
        Listing listing;
        ListingView view = fixture_view(snapshot);
        Coverage owners = {};
        cr_assert(listing_make(snapshot, LISTING_ALL, NULL, NULL, &listing) == 0);
        char *whole = written_at_once(json_head(&view, "host", &owners), &view, &listing);
        char *text = json_listing(json_head(&view, "host", &owners), &view, &listing);
        cr_expect_str_eq(text, whole);
        free(whole);
        free(text);
        listing_done(&listing);
        Listener *listener = fixture_add(snapshot, PROTO_TCP, "::", (uint16_t)(3000 + n), 4711);
        fixture_hold(listener, 1, "a\nb", "/a");
    }
    snapshot_free(snapshot);
}

Test(json, what_is_not_known_is_null) {
    static const char *const nulls[] = {
        "device",   "v6only", "user",       "unit",       "user_unit", "cgroup", "container",
        "severity", "advice", "first_seen", "forward_to", "tool",      "uid"};
    Snapshot *snapshot = fixture_snapshot();
    fixture_add(snapshot, PROTO_TCP, "0.0.0.0", 3000, UINT32_MAX);
    json_t *object = listener_json(snapshot);
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        cr_assert(json_is_null(json_object_get(object, nulls[i])), "%s", nulls[i]);
    cr_assert_str_eq(text_of(object, "attribution"), "none");
    cr_assert(json_is_string(json_object_get(object, "attribution_note")));
    cr_assert_eq(json_array_size(json_object_get(object, "owners")), 0);
    json_decref(object);
    snapshot_free(snapshot);
}

Test(json, holders_are_told_whole) {
    Snapshot *snapshot = fixture_snapshot();
    Listener *listener = fixture_add(snapshot, PROTO_TCP, "::", 3000, 1000);
    fixture_hold(listener, 1, "a", "/a")->fd = -1;
    fixture_hold(listener, 2, "b", "/b")->exe_state = EXE_UNVERIFIED;
    fixture_hold(listener, 3, NULL, NULL)->uid = (uid_t)-1;
    json_t *object = listener_json(snapshot), *owners = json_object_get(object, "owners");
    json_t *first = json_array_get(owners, 0), *second = json_array_get(owners, 1),
           *third = json_array_get(owners, 2);

    cr_assert(json_is_null(json_object_get(first, "fd")));
    cr_assert(json_is_true(json_object_get(first, "exe_verified")));
    cr_assert_eq(json_integer_value(json_object_get(second, "fd")), 3);
    cr_assert(json_is_false(json_object_get(second, "exe_verified")));
    cr_assert(json_is_null(json_object_get(third, "exe_verified")));
    cr_assert(json_is_null(json_object_get(third, "uid")));
    cr_assert(json_is_null(json_object_get(third, "cmdline")));
    cr_assert(json_is_false(json_object_get(object, "v6only")));
    cr_assert_eq(json_array_size(json_object_get(object, "reach")), 6);
    json_decref(object);
    snapshot_free(snapshot);
}

Test(json, every_byte_of_a_name_gives_valid_json) {
    for (unsigned byte = 1; byte < 256; byte++) {
        char name[] = {'a', (char)byte, 'b', '\0'};
        Snapshot *snapshot = fixture_snapshot();
        Listener *listener = fixture_add(snapshot, PROTO_TCP, "::", 3000, 1000);
        Holder *holder = fixture_hold(listener, 1, name, name);
        holder->cmdline = calloc(2, sizeof(char *));
        holder->cmdline[0] = strdup(name);
        listener->owner->cgroup = strdup(name);
        listener->advice = strdup(name);
        listener->tool = strdup(name);

        char *text = json_document(listener_json(snapshot));
        cr_assert(text, "%u", byte);
        for (const char *c = text; *c; c++)
            cr_assert(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f), "%u", byte);
        json_t *again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        cr_assert(again, "%u", byte);
        json_decref(again);
        free(text);
        snapshot_free(snapshot);
    }
}

Test(json, the_head_says_what_could_not_be_seen) {
    Snapshot *snapshot = fixture_snapshot();
    ListingView view = fixture_view(snapshot);
    Coverage owners = {};

    coverage_set(&snapshot->coverage[PROTO_SCTP], COVERAGE_UNAVAILABLE, "no sctp");
    snapshot->coverage[PROTO_SCTP].absent = true;
    json_t *head = json_head(&view, "h\xff", &owners);
    cr_assert(json_is_true(json_object_get(head, "complete")));
    cr_assert_str_eq(text_of(head, "host"), "h\\xff");
    cr_assert_str_eq(text_of(head, "time"), "2026-11-18T11:06:40.000000Z");
    cr_assert_str_eq(text_of(json_object_get(head, "coverage"), "tcp"), "full");
    cr_assert_str_eq(text_of(json_object_get(head, "coverage"), "sctp"), "unavailable: no sctp");
    json_decref(head);

    coverage_set(&owners, COVERAGE_INCOMPLETE, "some");
    head = json_head(&view, "h", &owners);
    cr_assert(json_is_false(json_object_get(head, "complete")));
    json_decref(head);

    owners = (Coverage){};
    coverage_set(&snapshot->coverage[PROTO_TCP], COVERAGE_INCOMPLETE, "interrupted");
    head = json_head(&view, "h", &owners);
    cr_assert(json_is_false(json_object_get(head, "complete")));
    json_decref(head);
    snapshot_free(snapshot);
}
