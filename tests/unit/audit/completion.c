/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search for the processes of a listener before its alert is sent. */
#include <criterion/criterion.h>
#include <errno.h>

#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)
#define SETTLE      (300 * MS)
/* Deadlines are rounded up. */
#define SETTLED (SETTLE + 20 * MS)

TestSuite(completion);

static World *settling_world(void) {
    World *world = world_new(NULL);
    world->judge.settings.settle = SETTLE;
    return world;
}

static unsigned n_completed;

static int find_nginx(void *userdata, const Listener *listener, Owner **ret) {
    (void)userdata, (void)listener;
    n_completed++;
    *ret = world_owner("/usr/sbin/nginx");
    return 0;
}

/* Its parent was gone before it could be looked at; by now its workers are there. */
Test(completion, ask_for_the_processes_first) {
    _cleanup_world_ World *world = settling_world();
    world->allowed_exe = "/usr/sbin/nginx";
    world->judge.complete_owner = find_nginx;
    world_listen(world, 1, 3000);
    world_dump(world);
    told("appeared:3000");
    cr_assert_eq(n_completed, 0);
    world_pass(world, USEC_PER_HOUR);
    told("changed:3000/hv");
    cr_assert_eq(n_completed, 1);
}

static int find_nginx_later(void *userdata, const Listener *listener, Owner **ret) {
    return n_completed < 3 ? (n_completed++, -EAGAIN) : find_nginx(userdata, listener, ret);
}

/* The user's budget of searches is exhausted. */
Test(completion, wait_for_the_search_for_processes) {
    _cleanup_world_ World *world = settling_world();
    world->allowed_exe = "/usr/sbin/nginx";
    world->judge.complete_owner = find_nginx_later;
    world_listen(world, 1, 3000);
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    told("appeared:3000 changed:3000/hv");
    cr_assert_eq(n_completed, 4);
}

static int find_nothing(void *userdata, const Listener *listener, Owner **ret) {
    (void)userdata, (void)listener, (void)ret;
    n_completed++;
    return -EAGAIN;
}

/* Users must not be able to prevent alerts by exhausting their budgets. */
Test(completion, do_not_wait_for_ever_for_the_search_for_processes) {
    _cleanup_world_ World *world = settling_world();
    world->judge.complete_owner = find_nothing;
    world_listen(world, 1, 3000);
    world_dump(world);
    world_pass(world, 9 * USEC_PER_SEC);
    told("appeared:3000");
    world_pass(world, 2 * USEC_PER_SEC);
    told("flagged:3000");
    world_pass(world, USEC_PER_HOUR);
    told("");
    cr_assert_leq(n_completed, 12);
}

/* Meanwhile a full rescan has found them. */
Test(completion, are_not_sent_when_a_rescan_finds_an_allowed_process) {
    _cleanup_world_ World *world = settling_world();
    world->allowed_exe = "/usr/sbin/nginx";
    world->judge.complete_owner = find_nothing;
    world_listen(world, 1, 3000);
    world_dump(world);
    world_pass(world, 5 * USEC_PER_SEC);
    world_socket(world, 1)->owner = world_owner("/usr/sbin/nginx");
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    told("appeared:3000 changed:3000/hv");
}

static int find_evil(void *userdata, const Listener *listener, Owner **ret) {
    (void)userdata, (void)listener;
    n_completed++;
    *ret = world_owner("/tmp/evil");
    return 0;
}

Test(completion, name_the_processes_that_were_asked_for) {
    _cleanup_world_ World *world = settling_world();
    world->judge.complete_owner = find_evil;
    world_listen(world, 1, 3000);
    world_listen(world, 2, 3000)->endpoint.address.family = AF_INET6;
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:3000 appeared:3000 changed:3000/h changed:3000/h flagged:3000");
    cr_assert_str_eq(world->last.view.listener.owner->holders[0].exe, "/tmp/evil");
    world_pass(world, USEC_PER_HOUR);
    told("");
}
