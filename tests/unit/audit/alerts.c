/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts as a person gets them: no port probe, one for each service, and the truth of what goes on.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"
#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)
#define SETTLE      (300 * MS)
/* Deadlines are rounded up. */
#define SETTLED (SETTLE + 20 * MS)

TestSuite(alerts);

static World *settling_world(void) {
    World *world = world_new(NULL);
    world->judge.settings.settle = SETTLE;
    return world;
}

/* Opens port 3000, lets it stand so long, closes it. */
static void stand_for(World *world, uint64_t cookie, Owner *owner, usec_t span) {
    world_listen(world, cookie, 3000)->owner = owner;
    world_look_at(world, 3000, false);
    world_pass(world, span);
    world_close(world, cookie);
    world_look_at(world, 3000, true);
}

Test(alerts, wait_until_a_listener_has_settled) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    told("appeared:3000"); /* detection does not wait */
    world_pass(world, SETTLE - MS);
    told("");
    world_pass(world, 21 * MS);
    told("flagged:3000");
    world_pass(world, USEC_PER_HOUR);
    told("");
}

Test(alerts, do_not_wait_for_what_stood_before) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_listen(world, 2, 3001)->scope = SCOPE_LOOPBACK;
    world_dump(world);
    told("appeared:3000 appeared:3001");
    ledger_assume_settled(world->ledger, &world->now);
    told("flagged:3000");
    world_pass(world, USEC_PER_HOUR);
    told("");
}

Test(alerts, are_not_sent_for_a_port_probe) {
    _cleanup_world_ World *world = settling_world();
    stand_for(world, 1, world_owner("/usr/bin/node"), 2 * MS);
    told("appeared:3000 gone:3000");
    cr_assert(world->last.transient);
    world_pass(world, 15 * USEC_PER_SEC); /* it builds; then it listens */
    told("");
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    world_pass(world, SETTLED);
    told("appeared:3000 flagged:3000");
    cr_assert_eq(world->last.n_returned, 0);
    world_pass(world, USEC_PER_HOUR);
    told("");
}

Test(alerts, are_sent_for_what_stood_and_went_before_they_could_be) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    world_sleep(world, 2 * SETTLE); /* the loop is busy */
    world_close(world, 1);
    world_look_at(world, 3000, true);
    told("appeared:3000 gone:3000 flagged:3000");
    cr_assert(world->last.brief);
    cr_assert_eq(world->last.duration, 2 * SETTLE);
    world_pass(world, LEDGER_RETURN);
    told("resolved:3000/gone");
}

Test(alerts, are_sent_for_what_comes_and_goes_repeatedly) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 5; i++) {
        stand_for(world, i, world_owner("/tmp/evil"), 100 * MS);
        told("appeared:3000 gone:3000");
        world_pass(world, 9 * USEC_PER_SEC);
    }
    stand_for(world, 6, world_owner("/tmp/evil"), 100 * MS);
    told("appeared:3000 gone:3000 flagged:3000");
    cr_assert(world->last.repeats);
    for (uint64_t i = 7; i <= 100; i++) { /* that is one alert, however long it goes on */
        world_pass(world, 9 * USEC_PER_SEC);
        stand_for(world, i, world_owner("/tmp/evil"), 100 * MS);
        told("appeared:3000 gone:3000");
    }
    world_pass(world, USEC_PER_MINUTE);
    told("resolved:3000/gone");
}

static void bind_to_device_late(World *world, uint64_t cookie, usec_t late) {
    WorldSocket *socket = world_listen(world, cookie, 67);
    socket->owner = world_owner("/usr/sbin/dnsmasq");
    world_dump(world);
    world_pass(world, late);
    socket->endpoint.ifindex = 2;
    socket->scope = SCOPE_LOOPBACK;
    world_dump(world);
    world_close(world, cookie);
    cr_assert_eq(ledger_close(world->ledger, cookie, &world->now), 1);
    world_pass(world, USEC_PER_SEC);
}

/* dnsmasq binds its socket to a bridge after it has bound it to the port; libvirt starts it often.
 */
Test(alerts, are_not_sent_for_sockets_that_are_bound_to_a_device_later) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 20; i++)
        bind_to_device_late(world, i, 5 * MS);
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 0);
    world_pass(world, USEC_PER_MINUTE);
    for (uint64_t i = 21; i <= 40; i++) /* in sum it is reachable for too long */
        bind_to_device_late(world, i, 250 * MS);
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 1);
}

Test(alerts, are_not_sent_for_a_probe_now_and_then) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 50; i++) {
        stand_for(world, i, world_owner("/usr/bin/node"), 5 * MS);
        world_pass(world, 13 * USEC_PER_SEC);
    }
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 0);
    cr_assert_eq(world->n_told[LEDGER_GONE], 50);
}

/* A look for a free port tries each address of the machine. */
Test(alerts, take_probes_of_several_addresses_for_one) {
    _cleanup_world_ World *world = settling_world();
    uint64_t cookie = 0;
    for (unsigned start = 0; start < 4; start++) {
        for (uint8_t address = 0; address < 6; address++) {
            WorldSocket *socket = world_listen(world, ++cookie, 3000);
            socket->owner = world_owner("/usr/bin/node");
            socket->endpoint.address.bytes[3] = address;
            world_dump(world);
            cr_assert_eq(ledger_close(world->ledger, cookie, &world->now), 1);
            world_close(world, cookie);
            world_pass(world, 2 * MS);
        }
        world_pass(world, 10 * USEC_PER_SEC);
    }
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 0);
    cr_assert_eq(world->n_told[LEDGER_GONE], 24);
}

static WorldSocket *listen_v6(World *world, uint64_t cookie, uint16_t port) {
    WorldSocket *socket = world_listen(world, cookie, port);
    socket->endpoint.address.family = AF_INET6;
    return socket;
}

Test(alerts, are_one_for_both_families) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/sbin/nginx");
    listen_v6(world, 2, 3000)->owner = world_owner("/usr/sbin/nginx");
    world_dump(world);
    told("appeared:3000 appeared:3000");
    world_pass(world, SETTLED);
    told("flagged:3000");
    cr_assert_eq(world->last.n_also, 1);
    cr_assert_eq(world->last.also[0].address.family, AF_INET6);
    world_close(world, 1);
    world_dump(world);
    world_dump(world);
    told("gone:3000");
    world_pass(world, USEC_PER_MINUTE);
    told(""); /* it is reachable still */
    world_close(world, 2);
    world_dump(world);
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    told("gone:3000 resolved:3000/gone");
}

Test(alerts, are_one_for_each_program_user_and_protocol) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    listen_v6(world, 2, 3000)->owner = world_owner("/usr/bin/python3");
    WorldSocket *other = world_listen(world, 3, 3000);
    other->owner = world_owner("/usr/bin/node");
    other->uid = 1001;
    WorldSocket *sctp = world_listen(world, 4, 3000);
    sctp->owner = world_owner("/usr/bin/node");
    sctp->endpoint.proto = PROTO_SCTP;
    world_dump(world);
    world_pass(world, SETTLED);
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 4);
}

/* Docker starts a proxy for each family. */
Test(alerts, are_one_for_the_proxies_of_a_published_port) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 8080)->owner = world_owner("/usr/bin/docker-proxy");
    listen_v6(world, 2, 8080)->owner = world_owner("/usr/bin/docker-proxy");
    for (uint64_t i = 1; i <= 2; i++) {
        Owner *owner = world_socket(world, i)->owner;
        owner->unit = strdup("docker.service");
        owner->holders[0].pid = (pid_t)(100 + i);
    }
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:8080 appeared:8080 flagged:8080");
}

/* A published port: its NAT rule, for which the collector lists the forward while no socket hides
 * it. */
static void add_forward(World *world) {
    const Listener forward = {
        .endpoint = {.proto = PROTO_TCP, .port = 8080, .address.family = AF_INET},
        .origin = ORIGIN_FORWARD,
        .forward_to = {.family = AF_INET, .bytes = {10, 88, 0, 2}},
        .forward_port = 80,
    };
    world_look(world);
    cr_assert_geq(snapshot_add(world->snapshot, &forward), 0);
    world->snapshot->listeners[0].scope = SCOPE_WILDCARD;
    ledger_update(world->ledger, world->snapshot, LEDGER_ALL, &world->now);
}

/* Podman closes the socket of a published port before it removes the NAT rule. */
Test(alerts, are_not_sent_for_a_forward_that_outlasts_its_socket) {
    _cleanup_world_ World *world = settling_world();
    for (unsigned stays = 0; stays < 2; stays++) {
        world_listen(world, 1 + stays, 8080)->owner = world_owner("/usr/bin/conmon");
        world_dump(world);
        world_pass(world, SETTLED);
        told("appeared:8080 flagged:8080");
        world_close(world, 1 + stays);
        cr_assert_eq(ledger_close(world->ledger, 1 + stays, &world->now), 1);
        add_forward(world);
        world_pass(world, (stays ? 11 : 9) * USEC_PER_SEC);
        told(stays ? "gone:8080 appeared:8080 resolved:8080/gone flagged:8080"
                   : "gone:8080 appeared:8080");
        world_dump(world);
        world_dump(world);
        world_pass(world, USEC_PER_MINUTE);
        world_told(world);
    }
}

/* Docker adds the NAT rule of a published port before its proxy opens the socket. */
Test(alerts, are_one_for_a_forward_that_precedes_its_socket) {
    _cleanup_world_ World *world = settling_world();
    add_forward(world);
    world_pass(world, 1900 * MS);
    told("appeared:8080");
    world_look(world);
    world_listen(world, 1, 8080)->owner = world_owner("/usr/bin/docker-proxy");
    world_dump(world);
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    told("appeared:8080 gone:8080 flagged:8080");
    world_close(world, 1);
    world_dump(world);
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    told("gone:8080 resolved:8080/gone");
    add_forward(world);
    world_pass(world, 2 * USEC_PER_SEC + SETTLED);
    told("appeared:8080 flagged:8080");
}

/* --- which program it is --- */

static uint64_t who_runs(const char *exe, const char *cwd, const char *first, const char *second) {
    Owner *owner = world_owner(exe);
    char **cmdline = calloc(4, sizeof(*cmdline));
    cr_assert(cmdline);
    cmdline[0] = strdup(exe);
    cmdline[1] = strdup(first);
    cmdline[2] = strdup(second);
    owner->holders[0].cmdline = cmdline;
    owner->holders[0].cwd = strdup(cwd);
    uint64_t who = identity_who(owner);
    owner_unref(owner);
    return who;
}

Test(alerts, know_a_script_by_its_name_and_folder) {
    const char *node = "/usr/bin/node", *nc = "/usr/bin/nc";
    uint64_t express = who_runs(node, "/home/x/shop", "server.js", "--host=0.0.0.0");
    cr_assert_eq(express, who_runs(node, "/home/x/shop", "server.js", "--host=::"));
    cr_assert_neq(express, who_runs(node, "/home/x/blog", "server.js", "--host=::"));
    cr_assert_neq(express, who_runs(node, "/home/x/shop", "other.js", "--host=::"));
    cr_assert_neq(express, who_runs("/usr/bin/deno", "/home/x/shop", "server.js", ""));
    cr_assert_eq(who_runs(nc, "/home/x", "-l", "1"), who_runs(nc, "/home/y", "-lk", "2"));
    cr_assert_neq(who_runs("/usr/bin/python3", "/x", "-m", "http.server"),
                  who_runs("/usr/bin/python3", "/x", "-m", "flask"));
}

/* In one flood the worst comes first, as later ones may be suppressed. */
Test(alerts, of_one_moment_begin_with_the_worst) {
    _cleanup_world_ World *world = settling_world();
    world->critical_port = 6379;
    world->judge.settings.burst = 2;
    world_restart(world);
    for (uint16_t i = 0; i < 20; i++)
        world_listen(world, i + 1u, (uint16_t)(3000 + i))->owner = world_owner("/usr/bin/node");
    world_listen(world, 100, 6379)->owner = world_owner("/usr/bin/redis");
    world_dump(world);
    world_told(world);
    world_pass(world, SETTLED);
    told("flagged:6379 flagged:3000");
}

Test(alerts, report_a_worse_listener_of_the_same_service) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_socket(world, 1)->scope = SCOPE_VPN;
    world_socket(world, 1)->endpoint.address.bytes[0] = 10;
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:3000 flagged:3000");
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:3000 flagged:3000"); /* all networks now, not the VPN alone */
    cr_assert_eq(world->last.view.listener.scope, SCOPE_WILDCARD);
}

static Owner *started_anew(const char *exe, pid_t group) {
    Owner *owner = world_owner(exe);
    owner->holders[0].group = group;
    return owner;
}

/* What was advised did not help. */
Test(alerts, say_that_it_is_still_exposed_after_a_restart) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = started_anew("/usr/bin/node", 100);
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:3000 flagged:3000");
    world_close(world, 1);
    world_look_at(world, 3000, true);
    world_pass(world, 5 * USEC_PER_SEC);
    world_listen(world, 2, 3000)->owner = started_anew("/usr/bin/node", 200);
    world_look_at(world, 3000, false);
    told("gone:3000 appeared:3000");
    world_pass(world, SETTLED);
    told("still-flagged:3000+1");
    cr_assert(world->last.returned);
    world_pass(world, USEC_PER_HOUR);
    told("");
}

/* nodemon and its like keep the process group: that is no news. Nor is a probe before the server.
 */
Test(alerts, are_silent_about_a_restart_by_a_supervisor) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, SETTLED);
    world_told(world);
    for (uint64_t i = 2; i < 20; i += 2) {
        world_close(world, i == 2 ? 1 : i - 1);
        world_look_at(world, 3000, true);
        world_pass(world, USEC_PER_SEC);
        stand_for(world, i, world_owner("/usr/bin/node"), MS);
        world_pass(world, USEC_PER_SEC);
        world_listen(world, i + 1, 3000)->owner = world_owner("/usr/bin/node");
        world_look_at(world, 3000, false);
        world_pass(world, SETTLED);
        told("gone:3000 appeared:3000 gone:3000 appeared:3000");
    }
}

/* A service that crashes and is started again all day is not reported each time. */
Test(alerts, are_ever_rarer_about_what_keeps_coming_back) {
    _cleanup_world_ World *world = settling_world();
    world->judge.settings.burst = 10000;
    for (uint64_t i = 1; i <= 600; i++) {
        world_listen(world, i, 3000)->owner = started_anew("/usr/bin/node", (pid_t)i);
        world_look_at(world, 3000, false);
        world_pass(world, 4 * USEC_PER_SEC);
        world_close(world, i);
        world_look_at(world, 3000, true);
        world_pass(world, 2 * USEC_PER_SEC);
    }
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 1);
    cr_assert_eq(world->n_told[LEDGER_RESOLVED], 0);
    cr_assert_geq(world->n_told[LEDGER_STILL_FLAGGED], 5);
    cr_assert_leq(world->n_told[LEDGER_STILL_FLAGGED], 12);
}

/* Polled: one dump shows node, the next one another program on the same port. */
Test(alerts, are_others_for_another_program_within_one_poll) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:3000 flagged:3000");
    world_close(world, 1);
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/python3");
    world_dump(world);
    world_pass(world, SETTLED);
    told("changed:3000/h flagged:3000");
    cr_assert_str_eq(world->last.view.listener.owner->holders[0].exe, "/usr/bin/python3");
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    told("changed:3000/i resolved:3000/gone"); /* node's */
    cr_assert_not_null(world->last.view.listener.owner);
    cr_assert_not_null(world->last.view.listener.verdict.rule);
    LedgerView view;
    cr_assert(ledger_find(world->ledger, 2, &world->now, &view) && view.flagged);
}

/* The same socket in other hands: a parent that leaves it to its worker. */
Test(alerts, go_on_when_a_socket_is_handed_over) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, SETTLED);
    world_told(world);
    owner_unref(world_socket(world, 1)->owner);
    world_socket(world, 1)->owner = world_owner("/usr/bin/worker");
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    told("changed:3000/h");
}

/* One program gets the only socket of another one, and both had an alert. */
Test(alerts, are_resolved_when_another_alert_takes_their_socket) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    listen_v6(world, 2, 3000)->owner = world_owner("/usr/bin/python3");
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:3000 appeared:3000 flagged:3000 flagged:3000");
    owner_unref(world_socket(world, 1)->owner);
    world_socket(world, 1)->owner = world_owner("/usr/bin/python3");
    world_dump(world);
    world_pass(world, SETTLED);
    cr_assert_eq(world->n_told[LEDGER_RESOLVED], 1);
    world_close(world, 1);
    world_close(world, 2);
    world_dump(world);
    world_dump(world);
    world_pass(world, USEC_PER_MINUTE);
    cr_assert_eq(world->n_told[LEDGER_RESOLVED], world->n_told[LEDGER_FLAGGED]);
}

/* An attacker who breaks into an account must not silence its alerts in advance. */
Test(alerts, cannot_be_snoozed_by_their_user_before_they_are_sent) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, true, &world->now), -EPERM);
    world_told(world);
    world_pass(world, SETTLED);
    told("flagged:3000");
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, true, &world->now), 0);
    told("resolved:3000/snooze");
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY + 1, true, &world->now), -EALREADY);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_HOUR, true, &world->now), 0);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, false, &world->now), 0);
}

Test(alerts, that_were_not_sent_yet_can_be_snoozed) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    listen_v6(world, 2, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_HOUR, false, &world->now), 0);
    world_told(world);
    world_pass(world, USEC_PER_HOUR - MS);
    told("");
    world_pass(world, MS);
    told("flagged:3000");
}

Test(alerts, that_were_not_sent_yet_are_after_a_restart) {
    _cleanup_world_ World *world = settling_world();
    _cleanup_place_ Place place = place_new();
    _cleanup_state_ State state = {};
    char why[STATE_WHY_SIZE];
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    cr_assert_eq(ledger_save(world->ledger, place.fd, "boot", 1, NULL, 0, UNSURE_NONE, &world->now),
                 0);
    world_restart(world);
    cr_assert_eq(state_load(place.fd, &state, why), 0);
    cr_assert_eq(state.n_flags, 0);
    cr_assert_eq(ledger_load(world->ledger, &state, "boot", NULL, NULL, &world->now), 0);
    world_told(world);
    world_pass(world, SETTLE);
    world_dump(world);
    told("appeared:3000 flagged:3000");
}

/* One address of two is mended, and seen first: what follows is no new alert. */
Test(alerts, go_on_when_only_one_family_was_mended) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = started_anew("/usr/sbin/nginx", 100);
    listen_v6(world, 2, 3000)->owner = started_anew("/usr/sbin/nginx", 100);
    world_dump(world);
    world_pass(world, SETTLED);
    world_close(world, 1);
    world_close(world, 2);
    cr_assert_eq(ledger_close(world->ledger, 1, &world->now), 1);
    cr_assert_eq(ledger_close(world->ledger, 2, &world->now), 1);
    world_told(world);
    WorldSocket *local = world_listen(world, 3, 3000);
    local->owner = started_anew("/usr/sbin/nginx", 200);
    local->scope = SCOPE_LOOPBACK;
    local->endpoint.address.bytes[0] = 127;
    listen_v6(world, 4, 3000)->owner = started_anew("/usr/sbin/nginx", 200);
    world_dump(world);
    world_pass(world, SETTLED);
    told("appeared:3000 appeared:3000 still-flagged:3000+1");
    cr_assert_eq(world->last.view.listener.endpoint.address.family, AF_INET6);
}

/* Two sockets by turns, each closed before it has settled: the port is never closed. */
Test(alerts, are_sent_for_a_service_that_changes_its_address_all_the_time) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 6; i++) {
        WorldSocket *socket = world_listen(world, i, 3000);
        socket->owner = world_owner("/tmp/evil");
        socket->endpoint.address.family = i % 2 ? AF_INET : AF_INET6;
        world_dump(world);
        world_pass(world, 20 * MS);
        if (i > 1) {
            world_close(world, i - 1);
            cr_assert_eq(ledger_close(world->ledger, i - 1, &world->now), 1);
        }
        world_pass(world, 200 * MS);
    }
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 1);
}

/* A new socket beside the old one, each of what seems to be another program. */
Test(alerts, are_sent_for_a_service_that_changes_its_program_all_the_time) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 6; i++) {
        world_listen(world, i, 3000)->owner = world_owner(i % 2 ? "/tmp/evil" : "/tmp/bad");
        world_look_at(world, 3000, false);
        if (i > 1) {
            world_close(world, i - 1);
            world_look_at(world, 3000, true);
        }
        world_pass(world, 200 * MS);
    }
    cr_assert_geq(world->n_told[LEDGER_FLAGGED], 1);
}

/* Without a moment in which both are open, they are transient, and many of these are an alert. */
Test(alerts, are_sent_for_programs_that_follow_each_other_all_the_time) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 30; i++) {
        if (i > 1)
            world_close(world, i - 1);
        world_listen(world, i, 3000)->owner = world_owner(i % 2 ? "/tmp/evil" : "/tmp/bad");
        world_look_at(world, 3000, true);
        world_pass(world, 200 * MS);
    }
    cr_assert_geq(world->n_told[LEDGER_FLAGGED], 1);
}

static uid_t payer_of_subuid(void *userdata, uid_t uid) {
    (void)userdata;
    return uid >= 100000 ? 1000 : uid;
}

/* The uids of a user's containers share what the user may have in the journal. */
Test(alerts, bound_the_transients_of_all_uids_of_a_user) {
    _cleanup_world_ World *world = settling_world();
    world->config.payer = payer_of_subuid;
    world_restart(world);
    for (uint64_t i = 0; i <= RATE_TRANSIENTS; i++) {
        WorldSocket *socket = world_listen(world, 1, 3000);
        socket->uid = (uint32_t)(100000 + i);
        world_look_at(world, 3000, false);
        world_close(world, 1);
        cr_assert_eq(ledger_close(world->ledger, 1, &world->now), 1);
        cr_assert_eq(world->last.event, LEDGER_GONE);
        cr_assert_eq(world->last.transient, i < RATE_TRANSIENTS);
    }
}

Test(alerts, begin_anew_when_a_snooze_ends_after_a_restart) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = started_anew("/usr/bin/node", 100);
    world_dump(world);
    world_pass(world, SETTLED);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_HOUR, false, &world->now), 0);
    told("appeared:3000 flagged:3000 resolved:3000/snooze");
    world_close(world, 1);
    world_look_at(world, 3000, true);
    world_listen(world, 2, 3000)->owner = started_anew("/usr/bin/node", 200);
    world_look_at(world, 3000, false);
    world_pass(world, USEC_PER_HOUR);
    told("gone:3000 appeared:3000 flagged:3000+1");
}

/* The process group is not in the state file. */
Test(alerts, are_silent_about_a_supervisor_after_a_restart_of_the_daemon) {
    _cleanup_world_ World *world = settling_world();
    _cleanup_place_ Place place = place_new();
    _cleanup_state_ State state = {};
    char why[STATE_WHY_SIZE];
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, SETTLED);
    cr_assert_eq(ledger_save(world->ledger, place.fd, "boot", 1, NULL, 0, UNSURE_NONE, &world->now),
                 0);
    world_restart(world);
    cr_assert_eq(state_load(place.fd, &state, why), 0);
    cr_assert_eq(ledger_load(world->ledger, &state, "boot", NULL, NULL, &world->now), 0);
    world_dump(world);
    world_told(world);
    world_close(world, 1);
    world_look_at(world, 3000, true);
    world_pass(world, USEC_PER_SEC);
    world_listen(world, 2, 3000)->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    world_pass(world, USEC_PER_MINUTE);
    told("gone:3000 appeared:3000");
}

/* A flood makes the ledger forget what one port among them does; so it is reported itself. */
Test(alerts, are_suppressed_and_counted_for_a_flood_of_transients) {
    _cleanup_world_ World *world = settling_world();
    uint64_t cookie = 0;
    world->judge.settings.burst = 10000;
    for (unsigned round = 0; round < 12; round++) {
        for (uint16_t i = 0; i < 300; i++) {
            world_listen(world, ++cookie, (uint16_t)(5000 + i))->owner = world_owner("/tmp/evil");
            world_look_at(world, (uint16_t)(5000 + i), false);
            world_close(world, cookie);
            cr_assert_eq(ledger_close(world->ledger, cookie, &world->now), 1);
        }
        world_listen(world, ++cookie, 3000)->owner = world_owner("/tmp/evil");
        world_look_at(world, 3000, false);
        world_pass(world, 200 * MS);
        world_close(world, cookie);
        cr_assert_eq(ledger_close(world->ledger, cookie, &world->now), 1);
    }
    world_pass(world, USEC_PER_MINUTE);
    cr_assert_eq(world->n_told[LEDGER_SUPPRESSED], 1);
    cr_assert_geq(world->sums.n_flagged, 1500);
}

/* Each time of another file, or of another folder: that is the user's to choose. */
Test(alerts, are_sent_for_what_comes_and_goes_under_many_names) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 30; i++) {
        char exe[32];
        snprintf(exe, sizeof(exe), "/tmp/evil%u", (unsigned)i);
        stand_for(world, i, world_owner(exe), 250 * MS);
        cr_assert(i > 10 || world->n_told[LEDGER_FLAGGED] == 0);
    }
    cr_assert_geq(world->n_told[LEDGER_FLAGGED], 1);
}

/* Nor are they a flood: one alert in a minute for the user and the port. */
Test(alerts, are_few_for_what_comes_and_goes_under_many_names) {
    _cleanup_world_ World *world = settling_world();
    usec_t begin = world->now.boottime, end = begin + 3 * USEC_PER_MINUTE;
    for (uint64_t i = 1; world->now.boottime < end; i++) {
        char exe[32];
        snprintf(exe, sizeof(exe), "/tmp/evil%u", (unsigned)i % 40);
        stand_for(world, i, world_owner(exe), 250 * MS);
        cr_assert_leq(world->n_told[LEDGER_FLAGGED],
                      1 + (world->now.boottime - begin) / USEC_PER_MINUTE);
    }
    cr_assert_geq(world->n_told[LEDGER_FLAGGED], 3);
}

/* Twenty servers of one repository are started, and each looks whether the port is free. */
Test(alerts, are_not_sent_for_probes_of_many_programs_at_one_port) {
    _cleanup_world_ World *world = settling_world();
    for (uint64_t i = 1; i <= 40; i++) {
        char exe[32];
        snprintf(exe, sizeof(exe), "/tmp/server%u", (unsigned)i % 20);
        stand_for(world, i, world_owner(exe), 50 * MS);
    }
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 0);
}

/* The port is a user's allowed program's at times, and never long another's. */
Test(alerts, are_sent_for_what_alternates_with_an_allowed_program) {
    _cleanup_world_ World *world = settling_world();
    world->allowed_exe = "/usr/bin/good";
    for (uint64_t i = 1; i <= 16; i++) {
        if (i > 1)
            world_close(world, i - 1);
        world_listen(world, i, 3000)->owner = world_owner(i % 2 ? "/usr/bin/good" : "/tmp/evil");
        world_look_at(world, 3000, true);
        world_pass(world, 250 * MS);
    }
    cr_assert_geq(world->n_told[LEDGER_FLAGGED], 1);
}

static Owner *replaced_file(const char *exe) {
    Owner *owner = world_owner(exe);
    owner->holders[0].exe_state = EXE_UNVERIFIED;
    return owner;
}

/* An upgrade replaces the file of a program that runs. */
Test(alerts, stay_snoozed_when_the_file_is_replaced) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, SETTLED);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, false, &world->now), 0);
    world_told(world);
    owner_unref(world_socket(world, 1)->owner);
    world_socket(world, 1)->owner = replaced_file("/usr/bin/node");
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    told("changed:3000/h");
}

/* A process that could not be found at first. */
Test(alerts, stay_snoozed_when_the_process_becomes_known) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000);
    world_dump(world);
    world_pass(world, SETTLED);
    cr_assert_eq(ledger_snooze(world->ledger, 1, USEC_PER_DAY, false, &world->now), 0);
    world_told(world);
    world_socket(world, 1)->owner = world_owner("/usr/bin/node");
    world_dump(world);
    world_pass(world, USEC_PER_HOUR);
    told("changed:3000/h");
}

/* The loop was busy while the event came, which says when it was. */
Test(alerts, are_not_sent_for_a_probe_whose_close_event_is_late) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_look_at(world, 3000, false);
    usec_t opened = world->now.boottime;
    world_sleep(world, 2 * SETTLE);
    world_close(world, 1);
    ledger_set_closed_at(world->ledger, opened + 2 * MS);
    cr_assert_eq(ledger_close(world->ledger, 1, &world->now), 1);
    told("appeared:3000 gone:3000");
    cr_assert(world->last.transient);
    cr_assert_eq(world->last.duration, 2 * MS);
    stand_for(world, 2, world_owner("/usr/bin/node"), SETTLED); /* the next one has its own time */
    told("appeared:3000 flagged:3000 gone:3000");
}

static Owner *started_in(const char *folder) {
    Owner *owner = world_owner("/usr/bin/python3");
    owner->holders[0].cwd = strdup(folder);
    return owner;
}

/* One process, which changes its working directory and opens a second socket at the endpoint. */
Test(alerts, are_sent_for_a_process_that_changes_its_folder) {
    _cleanup_world_ World *world = settling_world();
    world_listen(world, 1, 3000)->owner = started_in("/home/dev/one");
    world_look_at(world, 3000, false);
    world_pass(world, 200 * MS);
    world_close(world, 1);
    world_listen(world, 2, 3000)->owner = started_in("/home/dev/two");
    world_look_at(world, 3000, true);
    world_pass(world, SETTLED);
    cr_assert_eq(world->n_told[LEDGER_FLAGGED], 1);
}
