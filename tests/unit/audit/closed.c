/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners that closed before their alert, and whose close is learnt late. */
#include <criterion/criterion.h>

#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)
#define SETTLE      (300 * MS)
/* Deadlines are rounded up. */
#define SETTLED (SETTLE + 20 * MS)

TestSuite(closed_listeners);

static World *settling_world(void) {
    World *world = world_new(NULL);
    world->judge.settings.settle = SETTLE;
    return world;
}

static bool port_is_open(void *userdata, const Listener *listener) {
    const World *world = userdata;
    return listener->endpoint.port != world->critical_port;
}

/* Without events, or before they are taken in: the next dumps tell. */
Test(closed_listeners, are_not_sent_for_what_is_found_closed) {
    _cleanup_world_ World *world = settling_world();
    world->judge.is_open = port_is_open;
    world->critical_port = 3000;
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, USEC_PER_SEC);
    world_close(world, 1);
    world_dump(world);
    world_dump(world);
    told("appeared:3000 gone:3000");
    cr_assert(world->last.transient);
    world_pass(world, USEC_PER_HOUR);
    told("");
    /* Nor later, if neither an event nor a dump tells. */
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    told("appeared:3000");
    /* What is there all the same is not lost. */
    world->critical_port = 0;
    world_pass(world, 3 * USEC_PER_SEC);
    told("flagged:3000");
}

static bool cookie_is_open(void *userdata, const Listener *listener) {
    const World *world = userdata;
    for (size_t i = 0; i < world->n_sockets; i++)
        if (world->sockets[i].cookie == listener->cookie)
            return true;
    return false;
}

/* Two sockets of one listener, and the close event of the first one is lost. */
Test(closed_listeners, are_sent_for_a_second_socket_of_what_is_found_closed) {
    _cleanup_world_ World *world = settling_world();
    world->judge.is_open = cookie_is_open;
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    world_close(world, 1);
    world_pass(world, SETTLED);
    told("appeared:3000");
    world_dump(world);
    world_dump(world);
    told("changed:3000/i flagged:3000");
}

/* The events are late: each look finds that one probe closed and the next one is open. */
Test(closed_listeners, are_not_sent_for_probes_that_follow_each_other) {
    _cleanup_world_ World *world = settling_world();
    world->judge.is_open = cookie_is_open;
    for (uint64_t i = 1; i <= 5; i++) {
        world_listen(world, i, 3000)->owner = world_owner("/usr/bin/node");
        world_look_at(world, 3000, i > 1);
        world_pass(world, SETTLE - MS);
        world_close(world, i);
    }
    world_look_at(world, 3000, true);
    cr_assert_eq(world->n_told[LEDGER_APPEARED], 5);
    cr_assert_eq(world->n_told[LEDGER_GONE], 5);
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 0);
}

static bool nothing_is_open(void *userdata, const Listener *listener) {
    (void)userdata, (void)listener;
    return false;
}

/* A connected UDP socket is still open, but is a client. */
Test(closed_listeners, are_not_reported_for_a_udp_client) {
    _cleanup_world_ World *world = settling_world();
    world->judge.is_open = nothing_is_open;
    world_listen(world, 1, 3000)->endpoint.proto = PROTO_UDP;
    world_look_at(world, 3000, false);
    world_pass(world, world->judge.settings.udp_grace);
    told("");
    cr_assert_not(ledger_knows(world->ledger, 1));
}
