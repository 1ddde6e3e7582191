/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include <criterion/criterion.h>
#include <string.h>

#include "util/memory.h"

static const RuleInfo rule_allow = {.text = "allow", .action = ACTION_ALLOW};
static const RuleInfo rule_flag = {.text = "flag", .action = ACTION_FLAG};

/* --- the judge --- */

static bool runs(const Listener *listener, const char *exe) {
    return exe && listener->owner && listener->owner->n_holders > 0 &&
           strcmp(listener->owner->holders[0].exe, exe) == 0;
}

static void judge(void *userdata, const Listener *listener, usec_t age, usec_t realtime,
                  Verdict *ret) {
    World *world = userdata;
    bool allowed = listener->scope == SCOPE_LOOPBACK || listener->scope == SCOPE_UNREACHABLE ||
                   listener->endpoint.port == world->allowed_port ||
                   (world->allowed_from_age && age >= world->allowed_from_age) ||
                   (world->flagged_until && realtime >= world->flagged_until) ||
                   runs(listener, world->allowed_exe);
    world->n_judged++;
    *ret = (Verdict){.action = allowed ? ACTION_ALLOW : ACTION_FLAG,
                     .severity = listener->endpoint.port == world->critical_port ? SEVERITY_CRITICAL
                                                                                 : world->severity,
                     .rule = allowed ? &rule_allow : &rule_flag};
}

static usec_t next_age(void *userdata, usec_t age) {
    const World *world = userdata;
    return age < world->allowed_from_age ? world->allowed_from_age : USEC_INFINITY;
}

static usec_t next_until(void *userdata, usec_t realtime) {
    const World *world = userdata;
    return realtime < world->flagged_until ? world->flagged_until : USEC_INFINITY;
}

/* --- what is told --- */

static void say(World *world, const char *words) {
    size_t length = strlen(words), n = world->told_length;
    cr_assert_geq(ARRAY_RESERVE(world->told, world->told_allocated, n + length + 2), 0);
    if (n > 0)
        world->told[n++] = ' ';
    memcpy(world->told + n, words, length + 1);
    world->told_length = n + length;
}

static const char *event_name(LedgerEvent event) {
    static const char *const names[] = {
        [LEDGER_APPEARED] = "appeared",
        [LEDGER_CHANGED] = "changed",
        [LEDGER_GONE] = "gone",
        [LEDGER_FLAGGED] = "flagged",
        [LEDGER_RESOLVED] = "resolved",
        [LEDGER_STILL_FLAGGED] = "still-flagged",
        [LEDGER_SUPPRESSED] = "suppressed",
    };
    return names[event];
}

static void sink(void *userdata, const LedgerChange *change) {
    static const char *const whys[] = {
        [RESOLVED_GONE] = "gone",   [RESOLVED_POLICY] = "policy",   [RESOLVED_SNOOZE] = "snooze",
        [RESOLVED_UNTIL] = "until", [RESOLVED_CHANGED] = "changed",
    };
    World *world = userdata;
    char words[96], more[24] = "";

    world->n_told[change->event]++;
    world->last = *change;
    if (change->event == LEDGER_SUPPRESSED) {
        world->sums.n_flagged += change->sum.n_flagged;
        world->sums.n_reminders += change->sum.n_reminders;
        world->sums.n_refused += change->sum.n_refused;
    }
    if (world->quiet)
        return;
    if (change->event == LEDGER_CHANGED)
        snprintf(more, sizeof(more), "/%s%s%s%s%s", change->what & LEDGER_HOLDERS ? "h" : "",
                 change->what & LEDGER_SCOPE ? "s" : "", change->what & LEDGER_REACH ? "r" : "",
                 change->what & LEDGER_VERDICT ? "v" : "", change->what & LEDGER_ID ? "i" : "");
    else if (change->event == LEDGER_RESOLVED)
        snprintf(more, sizeof(more), "/%s", whys[change->why]);
    else if (change->n_returned)
        snprintf(more, sizeof(more), "+%u", change->n_returned);
    if (change->event == LEDGER_SUPPRESSED)
        snprintf(words, sizeof(words), "suppressed:%u/%llu", change->sum.uid,
                 (unsigned long long)(change->sum.n_flagged + change->sum.n_reminders +
                                      change->sum.n_refused));
    else
        snprintf(words, sizeof(words), "%s:%u%s", event_name(change->event),
                 change->view.listener.endpoint.port, more);
    say(world, words);
}

const char *world_told(World *world) {
    if (world->told_length == 0)
        return "";
    world->told_length = 0;
    return world->told;
}

/* --- the world --- */

void world_restart(World *world) {
    ledger_free(world->ledger);
    cr_assert_eq(ledger_new(&world->config, &world->now, &world->ledger), 0);
}

World *world_new(const LedgerLimits *limits) {
    World *world = calloc(1, sizeof(*world));
    cr_assert(world);
    world->now = (AuditTime){.boottime = START_BOOTTIME, .realtime = START_REALTIME};
    world->severity = SEVERITY_WARNING;
    world->judge = (Judge){
        .judge = judge,
        .next_age = next_age,
        .next_until = next_until,
        .userdata = world,
        .settings = {.udp_grace = 5 * USEC_PER_SEC, .remind = USEC_INFINITY, .burst = 10},
    };
    world->config = (LedgerConfig){
        .netns = {.inode = 4026531840, .host = true},
        .judge = &world->judge,
        .sink = sink,
        .sink_userdata = world,
    };
    if (limits)
        world->config.limits = *limits;
    world->snapshot = snapshot_new();
    cr_assert(world->snapshot);
    world->snapshot->netns = world->config.netns;
    world_restart(world);
    return world;
}

void world_free(World *world) {
    if (!world)
        return;
    ledger_free(world->ledger);
    snapshot_free(world->snapshot);
    for (size_t i = 0; i < world->n_sockets; i++)
        owner_unref(world->sockets[i].owner);
    free(world->sockets);
    free(world->closed);
    free(world->told);
    free(world);
}

WorldSocket *world_listen(World *world, uint64_t cookie, uint16_t port) {
    for (size_t i = world->n_closed; i-- > 0;)
        if (world->closed[i].cookie == cookie)
            world->closed[i] = world->closed[--world->n_closed];
    cr_assert_geq(ARRAY_RESERVE(world->sockets, world->allocated, world->n_sockets + 1), 0);
    WorldSocket *socket = &world->sockets[world->n_sockets++];
    *socket = (WorldSocket){
        .cookie = cookie,
        .endpoint = {.proto = PROTO_TCP, .port = port, .address.family = AF_INET},
        .scope = SCOPE_WILDCARD,
        .uid = 1000,
        .cgroup_id = 1,
    };
    return socket;
}

WorldSocket *world_socket(World *world, uint64_t cookie) {
    for (size_t i = 0; i < world->n_sockets; i++)
        if (world->sockets[i].cookie == cookie)
            return &world->sockets[i];
    cr_assert(false, "no socket %llu", (unsigned long long)cookie);
    return NULL;
}

void world_close(World *world, uint64_t cookie) {
    WorldSocket *socket = world_socket(world, cookie);
    owner_unref(socket->owner);
    socket->owner = NULL;
    cr_assert_eq(ARRAY_RESERVE(world->closed, world->closed_allocated, world->n_closed + 1), 0);
    world->closed[world->n_closed++] = *socket;
    *socket = world->sockets[--world->n_sockets];
}

Owner *world_owner(const char *exe) {
    Owner *owner = owner_new();
    cr_assert(owner);
    owner->holders = calloc(1, sizeof(*owner->holders));
    cr_assert(owner->holders);
    owner->holders[0] =
        (Holder){.pid = 4242, .group = 4242, .fd = 3, .uid = 1000, .exe = strdup(exe)};
    owner->holders[0].exe_state = EXE_VERIFIED;
    owner->n_holders = owner->n_holders_seen = 1;
    owner->attribution = ATTRIBUTION_FULL;
    owner->complete = true;
    return owner;
}

static void show(World *world, const WorldSocket *socket) {
    Listener found = {
        .endpoint = socket->endpoint,
        .uid = socket->uid,
        .inode = (uint32_t)socket->cookie,
        .cookie = socket->cookie,
        .cgroup_id = socket->cgroup_id,
    };
    cr_assert_geq(snapshot_add(world->snapshot, &found), 0);
    size_t index = world->snapshot->sockets[world->snapshot->n_sockets - 1].listener;
    Listener *listener = &world->snapshot->listeners[index];
    listener->scope = socket->scope;
    if (socket->owner && !listener->owner)
        listener->owner = owner_ref(socket->owner);
}

const Snapshot *world_look(World *world) {
    snapshot_clear(world->snapshot);
    for (size_t i = 0; i < world->n_sockets; i++) {
        if (!world->sockets[i].hidden)
            show(world, &world->sockets[i]);
        world->sockets[i].hidden = false;
    }
    return world->snapshot;
}

void world_dump(World *world) {
    cr_assert_eq(ledger_update(world->ledger, world_look(world), LEDGER_ALL, &world->now), 0);
}

void world_look_at(World *world, uint16_t port, bool closed) {
    snapshot_clear(world->snapshot);
    for (size_t i = 0; i < world->n_sockets; i++)
        if (world->sockets[i].endpoint.port == port)
            show(world, &world->sockets[i]);
    for (size_t i = world->n_closed; closed && i-- > 0;)
        if (world->closed[i].endpoint.port == port) {
            ledger_close(world->ledger, world->closed[i].cookie, &world->now);
            world->closed[i] = world->closed[--world->n_closed];
        }
    cr_assert_eq(ledger_update_some(world->ledger, world->snapshot, &world->now), 0);
}

void world_sleep(World *world, usec_t span) {
    world->now.boottime += span;
    world->now.realtime += span;
}

void world_pass(World *world, usec_t span) {
    usec_t end = world->now.boottime + span, next;
    for (unsigned i = 0; (next = ledger_next_deadline(world->ledger, &world->now)) <= end; i++) {
        cr_assert_lt(i, 100000, "the ledger wants to be ticked for ever");
        if (next > world->now.boottime)
            world_sleep(world, next - world->now.boottime);
        ledger_tick(world->ledger, &world->now);
    }
    world_sleep(world, end - world->now.boottime);
    ledger_tick(world->ledger, &world->now);
}
