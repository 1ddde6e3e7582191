/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a user can grow is bounded, and is nobody else's loss. */
#include <criterion/criterion.h>
#include <malloc.h>

#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)

TestSuite(ledger_flood, .timeout = 600);

static Snapshot *one(World *world, uint64_t cookie, uint16_t port, uint32_t uid) {
    Snapshot *snapshot = world->snapshot;
    Listener found = {.endpoint = {.proto = PROTO_TCP, .port = port, .address.family = AF_INET},
                      .uid = uid,
                      .inode = (uint32_t)cookie,
                      .cookie = cookie};
    snapshot_clear(snapshot);
    cr_assert_eq(snapshot_add(snapshot, &found), 1);
    snapshot->listeners[0].scope = SCOPE_WILDCARD;
    return snapshot;
}

/* One user opens and closes as fast as may be; the alert about another comes at once. */
Test(ledger_flood, hides_nobody_else) {
    _cleanup_world_ World *world = world_new(NULL);
    for (uint64_t i = 1; i <= 20000; i++) {
        ledger_update_some(world->ledger, one(world, i, (uint16_t)(1024 + i % 50000), 1000),
                           &world->now);
        ledger_close(world->ledger, i, &world->now);
        world_pass(world, MS);
        if (i == 15000) {
            world_told(world);
            ledger_update_some(world->ledger, one(world, 1u << 30, 22, 0), &world->now);
            told("appeared:22 flagged:22");
        }
    }
    /* 20 s of flood: the burst of 10, and one every 6 s. Each alert is resolved once at most. */
    cr_assert_leq(world->n_told[LEDGER_FLAGGED], 10 + 4 + 1);
    cr_assert_leq(world->n_told[LEDGER_RESOLVED], 10 + 4);
    cr_assert_eq(world->n_told[LEDGER_SUPPRESSED], 0);
    world_told(world);
    world_pass(world, USEC_PER_MINUTE);
    cr_assert_eq(world->n_told[LEDGER_SUPPRESSED], 1);
    cr_assert_eq(world->sums.n_flagged, 20000 + 1 - world->n_told[LEDGER_FLAGGED]);
    LedgerStats stats;
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_lingering, 0);
    cr_assert_eq(stats.n_told, world->n_told[LEDGER_FLAGGED]);
    cr_assert_eq(stats.n_summed, world->sums.n_flagged);
}

Test(ledger_flood, bounds_what_lingers) {
    LedgerLimits limits = {.lingering = 50, .lingering_of_user = 30};
    _cleanup_world_ World *world = world_new(&limits);
    LedgerStats stats;
    ledger_update_some(world->ledger, one(world, 1u << 30, 22, 7), &world->now);
    ledger_close(world->ledger, 1u << 30, &world->now);
    for (uint64_t i = 1; i <= 1000; i++) {
        ledger_update_some(world->ledger, one(world, i, (uint16_t)(1024 + i), 1000), &world->now);
        ledger_close(world->ledger, i, &world->now);
        ledger_stats(world->ledger, &stats);
        cr_assert_leq(stats.n_lingering, 31);
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        ledger_update_some(world->ledger, one(world, i, (uint16_t)(1024 + i), 1001), &world->now);
        ledger_close(world->ledger, i, &world->now);
        ledger_stats(world->ledger, &stats);
        cr_assert_leq(stats.n_lingering, 50);
    }
    world_told(world);
    ledger_update_some(world->ledger, one(world, 2u << 30, 22, 7), &world->now);
    told("appeared:22 still-flagged:22+1"); /* it still was known that this one comes back */
}

static void open_many(World *world, uint64_t first, unsigned n, uint32_t uid) {
    for (uint64_t i = 0; i < n; i++) {
        WorldSocket *socket = world_listen(world, first + i, (uint16_t)(1000 + i % 60000));
        socket->uid = uid;
        socket->scope = SCOPE_LOOPBACK;
        socket->cgroup_id = i / 60000;
    }
}

Test(ledger_flood, shares_the_ledger_fairly) {
    LedgerLimits limits = {.sockets = 1000, .sockets_of_user = 900};
    _cleanup_world_ World *world = world_new(&limits);
    LedgerStats stats;
    world->quiet = true;
    open_many(world, 1, 2000, 1000);
    world_dump(world);
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_sockets, 900);
    cr_assert_eq(stats.n_refused, 1100);
    open_many(world, 10000, 300, 1001); /* a third of it is theirs */
    world_dump(world);
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_sockets, 1000);
    cr_assert_eq(stats.n_evicted, 200);
    for (uint64_t i = 0; i < 300; i++)
        cr_assert(ledger_knows(world->ledger, 10000 + i));
    cr_assert(ledger_knows(world->ledger, 1)); /* the newest went, not what stood there before */
    unsigned n_gone = world->n_told[LEDGER_GONE];
    world_dump(world);
    world_dump(world);
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_evicted, 200); /* and it stays so */
    cr_assert_eq(world->n_told[LEDGER_GONE], n_gone);
    world_pass(world, USEC_PER_MINUTE);
    cr_assert_eq(world->n_told[LEDGER_SUPPRESSED], 1);
    cr_assert_eq(world->last.sum.uid, 1000);
    cr_assert_eq(world->last.sum.n_refused, 1300);
}

/* Many allowed listeners on loopback must not hide one that is not allowed. */
Test(ledger_flood, evicts_harmless_listeners_for_reachable_ones) {
    LedgerLimits limits = {.sockets = 1000, .sockets_of_user = 900};
    _cleanup_world_ World *world = world_new(&limits);
    LedgerStats stats;
    open_many(world, 1, 2000, 1000);
    world_dump(world);
    world_told(world);
    world_listen(world, 9000, 3000);
    world_look_at(world, 3000, false);
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_sockets, 900);
    cr_assert_eq(stats.n_evicted, 1);
    cr_assert(ledger_knows(world->ledger, 9000));
    cr_assert_str_eq(strstr(world_told(world), "appeared:3000"), "appeared:3000 flagged:3000");
    world_dump(world);
    world_dump(world);
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_evicted, 1); /* the later dumps evict no other socket */
    cr_assert_eq(stats.n_refused, 1101);
    cr_assert(ledger_knows(world->ledger, 9000));
}

static uid_t payer(void *userdata, uid_t uid) {
    (void)userdata;
    return uid >= 100000 ? 1000 : uid;
}

Test(ledger_flood, charges_subordinate_uids_to_their_user) {
    LedgerLimits limits = {.sockets = 1000, .sockets_of_user = 500, .users = 10};
    _cleanup_world_ World *world = world_new(&limits);
    LedgerStats stats;
    world->config.payer = payer;
    world_restart(world);
    world->quiet = true;
    for (uint32_t i = 0; i < 2000; i++)
        open_many(world, 1 + i, 1, 100000 + i);
    open_many(world, 10000, 400, 1001);
    world_dump(world);
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_sockets, 900);
    cr_assert_eq(stats.n_evicted, 0);
}

Test(ledger_flood, does_not_say_that_the_evicted_are_resolved) {
    LedgerLimits limits = {.sockets = 10};
    _cleanup_world_ World *world = world_new(&limits);
    for (uint64_t i = 1; i <= 10; i++)
        world_listen(world, i, (uint16_t)(3000 + i));
    world_dump(world);
    world_told(world);
    world_listen(world, 100, 22)->uid = 0;
    world_dump(world);
    told("gone:3010 appeared:22 flagged:22");
    world_pass(world, 30 * USEC_PER_SEC);
    told("");
}

/* A million came and went, half of them flagged and half of them of new users: the same memory. */
Test(ledger_flood, forgets_a_million) {
    _cleanup_world_ World *world = world_new(NULL);
    size_t before = 0;
    world->quiet = true;
    for (uint64_t i = 1; i <= 1000000; i++) {
        Snapshot *snapshot =
            one(world, i, (uint16_t)(1024 + i % 60000), (uint32_t)(1000 + i % 100000));
        snapshot->listeners[0].scope = i % 2 ? SCOPE_WILDCARD : SCOPE_LOOPBACK;
        ledger_update_some(world->ledger, snapshot, &world->now);
        if (i > 10)
            ledger_close(world->ledger, i - 10, &world->now);
        world_sleep(world, MS);
        if (i == 100000)
            before = mallinfo2().uordblks;
    }
#if !defined __SANITIZE_ADDRESS__
    cr_assert_leq(mallinfo2().uordblks, before + 4096);
#else
    (void)before;
#endif
    LedgerStats stats;
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_sockets, 10);
    cr_assert_leq(stats.n_lingering, 4096);
    world_pass(world, USEC_PER_MINUTE);
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_lingering, 0);
    cr_assert_eq(stats.n_entries, 10);
}
