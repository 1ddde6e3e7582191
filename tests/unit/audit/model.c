/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger against a reference so simple that it is right by looking at it: arrays, no index, no
 * pool, no heap. Random worlds; after each step both must agree on what is known, and the ledger's
 * own story (appeared, gone, flagged, resolved) must be one that can be true.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "world.h"

#define N_COOKIES 64
#define N_PORTS   6
#define STEPS     20000

typedef struct Known {
    bool known, missing;
    uint16_t port;
    uint32_t uid;
    uint64_t cgroup_id;
} Known;

typedef struct Story {
    World *world;
    Known known[N_COOKIES];
    int n_flags[N_PORTS][3]; /* told and not resolved, by port and uid */
    LedgerSink sink;
    unsigned seed;
} Story;

static unsigned roll(Story *story, unsigned n) {
    return (unsigned)rand_r(&story->seed) % n;
}

static void listen_in(void *userdata, const LedgerChange *change) {
    Story *story = userdata;
    const Listener *listener = &change->view.listener;
    if (change->event != LEDGER_SUPPRESSED) {
        int *n = &story->n_flags[listener->endpoint.port - 3000][listener->uid - 1000];
        if (change->event == LEDGER_FLAGGED)
            cr_assert_eq((*n)++, 0, "flagged twice");
        if (change->event == LEDGER_RESOLVED)
            cr_assert_eq((*n)--, 1, "resolved and was not flagged");
        if (change->event == LEDGER_STILL_FLAGGED)
            cr_assert_eq(*n, 1, "a reminder of nothing");
    }
    story->sink(story->world, change);
}

static void open_one(Story *story, uint64_t cookie) {
    WorldSocket *socket =
        world_listen(story->world, cookie, (uint16_t)(3000 + roll(story, N_PORTS)));
    socket->uid = 1000 + roll(story, 3);
    socket->cgroup_id = roll(story, 2);
}

static bool is_open(const World *world, uint64_t cookie) {
    for (size_t i = 0; i < world->n_sockets; i++)
        if (world->sockets[i].cookie == cookie)
            return true;
    return false;
}

static void take_in(Story *story, const WorldSocket *socket) {
    story->known[socket->cookie] = (Known){.known = true,
                                           .port = socket->endpoint.port,
                                           .uid = socket->uid,
                                           .cgroup_id = socket->cgroup_id};
}

static void dump(Story *story, bool complete) {
    World *world = story->world;
    bool seen[N_COOKIES] = {false};
    for (size_t i = 0; i < world->n_sockets; i++) {
        WorldSocket *socket = &world->sockets[i];
        socket->hidden = roll(story, 5) == 0;
        if (socket->hidden)
            continue;
        seen[socket->cookie] = true;
        take_in(story, socket);
    }
    for (unsigned i = 0; i < N_COOKIES; i++) {
        Known *known = &story->known[i];
        if (!known->known || seen[i] || !complete)
            continue;
        known->known = !known->missing;
        known->missing = true;
    }
    world_look(world);
    if (!complete)
        coverage_set(&world->snapshot->coverage[PROTO_TCP], COVERAGE_INCOMPLETE, "test");
    cr_assert_eq(ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now), 0);
}

static void look_at(Story *story, uint16_t port, bool closed) {
    World *world = story->world;
    for (unsigned i = 0; i < N_COOKIES; i++) {
        Known *known = &story->known[i];
        if (closed && known->known && known->port == port && !is_open(world, i))
            known->known = false;
    }
    for (size_t i = 0; i < world->n_sockets; i++)
        if (world->sockets[i].endpoint.port == port)
            take_in(story, &world->sockets[i]);
    world_look_at(world, port, closed);
}

static void compare(const Story *story) {
    const World *world = story->world;
    unsigned n = 0, in_entries = 0;
    LedgerStats stats;
    LedgerView view;
    for (uint64_t i = 1; i < N_COOKIES; i++) {
        const Known *known = &story->known[i];
        cr_assert_eq(ledger_find(world->ledger, i, &world->now, &view), known->known);
        n += known->known;
        if (!known->known)
            continue;
        cr_assert_eq(view.listener.endpoint.port, known->port);
        cr_assert_eq(view.listener.uid, known->uid);
        cr_assert_eq(view.listener.cgroup_id, known->cgroup_id);
        cr_assert_eq(view.flagged, known->port != world->allowed_port);
    }
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_sockets, n);
    for (uint32_t at = 0; ledger_next(world->ledger, &at, &world->now, &view);)
        in_entries += view.listener.n_sockets;
    cr_assert_eq(in_entries, n);
    cr_assert_eq(world->n_told[LEDGER_APPEARED] - world->n_told[LEDGER_GONE], stats.n_entries);
    for (uint16_t port = 0; port < N_PORTS; port++)
        for (uint32_t uid = 0; uid < 3; uid++) {
            bool stands = false;
            for (uint64_t i = 1; i < N_COOKIES; i++)
                stands |= story->known[i].known && story->known[i].port == 3000 + port &&
                          story->known[i].uid == 1000 + uid &&
                          3000 + port != story->world->allowed_port;
            cr_assert(!stands || story->n_flags[port][uid] == 1, "a flag was not told");
        }
}

static void step(Story *story) {
    World *world = story->world;
    uint64_t cookie = 1 + roll(story, N_COOKIES - 1);
    unsigned what = roll(story, 100);
    if (what < 40 && is_open(world, cookie))
        world_close(world, cookie);
    else if (what < 40 && !story->known[cookie].known)
        open_one(story, cookie);
    else if (what < 60)
        look_at(story, (uint16_t)(3000 + roll(story, N_PORTS)), what < 55);
    else if (what < 80)
        dump(story, what < 75);
    else if (what < 85 && !is_open(world, cookie)) {
        cr_assert_eq(ledger_close(world->ledger, cookie, &world->now), story->known[cookie].known);
        story->known[cookie].known = false;
    } else if (what < 87) {
        world->allowed_port = (uint16_t)(3000 + roll(story, N_PORTS + 1));
        ledger_set_judge(world->ledger, &world->judge, &world->now);
    } else if (what < 99)
        world_pass(world, roll(story, 4000) * MS);
    else
        world_pass(world, USEC_PER_HOUR);
}

static void tell_story(unsigned seed) {
    _cleanup_world_ World *world = world_new(NULL);
    Story story = {.world = world, .sink = world->config.sink, .seed = seed};
    world->quiet = true;
    world->judge.settings.burst = 1000000;
    world->judge.settings.remind = 10 * USEC_PER_MINUTE;
    world->config.sink = listen_in;
    world->config.sink_userdata = &story;
    world_restart(world);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&story);
        compare(&story);
    }
    cr_assert_gt(world->n_told[LEDGER_FLAGGED], 50);
    while (world->n_sockets > 0)
        world_close(world, world->sockets[0].cookie);
    world_dump(world);
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    for (unsigned i = 0; i < N_PORTS * 3; i++)
        cr_assert_eq(story.n_flags[i / 3][i % 3], 0, "a flag stands that nothing is under");
    LedgerStats stats;
    ledger_stats(world->ledger, &stats);
    cr_assert_eq(stats.n_entries + stats.n_lingering + stats.n_flagged + stats.n_sockets, 0);
}

TestSuite(ledger_model, .timeout = 600);

Test(ledger_model, agrees_with_the_reference) {
    for (unsigned seed = 1; seed <= 5; seed++)
        tell_story(seed);
}
