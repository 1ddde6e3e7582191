/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/ledger.h"

#include <criterion/criterion.h>

#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)

TestSuite(ledger);

Test(ledger, tells_what_appears_once) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000);
    world_listen(world, 2, 3001)->scope = SCOPE_LOOPBACK;
    world_dump(world);
    told("appeared:3000 appeared:3001 flagged:3000");
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    told("");
}

Test(ledger, judges_nothing_that_did_not_change) {
    _cleanup_world_ World *world = world_new(NULL);
    for (uint16_t i = 0; i < 100; i++)
        world_listen(world, i + 1u, (uint16_t)(3000 + i));
    world_dump(world);
    cr_assert_eq(world->n_judged, 100);
    world_dump(world);
    cr_assert_eq(world->n_judged, 100);
}

/* KERNEL.md 3: a dump may miss a socket that is there. */
Test(ledger, believes_that_one_is_gone_after_two_dumps) {
    _cleanup_world_ World *world = world_new(NULL);
    LedgerStats stats;
    world_listen(world, 1, 3000);
    world_listen(world, 2, 3001);
    world_dump(world);
    world_told(world);

    for (unsigned i = 0; i < 5; i++) { /* missed every other time: never gone */
        world_socket(world, 1)->hidden = true;
        world_dump(world);
        ledger_stats(world->ledger, &stats);
        cr_assert_eq(stats.n_missing, 1);
        world_dump(world);
        ledger_stats(world->ledger, &stats);
        cr_assert_eq(stats.n_missing, 0);
    }
    told("");
    world_socket(world, 1)->hidden = true;
    world_dump(world);
    world_socket(world, 1)->hidden = true;
    world_dump(world);
    told("gone:3000");
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_missing, 0);
    cr_assert_eq(stats.n_sockets, 1);
}

Test(ledger, believes_a_close_event_at_once) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000);
    world_listen(world, 2, 3001);
    world_dump(world);
    world_told(world);
    world_close(world, 1);
    world_look_at(world, 3000, true);
    told("gone:3000");
    cr_assert_eq(ledger_close(world->ledger, 2, &world->now), 1);
    cr_assert_eq(ledger_close(world->ledger, 2, &world->now), 0);
    told("gone:3001");
    world_pass(world, LEDGER_RETURN);
    told("resolved:3000/gone resolved:3001/gone");
}

Test(ledger, reports_nothing_gone_from_an_incomplete_dump) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000);
    world_dump(world);
    world_told(world);
    world_close(world, 1);
    for (unsigned i = 0; i < 4; i++) {
        world_look(world);
        coverage_set(&world->snapshot->coverage[PROTO_TCP],
                     i % 2 ? COVERAGE_INCOMPLETE : COVERAGE_UNAVAILABLE, "test");
        ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now);
    }
    for (unsigned i = 0; i < 4; i++) /* a dump of UDP alone says nothing of TCP */
        ledger_update(world->ledger, world_look(world), LEDGER_PROTO(PROTO_UDP), &world->now);
    told("");
    world_dump(world);
    world_dump(world);
    told("gone:3000");
}

Test(ledger, refuses_another_namespace) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000);
    world_look(world);
    world->snapshot->netns.inode++;
    cr_assert_eq(ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now), -EXDEV);
    told("");
}

Test(ledger, keeps_reuseport_workers_as_one) {
    _cleanup_world_ World *world = world_new(NULL);
    LedgerView view;
    for (uint64_t cookie = 1; cookie <= 4; cookie++)
        world_listen(world, cookie, 3000);
    world_dump(world);
    told("appeared:3000 flagged:3000");
    cr_assert(ledger_find(world->ledger, 3, &world->now, &view));
    cr_assert_eq(view.listener.n_sockets, 4);
    cr_assert_eq(view.listener.cookie, 1);

    for (uint64_t cookie = 5; cookie < 50; cookie++) { /* workers come and go */
        world_listen(world, cookie, 3000);
        world_look_at(world, 3000, false);
        world_close(world, cookie - 1);
        world_look_at(world, 3000, true);
        world_pass(world, USEC_PER_SEC);
    }
    told("");
    world_close(world, 1);
    world_look_at(world, 3000, true);
    told("changed:3000/i");
    cr_assert_eq(world->last.was_cookie, 1);
    cr_assert_eq(world->last.view.listener.cookie, 2);
}

Test(ledger, takes_a_restart_on_save_as_one_flag) {
    _cleanup_world_ World *world = world_new(NULL);
    world->judge.settings.remind = USEC_PER_HOUR;
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    told("appeared:3000 flagged:3000");
    for (uint64_t cookie = 2; cookie <= 21; cookie++) {
        world_close(world, cookie - 1);
        world_look_at(world, 3000, true);
        world_pass(world, 3 * USEC_PER_SEC);
        world_listen(world, cookie, 3000)->owner = world_owner("/usr/bin/node");
        /* a service gets a new cgroup each time: the unit or exe says that it is the same */
        world_socket(world, cookie)->cgroup_id = cookie;
        world_look_at(world, 3000, false);
    }
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 1);
    cr_assert_eq(world->n_told[LEDGER_RESOLVED], 0);
    cr_assert_eq(world->n_told[LEDGER_GONE], 20);
    world_told(world);
    world_pass(world, USEC_PER_HOUR);
    told("still-flagged:3000+20");
    world_close(world, 21);
    world_look_at(world, 3000, true);
    world_pass(world, LEDGER_RETURN - MS);
    told("gone:3000");
    world_pass(world, MS);
    told("resolved:3000/gone");
    cr_assert_gt(world->last.duration, USEC_PER_HOUR);
}

Test(ledger, tells_another_program_at_the_same_place) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_close(world, 1);
    world_look_at(world, 3000, true);
    world_told(world);
    world_listen(world, 2, 3000)->owner = world_owner("/home/x/evil");
    world_look_at(world, 3000, false);
    told("appeared:3000 flagged:3000");
    world_pass(world, USEC_PER_MINUTE);
    told("resolved:3000/gone"); /* node's */
}

Test(ledger, tells_changes) {
    _cleanup_world_ World *world = world_new(NULL);
    world->allowed_exe = "/usr/sbin/sshd";
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_told(world);
    owner_unref(world_socket(world, 1)->owner);
    world_socket(world, 1)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    told(""); /* read anew, and the same */
    owner_unref(world_socket(world, 1)->owner);
    world_socket(world, 1)->owner = world_owner("/usr/sbin/sshd");
    world_dump(world);
    told("changed:3000/hv resolved:3000/changed");
    owner_unref(world_socket(world, 1)->owner);
    world_socket(world, 1)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    told("changed:3000/hv flagged:3000");
    world->severity = SEVERITY_CRITICAL;
    ledger_set_judge(world->ledger, &world->judge, &world->now);
    told("changed:3000/v flagged:3000"); /* worse is told again */
    world->severity = SEVERITY_NOTICE;
    ledger_set_judge(world->ledger, &world->judge, &world->now);
    told("changed:3000/v");
}

/* KERNEL.md 15: on its way to another process a socket has no holder at all. */
Test(ledger, remembers_who_held_it_last) {
    _cleanup_world_ World *world = world_new(NULL);
    world->allowed_exe = "/usr/sbin/sshd";
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_told(world);
    owner_unref(world_socket(world, 1)->owner);
    world_socket(world, 1)->owner = owner_new();
    world_dump(world);
    told("");
    cr_assert_eq(ledger_owner(world->ledger, 1)->n_holders, 1);
}

Test(ledger, keeps_a_flag_when_the_owner_is_found_later) {
    _cleanup_world_ World *world = world_new(NULL);
    WorldSocket *listener = world_listen(world, 1, 3000);
    world_dump(world);
    told("appeared:3000 flagged:3000");
    listener->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    told("changed:3000/h");
    world_close(world, 1);
    world_look_at(world, 3000, true);
    world_pass(world, USEC_PER_MINUTE);
    told("gone:3000 resolved:3000/gone");
}

/* A restart whose second socket is seen before anybody knows whose it is. */
Test(ledger, joins_flags_when_the_owner_is_found_later) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_close(world, 1);
    world_look_at(world, 3000, true);
    WorldSocket *second = world_listen(world, 2, 3000);
    world_look_at(world, 3000, false);
    world_told(world);
    second->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    told("resolved:3000/changed changed:3000/h"); /* the alert about an unknown process */
    world_pass(world, USEC_PER_MINUTE);
    told("");
    world_close(world, 2);
    world_look_at(world, 3000, true);
    world_pass(world, USEC_PER_MINUTE);
    told("gone:3000 resolved:3000/gone");
}

Test(ledger, takes_a_socket_of_another_user_as_another) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000);
    world_dump(world);
    world_told(world);
    world_socket(world, 1)->uid = 1001; /* fchown(2) of a socket */
    world_dump(world);
    told("gone:3000 appeared:3000 flagged:3000");
    cr_assert_eq(world->last.view.listener.uid, 1001);
}

Test(ledger, reports_only_differences_of_a_new_policy) {
    _cleanup_world_ World *world = world_new(NULL);
    world_listen(world, 1, 3000);
    world_listen(world, 2, 3001);
    world_listen(world, 3, 3002);
    world->allowed_port = 3001;
    world_dump(world);
    told("appeared:3000 appeared:3001 appeared:3002 flagged:3000 flagged:3002");
    world->allowed_port = 3000;
    Judge other = world->judge;
    ledger_set_judge(world->ledger, &other, &world->now);
    told("changed:3000/v resolved:3000/policy changed:3001/v flagged:3001");
    world_close(world, 3);
    world_look_at(world, 3002, true);
    world->allowed_port = 3002;
    ledger_set_judge(world->ledger, &world->judge, &world->now);
    world_told(world);
    world_listen(world, 4, 3002); /* back, and now allowed */
    world_look_at(world, 3002, false);
    told("appeared:3002 resolved:3002/policy");
    world_pass(world, USEC_PER_HOUR);
    told("");
}

Test(ledger, knows_forwards_by_their_endpoint) {
    _cleanup_world_ World *world = world_new(NULL);
    Listener forward = {
        .endpoint = {.proto = PROTO_TCP, .port = 8080, .address.family = AF_INET},
        .origin = ORIGIN_FORWARD,
        .forward_to = {.family = AF_INET, .bytes = {172, 17, 0, 2}},
        .forward_port = 80,
    };
    for (unsigned i = 0; i < 3; i++) {
        world_look(world);
        snapshot_add(world->snapshot, &forward);
        world->snapshot->listeners[0].scope = SCOPE_WILDCARD;
        ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now);
    }
    told("appeared:8080 flagged:8080");
    cr_assert(ledger_knows(world->ledger, ledger_forward_cookie(world->ledger, &forward)));
    forward.forward_to.bytes[3] = 3; /* the container was made anew */
    world_look(world);
    snapshot_add(world->snapshot, &forward);
    ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now);
    told("changed:8080/h");
    forward.forward_port = 81;
    world_look(world);
    snapshot_add(world->snapshot, &forward);
    ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now);
    told("changed:8080/h flagged:8080"); /* another service stands behind it */
    cr_assert_eq(world->last.view.listener.forward_port, 81);
    cr_assert_eq(world->last.view.listener.cookie, 0);
    world_dump(world);
    world_look(world);
    coverage_set(&world->snapshot->forwards_coverage, COVERAGE_INCOMPLETE, "test");
    ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now);
    told("");
    world_dump(world);
    told("gone:8080");
}

static void set_link(LinkTable *table, Link *link, LinkAddress *address, uint8_t last_byte) {
    *link = (Link){.index = 2, .name = "wlan0", .kind = LINK_WIRELESS, .up = true};
    *address = (LinkAddress){
        .index = 2, .address = {AF_INET, {192, 168, 1, last_byte}}, .prefix_length = 24};
    *table = (LinkTable){.links = link, .n_links = 1, .addresses = address, .n_addresses = 1};
}

Test(ledger, judges_again_when_links_change) {
    _cleanup_world_ World *world = world_new(NULL);
    LinkTable table;
    Link link;
    LinkAddress address;
    set_link(&table, &link, &address, 20);
    world_listen(world, 1, 3000);
    world->snapshot->links = &table;
    world_dump(world);
    told("appeared:3000 flagged:3000");
    unsigned n_judged = world->n_judged;
    cr_assert(!ledger_links_are_other(world->ledger, &table));
    ledger_set_links(world->ledger, &table, &world->now);
    cr_assert_eq(world->n_judged, n_judged);
    set_link(&table, &link, &address, 21);
    cr_assert(ledger_links_are_other(world->ledger, &table));
    ledger_set_links(world->ledger, &table, &world->now);
    told("changed:3000/r");
    table.n_addresses = 0;
    coverage_set(&world->snapshot->links_coverage, COVERAGE_INCOMPLETE, "test");
    world_dump(world);
    told("");
    world->snapshot->links = NULL;
}

/* A socket on 192.168.1.20, and the dump after that address came or went. */
static void dump_with(World *world, LinkTable *table, bool present) {
    table->complete = true;
    table->n_addresses = present;
    world->snapshot->links = table;
    world_socket(world, 1)->scope = present ? SCOPE_PRIVATE : SCOPE_UNREACHABLE;
    world_dump(world);
    world->snapshot->links = NULL;
}

static void listen_at_address(World *world, LinkTable *table, Link *link, LinkAddress *address) {
    set_link(table, link, address, 20);
    world_listen(world, 1, 3000)->endpoint.address = address->address;
}

static size_t count_flagged(const World *world) {
    LedgerStats stats;
    ledger_stats(world->ledger, &stats);
    return stats.n_flagged;
}

/* The alert of what no interface has any more rests: the VPN is down, the network another one. */
Test(ledger, an_unreachable_listener_keeps_its_alert) {
    _cleanup_world_ World *world = world_new(NULL);
    LinkTable table;
    Link link;
    LinkAddress address;
    listen_at_address(world, &table, &link, &address);
    dump_with(world, &table, true);
    told("appeared:3000 flagged:3000");
    dump_with(world, &table, false);
    told("changed:3000/srv");
    cr_assert_eq(count_flagged(world), 0);
    world_pass(world, 10 * USEC_PER_DAY); /* no reminder */
    told("");
    dump_with(world, &table, true);
    told("changed:3000/srv");
    cr_assert_eq(count_flagged(world), 1);
    /* What is worse than before is an alert. */
    dump_with(world, &table, false);
    told("changed:3000/srv");
    world->severity = SEVERITY_CRITICAL;
    dump_with(world, &table, true);
    told("changed:3000/srv flagged:3000");
    /* The end of the listener is the end of the alert. */
    dump_with(world, &table, false);
    told("changed:3000/srv");
    world_close(world, 1);
    world_dump(world);
    world_dump(world);
    told("gone:3000");
    world_pass(world, LEDGER_RETURN);
    told("resolved:3000/gone");
    cr_assert_eq(count_flagged(world), 0);
}

/* Another one of the same service is reachable: alerts and reminders are about that one. */
Test(ledger, an_unreachable_listener_does_not_hide_a_reachable_one) {
    _cleanup_world_ World *world = world_new(NULL);
    LinkTable table;
    Link link;
    LinkAddress address;
    listen_at_address(world, &table, &link, &address);
    world->judge.settings.remind = USEC_PER_DAY;
    dump_with(world, &table, true);
    dump_with(world, &table, false);
    world_told(world);
    world->severity = SEVERITY_NOTICE;
    world_listen(world, 2, 3000);
    world_dump(world);
    world_pass(world, USEC_PER_DAY);
    told("appeared:3000 flagged:3000 still-flagged:3000"); /* its scope is wider */
    cr_assert_eq(world->last.view.listener.scope, SCOPE_WILDCARD);
}

/* A restart of the service while the VPN is down is no end of the alert. */
Test(ledger, an_unreachable_listener_returns_to_its_alert) {
    _cleanup_world_ World *world = world_new(NULL);
    LinkTable table;
    Link link;
    LinkAddress address;
    listen_at_address(world, &table, &link, &address);
    dump_with(world, &table, true);
    world_close(world, 1);
    world_dump(world);
    world_dump(world);
    told("appeared:3000 flagged:3000 gone:3000");
    listen_at_address(world, &table, &link, &address);
    dump_with(world, &table, false);
    world_pass(world, USEC_PER_MINUTE);
    told("appeared:3000");
    dump_with(world, &table, true);
    told("changed:3000/srv");
}

/* It was never reachable: there is nothing to alert of, nor to resolve. */
Test(ledger, what_never_was_reachable_is_no_alert) {
    _cleanup_world_ World *world = world_new(NULL);
    LinkTable table;
    Link link;
    LinkAddress address;
    listen_at_address(world, &table, &link, &address);
    dump_with(world, &table, false);
    told("appeared:3000");
    world_close(world, 1);
    world_dump(world);
    world_dump(world);
    world_pass(world, LEDGER_RETURN);
    told("gone:3000");
}

/* One port of many addresses and users: an event costs what is at its own place. */
Test(ledger, lists_every_entry) {
    _cleanup_world_ World *world = world_new(NULL);
    LedgerView view;
    unsigned n = 0;
    for (uint64_t i = 0; i < 300; i++) {
        WorldSocket *socket = world_listen(world, i + 1, 3000);
        socket->uid = (uint32_t)(1000 + i % 7);
        socket->cgroup_id = i % 11;
        socket->endpoint.address.bytes[0] = 127;
        socket->endpoint.address.bytes[3] = (uint8_t)(i % 13);
    }
    world_dump(world);
    for (uint32_t at = 0; ledger_next(world->ledger, &at, &world->now, &view);)
        n += view.listener.n_sockets;
    cr_assert_eq(n, 300);
    for (uint64_t i = 0; i < 300; i++)
        cr_assert_eq(ledger_close(world->ledger, i + 1, &world->now), 1);
    cr_assert_eq(world->n_told[LEDGER_APPEARED], world->n_told[LEDGER_GONE]);
}
