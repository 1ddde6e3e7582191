/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grace, ages, dates, snoozes, reminders; suspend, and clocks that are set. */
#include <criterion/criterion.h>

#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)

TestSuite(ledger_clock);

static WorldSocket *bind_udp(World *world, uint64_t cookie, uint16_t port) {
    WorldSocket *socket = world_listen(world, cookie, port);
    socket->endpoint.proto = PROTO_UDP;
    return socket;
}

Test(ledger_clock, waits_for_the_grace_of_udp) {
    _cleanup_world_ World *world = world_new(NULL);
    LedgerView view;
    bind_udp(world, 1, 3000);
    bind_udp(world, 2, 3001);
    world_dump(world);
    told("");
    cr_assert_eq(world->n_judged, 0);
    cr_assert(ledger_find(world->ledger, 1, &world->now, &view));
    cr_assert(view.pending);
    world_pass(world, 4 * USEC_PER_SEC);
    world_close(world, 2);
    world_dump(world);
    world_dump(world);
    told("gone:3001"); /* only for watchers, with its process */
    cr_assert(world->last.unannounced);
    cr_assert_not(world->last.transient);
    cr_assert_eq(world->last.duration, 4 * USEC_PER_SEC);
    cr_assert_eq(world->n_judged, 0);
    world_pass(world, USEC_PER_SEC - 1);
    told("");
    world_pass(world, 1);
    told("appeared:3000 flagged:3000");
    cr_assert_eq(world->n_judged, 1);
}

/* Opens a UDP socket for so long, by events alone. */
static void bind_briefly(World *world, uint64_t cookie, usec_t span) {
    bind_udp(world, cookie, 3000);
    ledger_update_some(world->ledger, world_look(world), &world->now);
    world_pass(world, span);
    world_close(world, cookie);
    cr_assert_eq(ledger_close(world->ledger, cookie, &world->now), 1);
}

/* A server has a new socket before each grace ends. */
Test(ledger_clock, does_not_begin_the_grace_anew_for_the_same_port) {
    _cleanup_world_ World *world = world_new(NULL);
    for (uint64_t i = 1; i <= 6; i++) {
        bind_briefly(world, i, USEC_PER_SEC);
        cr_assert(i > 4 || world->n_told[LEDGER_FLAGGED] == 0);
        world_pass(world, 50 * MS);
    }
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 1);
}

/* A client asks now and then, always from the same port. */
Test(ledger_clock, begins_the_grace_anew_for_a_client) {
    _cleanup_world_ World *world = world_new(NULL);
    for (uint64_t i = 1; i <= 500; i++) {
        bind_briefly(world, i, USEC_PER_SEC);
        world_pass(world, 2 * USEC_PER_SEC);
    }
    world_listen(world, 1000, 3000)->endpoint.proto = PROTO_UDP;
    world_socket(world, 1000)->uid = 1001;
    bind_briefly(world, 1001, 4 * USEC_PER_SEC); /* another user begins anew, too */
    cr_assert_eq(world->n_told[LEDGER_APPEARED], 0);
    cr_assert_eq(world->n_told[LEDGER_GONE], 501);
}

Test(ledger_clock, counts_the_time_before_it_was_seen) {
    _cleanup_world_ World *world = world_new(NULL);
    bind_udp(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world->sockets[0].owner->created = world->now.realtime - USEC_PER_MINUTE;
    bind_udp(world, 2, 3001)->owner = world_owner("/usr/bin/node");
    world->sockets[1].owner->created = world->now.realtime - 2 * USEC_PER_SEC;
    world_dump(world);
    told("appeared:3000 flagged:3000");
    world_pass(world, 3 * USEC_PER_SEC);
    told("appeared:3001 flagged:3001");
}

Test(ledger_clock, judges_again_at_an_age) {
    _cleanup_world_ World *world = world_new(NULL);
    world->allowed_from_age = USEC_PER_MINUTE;
    world_listen(world, 1, 3000);
    world_dump(world);
    told("appeared:3000 flagged:3000");
    world_pass(world, USEC_PER_MINUTE - 1);
    told("");
    world_pass(world, 1);
    told("changed:3000/v resolved:3000/changed");
    cr_assert_eq(ledger_next_deadline(world->ledger, &world->now), USEC_INFINITY);
}

Test(ledger_clock, ages_whatever_the_clock_is_set_to) {
    _cleanup_world_ World *world = world_new(NULL);
    world->allowed_from_age = USEC_PER_MINUTE;
    world_listen(world, 1, 3000);
    world_dump(world);
    world_told(world);
    world->now.realtime += USEC_PER_DAY;
    ledger_tick(world->ledger, &world->now);
    world->now.realtime -= 3000 * USEC_PER_DAY;
    world_pass(world, USEC_PER_MINUTE - 1);
    told("");
    world_pass(world, 1);
    told("changed:3000/v resolved:3000/changed");
}

Test(ledger_clock, judges_again_at_until) {
    _cleanup_world_ World *world = world_new(NULL);
    world->flagged_until = world->now.realtime + USEC_PER_HOUR;
    world_restart(world);
    world_listen(world, 1, 3000);
    world_dump(world);
    world_told(world);
    cr_assert_eq(ledger_next_deadline(world->ledger, &world->now),
                 world->now.boottime + USEC_PER_HOUR);
    world_pass(world, USEC_PER_HOUR - 1);
    told("");
    world_pass(world, 1);
    told("changed:3000/v resolved:3000/until");
    cr_assert_eq(ledger_next_deadline(world->ledger, &world->now), USEC_INFINITY);
}

Test(ledger_clock, follows_the_clock_for_until) {
    _cleanup_world_ World *world = world_new(NULL);
    world->flagged_until = world->now.realtime + USEC_PER_HOUR;
    world_restart(world);
    world_listen(world, 1, 3000);
    world_dump(world);
    world_told(world);
    world->now.realtime += 2 * USEC_PER_HOUR; /* set forward */
    ledger_tick(world->ledger, &world->now);
    told("changed:3000/v resolved:3000/until");
    world->now.realtime -= 3 * USEC_PER_HOUR; /* set back: the rule holds again */
    ledger_tick(world->ledger, &world->now);
    told("changed:3000/v flagged:3000");
    cr_assert_eq(ledger_next_deadline(world->ledger, &world->now),
                 world->now.boottime + 2 * USEC_PER_HOUR);
    world_pass(world, 2 * USEC_PER_HOUR);
    told("changed:3000/v resolved:3000/until");
}

Test(ledger_clock, puts_first_seen_right_with_the_clock) {
    _cleanup_world_ World *world = world_new(NULL);
    LedgerView view;
    world->now.realtime = 10 * USEC_PER_SEC; /* no clock chip: 1970 */
    world_restart(world);
    world_listen(world, 1, 3000);
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    world->now.realtime = START_REALTIME; /* NTP */
    ledger_tick(world->ledger, &world->now);
    cr_assert(ledger_find(world->ledger, 1, &world->now, &view));
    cr_assert_eq(view.first_seen, START_REALTIME - USEC_PER_MINUTE);
    world->now.realtime = 5; /* and back beyond the epoch */
    ledger_tick(world->ledger, &world->now);
    cr_assert(ledger_find(world->ledger, 1, &world->now, &view));
    cr_assert_eq(view.first_seen, 0);
}

Test(ledger_clock, does_not_fall_for_a_clock_set_back) {
    _cleanup_world_ World *world = world_new(NULL);
    world->judge.settings.remind = USEC_PER_HOUR;
    world_listen(world, 1, 3000);
    bind_udp(world, 2, 3001);
    world_dump(world);
    told("appeared:3000 flagged:3000");
    world->now.realtime -= 5 * USEC_PER_DAY;
    world_pass(world, 5 * USEC_PER_SEC);
    told("appeared:3001 flagged:3001");
    world_close(world, 2);
    ledger_close(world->ledger, 2, &world->now);
    world->now.realtime += 50 * USEC_PER_DAY;
    world_pass(world, LEDGER_RETURN - 1);
    told("gone:3001");
    world_pass(world, 1);
    told("resolved:3001/gone");
    world_pass(world, USEC_PER_HOUR - 15 * USEC_PER_SEC);
    told("still-flagged:3000");
}

Test(ledger_clock, gives_suspend_no_meaning) {
    _cleanup_world_ World *world = world_new(NULL);
    world->judge.settings.remind = USEC_PER_HOUR;
    world_listen(world, 1, 3000);
    world_listen(world, 2, 3001);
    world_dump(world);
    world_close(world, 1); /* restarts on save, as the lid is closed */
    world_look_at(world, 3000, true);
    bind_udp(world, 3, 3002);
    ledger_update(world->ledger, world_look(world), LEDGER_ALL, &world->now);
    world_told(world);
    world_sleep(world, 8 * USEC_PER_HOUR);
    ledger_tick(world->ledger, &world->now);
    told("still-flagged:3001"); /* once, not eight times; 3000 may return; 3002 may go */
    world_listen(world, 4, 3000);
    world_look_at(world, 3000, false);
    told("appeared:3000 still-flagged:3000+1"); /* that reminder was due in the night */
    world_pass(world, USEC_PER_SEC);
    world_close(world, 3);
    ledger_close(world->ledger, 3, &world->now);
    world_pass(world, 30 * USEC_PER_MINUTE);
    told("gone:3002");
    world_close(world, 4); /* and if it does not return, that is told late by a little only */
    world_look_at(world, 3000, true);
    world_sleep(world, USEC_PER_HOUR / 4);
    ledger_tick(world->ledger, &world->now);
    told("gone:3000");
    world_pass(world, LEDGER_AWAY);
    told("resolved:3000/gone");
}

Test(ledger_clock, reminds) {
    _cleanup_world_ World *world = world_new(NULL);
    world->judge.settings.remind = USEC_PER_HOUR;
    world_listen(world, 1, 3000);
    world_dump(world);
    world_told(world);
    world_pass(world, USEC_PER_HOUR - 1);
    told("");
    world_pass(world, 1);
    told("still-flagged:3000");
    cr_assert_eq(world->last.duration, USEC_PER_HOUR);
    world_pass(world, USEC_PER_DAY);
    cr_assert_eq(world->n_told[LEDGER_STILL_FLAGGED], 25);
    world_told(world);
    Judge seldom = world->judge;
    seldom.settings.remind = USEC_PER_DAY;
    ledger_set_judge(world->ledger, &seldom, &world->now);
    world_pass(world, USEC_PER_DAY - 1);
    told("");
    world_pass(world, 1);
    told("still-flagged:3000");
    seldom.settings.remind = USEC_INFINITY;
    ledger_set_judge(world->ledger, &seldom, &world->now);
    cr_assert_eq(ledger_next_deadline(world->ledger, &world->now), USEC_INFINITY);
}

Test(ledger_clock, snoozes) {
    _cleanup_world_ World *world = world_new(NULL);
    LedgerView view;
    world->judge.settings.remind = USEC_PER_HOUR;
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, false, &world->now), -ENOENT);
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_told(world);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, false, &world->now), 0);
    told("resolved:3000/snooze");
    world_pass(world, 12 * USEC_PER_HOUR);
    world_close(world, 1); /* it lasts over a restart of the server, even a long one */
    world_dump(world);
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    told("gone:3000");
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    told("appeared:3000");
    cr_assert(ledger_find(world->ledger, 2, &world->now, &view));
    cr_assert(view.snoozed && view.flagged);
    cr_assert_eq(view.snoozed_for, 11 * USEC_PER_HOUR);
    world_listen(world, 3, 3000)->owner = world_owner("/home/x/evil"); /* but not for another */
    world_socket(world, 3)->cgroup_id = 9;
    world_dump(world);
    told("appeared:3000 flagged:3000");
    world_close(world, 3);
    ledger_close(world->ledger, 3, &world->now);
    world_pass(world, 11 * USEC_PER_HOUR - 1);
    told("gone:3000 resolved:3000/gone");
    world_pass(world, 1);
    told("flagged:3000");
    world_pass(world, USEC_PER_HOUR);
    told("still-flagged:3000");
    ledger_snooze(world->ledger, 2, USEC_PER_DAY, false, &world->now);
    ledger_snooze(world->ledger, 2, 0, false, &world->now); /* cancels the snooze */
    told("resolved:3000/snooze flagged:3000");
}

Test(ledger_clock, bounds_snoozes) {
    LedgerLimits limits = {.snoozes = 3, .snoozes_of_user = 2};
    _cleanup_world_ World *world = world_new(&limits);
    for (uint64_t i = 1; i <= 3; i++)
        world_listen(world, i, (uint16_t)(3000 + i));
    world_listen(world, 4, 3004)->uid = 1001;
    world_listen(world, 5, 3005)->uid = 1002;
    world_dump(world);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, false, &world->now), 0);
    cr_assert_eq(ledger_snooze(world->ledger, 2, USEC_PER_DAY, false, &world->now), 0);
    cr_assert_eq(ledger_snooze(world->ledger, 3, USEC_PER_DAY, false, &world->now), -EDQUOT);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_HOUR, false, &world->now), 0);
    cr_assert_eq(ledger_snooze(world->ledger, 4, USEC_PER_DAY, false, &world->now), 0);
    cr_assert_eq(ledger_snooze(world->ledger, 5, USEC_PER_DAY, false, &world->now), -ENOSPC);
    world_pass(world, USEC_PER_HOUR);
    cr_assert_eq(ledger_snooze(world->ledger, 5, USEC_INFINITY, false, &world->now), 0);
}
