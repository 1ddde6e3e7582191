/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a ledger makes of its state: restarts, reboots, kills between two saves. */
#include "audit/state.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/state_text.h"
#include "place.h"
#include "util/cleanup.h"
#include "world.h"

#define BOOT_A      "11111111-2222-3333-4444-555555555555\n"
#define BOOT_B      "66666666-7777-8888-9999-000000000000\n"
#define told(words) cr_assert_str_eq(world_told(world), words)

TestSuite(state, .timeout = 600);

/* --- restarts --- */

static void save(World *world, const Place *place, const char *boot, uint64_t generation) {
    cr_assert_eq(
        ledger_save(world->ledger, place->fd, boot, generation, NULL, 0, UNSURE_NONE, &world->now),
        0);
}

/* The daemon ends and begins again, from what it saved. */
static void restart(World *world, const Place *place, const char *boot) {
    _cleanup_state_ State state = {0};
    char why[STATE_WHY_SIZE];
    cr_assert_eq(state_load(place->fd, &state, why), 0);
    world_restart(world);
    cr_assert_eq(ledger_load(world->ledger, &state, boot, NULL, NULL, &world->now), 0);
}

Test(state, neither_repeats_nor_loses_an_alert) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    LedgerView view;
    for (uint64_t i = 1; i <= 5; i++)
        world_listen(world, i, (uint16_t)(3000 + i))->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_told(world);
    world_pass(world, USEC_PER_HOUR);
    save(world, &place, BOOT_A, 1);

    world_pass(world, USEC_PER_MINUTE); /* while it is away: */
    world_close(world, 1);              /* one goes, one restarts, one comes */
    world_close(world, 2);
    world_listen(world, 6, 3002)->owner = world_owner("/usr/bin/node");
    world_listen(world, 7, 3007)->owner = world_owner("/usr/bin/node");
    world->allowed_port = 3003; /* and a rule */
    world_told(world);
    restart(world, &place, BOOT_A);
    world_dump(world);
    told("appeared:3005 appeared:3004 appeared:3003 resolved:3003/policy appeared:3002 "
         "appeared:3007 flagged:3007");
    world_pass(world, USEC_PER_MINUTE);
    told("resolved:3001/gone");
    cr_assert_geq(world->last.duration, USEC_PER_HOUR);
    cr_assert(ledger_find(world->ledger, 4, &world->now, &view));
    cr_assert_eq(view.first_seen, START_REALTIME);
    cr_assert_eq(view.age, USEC_PER_HOUR + 2 * USEC_PER_MINUTE);
    LedgerStats stats;
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_told, 6); /* counters go on */
    world_pass(world, USEC_PER_HOUR);
    told("");
}

Test(state, resolves_nothing_from_an_incomplete_first_dump) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    world_listen(world, 1, 3000);
    world_dump(world);
    save(world, &place, BOOT_A, 1);
    restart(world, &place, BOOT_A);
    world_told(world);
    world_socket(world, 1)->hidden = true;
    world_look(world);
    coverage_set(&world->snapshot->coverage[PROTO_TCP], COVERAGE_INCOMPLETE, "test");
    ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now);
    world_pass(world, USEC_PER_HOUR);
    told("");
    world_dump(world);
    told("appeared:3000");
}

Test(state, tells_what_became_worse_meanwhile) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    world_listen(world, 1, 3000);
    world_dump(world);
    save(world, &place, BOOT_A, 1);
    world_told(world);
    world->severity = SEVERITY_CRITICAL;
    restart(world, &place, BOOT_A);
    world_dump(world);
    told("appeared:3000 flagged:3000");
}

Test(state, knows_no_cookies_of_another_boot) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    LedgerView view;
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_listen(world, 2, 3001)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    save(world, &place, BOOT_A, 1);
    world_told(world);

    world_close(world, 1);
    world_close(world, 2);
    world->now.realtime += USEC_PER_HOUR;
    world->now.boottime = 20 * USEC_PER_SEC;
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/node"); /* cookie 2 was 3001's */
    world_listen(world, 1, 3001)->owner = world_owner("/home/x/evil");
    restart(world, &place, BOOT_B);
    world_dump(world);
    told("appeared:3000 appeared:3001 flagged:3001");
    cr_assert(ledger_find(world->ledger, 2, &world->now, &view));
    cr_assert_eq(view.first_seen, START_REALTIME);
    cr_assert_eq(view.age, 0); /* the socket is new */
    cr_assert(ledger_find(world->ledger, 1, &world->now, &view));
    cr_assert_eq(view.first_seen, world->now.realtime);
    world_close(world, 2);
    world_look_at(world, 3000, true);
    world_pass(world, LEDGER_RETURN);
    told("gone:3000 resolved:3001/gone resolved:3000/gone");
    cr_assert_eq(world->last.duration, 2 * USEC_PER_HOUR + LEDGER_RETURN);
}

Test(state, keeps_snoozes_and_reminders_over_a_reboot) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    world->judge.settings.remind = USEC_PER_DAY;
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_listen(world, 2, 3001)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    ledger_snooze(world->ledger, 1, 10 * USEC_PER_HOUR, false, &world->now);
    world_pass(world, USEC_PER_HOUR);
    save(world, &place, BOOT_A, 1);
    world_told(world);

    world->now.realtime += USEC_PER_HOUR;
    world->now.boottime = 20 * USEC_PER_SEC;
    restart(world, &place, BOOT_B);
    world_dump(world);
    told("appeared:3000 appeared:3001");
    world_pass(world, 8 * USEC_PER_HOUR - 1);
    told("");
    world_pass(world, 1);
    told("flagged:3000");
    world_pass(world, 14 * USEC_PER_HOUR);
    told("still-flagged:3001");

    /* With a clock that is set back, what was left of it is. */
    ledger_snooze(world->ledger, 1, 10 * USEC_PER_HOUR, false, &world->now);
    save(world, &place, BOOT_B, 2);
    world->now.realtime = START_REALTIME / 2;
    world->now.boottime = 20 * USEC_PER_SEC;
    restart(world, &place, BOOT_A);
    world_dump(world);
    world_told(world);
    world_pass(world, 10 * USEC_PER_HOUR - 1);
    told("");
    world_pass(world, 1);
    told("flagged:3000");
}

Test(state, puts_first_seen_right_when_the_clock_was_set_meanwhile) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    LedgerView view;
    world->now.realtime = USEC_PER_MINUTE;
    world_restart(world);
    world_listen(world, 1, 3000);
    world_dump(world);
    save(world, &place, BOOT_A, 1);
    world_sleep(world, USEC_PER_MINUTE);
    world->now.realtime = START_REALTIME;
    restart(world, &place, BOOT_A);
    world_dump(world);
    cr_assert(ledger_find(world->ledger, 1, &world->now, &view));
    cr_assert_eq(view.first_seen, START_REALTIME - USEC_PER_MINUTE);
}

Test(state, does_not_wait_again_for_the_grace_of_what_is_known) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    world_listen(world, 1, 3000)->endpoint.proto = PROTO_UDP;
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    world_listen(world, 2, 3001)->endpoint.proto = PROTO_UDP; /* in its grace */
    world_dump(world);
    save(world, &place, BOOT_A, 1);
    world_told(world);
    restart(world, &place, BOOT_A);
    world_dump(world);
    told("appeared:3000");
    world_pass(world, 5 * USEC_PER_SEC);
    told("appeared:3001 flagged:3001");
}

/* --- the log: a kill between two saves --- */

static bool yes(void *userdata, const StateFlag *flag) {
    (void)userdata;
    return flag->identity.endpoint.port == 3001;
}

Test(state, knows_what_was_told_since_the_last_save) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_place_ Place place = place_new();
    _cleanup_state_ State state = {0};
    char why[STATE_WHY_SIZE];
    StateFlag flag;

    world_listen(world, 9, 3009);
    world_dump(world);
    save(world, &place, BOOT_A, 7);
    flag = ledger_flag_record(&world->last, STATE_TOLD);
    cr_assert_eq(state_log(place.fd, &place.log_fd, 7, &flag, true), 0); /* resolved since */
    for (uint64_t i = 0; i < 4; i++) {
        world_listen(world, 1 + i, (uint16_t)(3000 + i));
        world_dump(world);
        flag = ledger_flag_record(&world->last, STATE_TELLING);
        cr_assert_eq(state_log(place.fd, &place.log_fd, 7, &flag, false), 0);
        flag.status = STATE_TOLD;
        if (i == 0)
            cr_assert_eq(state_log(place.fd, &place.log_fd, 7, &flag, false), 0);
        if (i == 3) /* of an earlier generation: void */
            cr_assert_eq(state_log(place.fd, &place.log_fd, 6, &flag, false), 0);
    }
    world_told(world);
    cr_assert_eq(state_load(place.fd, &state, why), 0);
    cr_assert_eq(state.n_flags, 4);
    world_restart(world);
    cr_assert_eq(ledger_load(world->ledger, &state, BOOT_A, yes, NULL, &world->now), 0);
    world_dump(world);
    world_told(world);
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 5 + 3); /* not 3000 and 3001 */
    save(world, &place, BOOT_A, 8);
    cr_assert(!place_has(&place, "state.log"));
}

Test(state, log_survives_a_cut_at_every_byte) {
    _cleanup_place_ Place place = place_new();
    StateFlag flag = {.identity = {.endpoint = {.proto = PROTO_TCP, .address.family = AF_INET6}},
                      .severity = SEVERITY_ERROR,
                      .since = -5};
    size_t length, ends[5] = {0};
    for (uint16_t i = 0; i < 4; i++) {
        flag.identity.endpoint.port = i;
        cr_assert_eq(state_log(place.fd, &place.log_fd, 3, &flag, false), 0);
        free(place_read(&place, "state.log", &ends[i + 1]));
    }
    _cleanup_free_ char *text = place_read(&place, "state.log", &length);
    for (size_t cut = 0; cut <= length; cut++) {
        _cleanup_state_ State state = {.header.generation = 3};
        int whole = 0;
        while (whole < 4 && ends[whole + 1] <= cut)
            whole++;
        cr_assert_eq(state_parse_log(text, cut, &state), whole);
        cr_assert_eq(state.n_flags, (size_t)whole);
    }
    text[5] ^= 1;
    _cleanup_state_ State state = {.header.generation = 3};
    cr_assert_eq(state_parse_log(text, length, &state), 3);
    cr_assert_eq(state.flags[0].since, -5);
}

Test(state, removed_log_is_created_again) {
    _cleanup_place_ Place place = place_new();
    StateFlag flag = {.identity.endpoint.address.family = AF_INET};
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(state_log(place.fd, &place.log_fd, 3, &flag, false), 0);
        cr_assert(place_has(&place, "state.log"));
        cr_assert_eq(unlinkat(place.fd, "state.log", 0), 0);
    }
    /* A directory with its name is not replaced. */
    cr_assert_eq(mkdirat(place.fd, "state.log", 0700), 0);
    cr_assert_lt(state_log(place.fd, &place.log_fd, 3, &flag, false), 0);
    cr_assert_lt(place.log_fd, 0);
    cr_assert_eq(unlinkat(place.fd, "state.log", AT_REMOVEDIR), 0);
}

Test(state, log_is_bounded) {
    _cleanup_place_ Place place = place_new();
    StateFlag flag = {.identity.endpoint.address.family = AF_INET};
    int r, n = 0;
    while ((r = state_log(place.fd, &place.log_fd, 3, &flag, false)) == 0)
        cr_assert_lt(++n, 100000);
    cr_assert_eq(r, 1);
}
