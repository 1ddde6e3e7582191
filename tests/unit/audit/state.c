/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lasts: the state file, and what a ledger makes of it. */
#include "audit/state.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "audit/state_text.h"
#include "util/cleanup.h"
#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)
#define BOOT_A      "11111111-2222-3333-4444-555555555555\n"
#define BOOT_B      "66666666-7777-8888-9999-000000000000\n"

TestSuite(state, .timeout = 120);

/* --- a directory of the test's own --- */

typedef struct Place {
    char path[32];
    int fd;
} Place;

static Place place_new(void) {
    Place place = {.path = "/tmp/audit-state-XXXXXX"};
    cr_assert(mkdtemp(place.path));
    place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(place.fd, 0);
    return place;
}

static void place_done(Place *place) {
    static const char *const names[] = {"state", "state.log", "state.new", "state.corrupt"};
    for (size_t i = 0; i < 4; i++)
        unlinkat(place->fd, names[i], 0);
    close(place->fd);
    cr_assert_eq(rmdir(place->path), 0, "something else was left in the directory");
}
#define _cleanup_place_ _cleanup_(place_done)

static char *slurp(const Place *place, const char *name, size_t *ret_length) {
    _cleanup_close_ int fd = openat(place->fd, name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    cr_assert(fd >= 0 && fstat(fd, &status) == 0);
    char *text = malloc((size_t)status.st_size + 1);
    cr_assert(text);
    cr_assert_eq(read(fd, text, (size_t)status.st_size), status.st_size);
    text[status.st_size] = '\0';
    *ret_length = (size_t)status.st_size;
    return text;
}

static void spill(const Place *place, const char *name, const char *text, size_t length) {
    _cleanup_close_ int fd =
        openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, length), (ssize_t)length);
}

static bool exists(const Place *place, const char *name) {
    return faccessat(place->fd, name, F_OK, 0) == 0;
}

/* --- restarts --- */

static void save(World *world, const Place *place, const char *boot, uint64_t generation) {
    cr_assert_eq(ledger_save(world->ledger, place->fd, boot, generation, NULL, 0, &world->now), 0);
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
    ledger_snooze(world->ledger, 1, 10 * USEC_PER_HOUR, &world->now);
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
    ledger_snooze(world->ledger, 1, 10 * USEC_PER_HOUR, &world->now);
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
    flag = ledger_flag_record(&world->last, STATE_TOLD, &world->now);
    cr_assert_eq(state_log(place.fd, 7, &flag, true), 0); /* resolved since */
    for (uint64_t i = 0; i < 4; i++) {
        world_listen(world, 1 + i, (uint16_t)(3000 + i));
        world_dump(world);
        flag = ledger_flag_record(&world->last, STATE_TELLING, &world->now);
        cr_assert_eq(state_log(place.fd, 7, &flag, false), 0);
        flag.status = STATE_TOLD;
        if (i == 0)
            cr_assert_eq(state_log(place.fd, 7, &flag, false), 0);
        if (i == 3) /* of an earlier generation: void */
            cr_assert_eq(state_log(place.fd, 6, &flag, false), 0);
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
    cr_assert(!exists(&place, "state.log"));
}

Test(state, log_survives_a_cut_at_every_byte) {
    _cleanup_place_ Place place = place_new();
    StateFlag flag = {.identity = {.endpoint = {.proto = PROTO_TCP, .address.family = AF_INET6}},
                      .severity = SEVERITY_ERROR,
                      .since = -5};
    size_t length, ends[5] = {0};
    for (uint16_t i = 0; i < 4; i++) {
        flag.identity.endpoint.port = i;
        cr_assert_eq(state_log(place.fd, 3, &flag, false), 0);
        free(slurp(&place, "state.log", &ends[i + 1]));
    }
    _cleanup_free_ char *text = slurp(&place, "state.log", &length);
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

Test(state, log_is_bounded) {
    _cleanup_place_ Place place = place_new();
    StateFlag flag = {.identity.endpoint.address.family = AF_INET};
    int r, n = 0;
    while ((r = state_log(place.fd, 3, &flag, false)) == 0)
        cr_assert_lt(++n, 100000);
    cr_assert_eq(r, -EFBIG);
}

/* --- the file --- */

static void save_all_sorts(World *world, const Place *place, uint64_t generation) {
    StateHits hits[] = {{.rule = 1, .count = 2}, {.rule = 3, .count = 0}};
    cr_assert_eq(ledger_save(world->ledger, place->fd, BOOT_A, generation, hits, 2, &world->now),
                 0);
}

static World *world_of_all_sorts(void) {
    World *world = world_new(NULL);
    WorldSocket *socket = world_listen(world, 1, 3000);
    socket = world_listen(world, 2, 3001);
    socket->endpoint.address.family = AF_INET6;
    socket->endpoint.v6only = true;
    socket->endpoint.ifindex = 4;
    memset(socket->endpoint.address.bytes, 0xfe, 16);
    world_listen(world, UINT64_MAX >> 3, 3002)->owner = world_owner("/usr/bin/node");
    world_listen(world, 4, 3003)->scope = SCOPE_LOOPBACK;
    world_dump(world);
    ledger_snooze(world->ledger, 1, USEC_PER_HOUR, &world->now);
    return world;
}

Test(state, survives_a_cut_at_every_byte) {
    _cleanup_world_ World *world = world_of_all_sorts();
    _cleanup_place_ Place place = place_new();
    char why[STATE_WHY_SIZE];
    size_t length;
    save_all_sorts(world, &place, 1);
    _cleanup_free_ char *text = slurp(&place, "state", &length);
    for (size_t cut = 0; cut < length; cut++) {
        State state;
        cr_assert_eq(state_parse(text, cut, &state, why), -EBADMSG);
        /* Torn while it was written: the new name never counted. */
        spill(&place, "state.new", text, cut);
        cr_assert_eq(state_load(place.fd, &state, why), 0);
        cr_assert_eq(state.n_listeners, 4);
        cr_assert_eq(state.n_flags, 3);
        cr_assert_eq(state.n_snoozes, 1);
        cr_assert_eq(state.n_hits, 1);
        state_done(&state);
    }
    for (size_t at = 0; at < length; at++) { /* nor does a changed byte pass */
        State state;
        text[at] ^= 4;
        cr_assert_eq(state_parse(text, length, &state, why), -EBADMSG);
        text[at] ^= 4;
    }
}

Test(state, sets_a_corrupt_file_aside) {
    _cleanup_place_ Place place = place_new();
    State state;
    char why[STATE_WHY_SIZE] = "";
    cr_assert_eq(state_load(place.fd, &state, why), -ENOENT);
    spill(&place, "state", "nonsense\n", 9);
    cr_assert_eq(state_load(place.fd, &state, why), -EBADMSG);
    cr_assert(strstr(why, "cut short"), "%s", why);
    cr_assert(exists(&place, "state.corrupt") && !exists(&place, "state"));
    cr_assert_eq(symlinkat("/etc/passwd", place.fd, "state"), 0);
    cr_assert_eq(state_load(place.fd, &state, why), -EBADMSG);
    cr_assert_eq(mkfifoat(place.fd, "state", 0600), 0);
    cr_assert_eq(state_load(place.fd, &state, why), -EBADMSG);
    spill(&place, "state", "", 0);
    _cleanup_close_ int fd = openat(place.fd, "state", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(ftruncate(fd, STATE_SIZE_MAX + 1), 0);
    cr_assert_eq(state_load(place.fd, &state, why), -EBADMSG);
    cr_assert(strstr(why, "larger"), "%s", why);
}

static char *with_end(const char *body) {
    char *text = NULL;
    unsigned n = 0;
    for (const char *at = body; *at; at++)
        n += *at == '\n';
    cr_assert_gt(asprintf(&text, "%send %u %016llx\n", body, n,
                          (unsigned long long)fnv_add(FNV_BEGIN, body, strlen(body))),
                 0);
    return text;
}

Test(state, takes_only_what_it_writes) {
    static const char *const bad[] = {
        "",
        "\n",
        "sockaudit-state 2 boot 1 2 3\n",
        "sockaudit-state 1 boot 1 2\n",
        "sockaudit-state 1 boot 1 2 -3\n",
        "sockaudit-state 1  boot 1 2 3\n",
        "sockaudit-state 1 0123456789012345678901234567890123456789 1 2 3\n",
        "sockaudit-state 1 boot 1 2 99999999999999999999\n",
        "HEAD\n",
        "HEADbogus 1\n",
        "HEADhits 1\n",
        "HEADhits x 1\n",
        "HEADhits 1 x\n",
        "HEADcounters 1 2 3 4\n",
        "HEADsnooze tcp 0.0.0.0 3000 0 0 socket 1000 1\n",
        "HEADsnooze tcp 0.0.0.0 65536 0 0 socket 1000 1 5\n",
        "HEADsnooze tcp 0.0.0 3000 0 0 socket 1000 1 5\n",
        "HEADsnooze xcp 0.0.0.0 3000 0 0 socket 1000 1 5\n",
        "HEADsnooze tcp 0.0.0.0 3000 0 2 socket 1000 1 5\n",
        "HEADsnooze tcp 0.0.0.0 3000 0 0 sucket 1000 1 5\n",
        "HEADsnooze tcp 0.0.0.0 3000 0 0 socket 4294967296 1 5\n",
        "HEADsnooze tcp 0.0.0.0 3000 0 0 socket 1000 g 5\n",
        "HEADsnooze tcp 0.0.0.0 3000 0 0 socket 1000 11111111111111111 5\n",
        "HEADsnooze tcp 0.0.0.0 3000 0 0 socket 1000 1 --5\n",
        "HEADflag tcp 0.0.0.0 3000 0 0 socket 1000 1 1 tld error 1 1 0 0\n",
        "HEADflag tcp 0.0.0.0 3000 0 0 socket 1000 1 1 told eror 1 1 0 0\n",
        "HEADlistener tcp 0.0.0.0 3000 0 0 socket 1000 1 1 1\n",
    };
    char why[STATE_WHY_SIZE];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        State state;
        _cleanup_free_ char *body = NULL, *text = NULL;
        bool head = strncmp(bad[i], "HEAD", 4) == 0;
        cr_assert_geq(asprintf(&body, "%s%s", head ? "sockaudit-state 1 boot 1 2 3\n" : "",
                               bad[i] + (head ? 4 : 0)),
                      0);
        text = with_end(body);
        cr_assert_eq(state_parse(text, strlen(text), &state, why), -EBADMSG, "%s", bad[i]);
    }
    State state;
    _cleanup_free_ char *good = with_end("sockaudit-state 1 boot 1 2 3\n"
                                         "snooze tcp 0.0.0.0 3000 0 0 socket 1000 1 -5\n");
    cr_assert_eq(state_parse(good, strlen(good), &state, why), 0);
    cr_assert_eq(state.snoozes[0].until, -5);
    state_done(&state);
}

/* The disk is full: the old state stays, nothing else is left. */
Test(state, keeps_the_old_one_when_the_disk_is_full) {
    _cleanup_world_ World *world = world_of_all_sorts();
    _cleanup_place_ Place place = place_new();
    State state;
    char why[STATE_WHY_SIZE];
    struct rlimit before, small = {.rlim_cur = 300, .rlim_max = RLIM_INFINITY};
    save_all_sorts(world, &place, 1);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int r = ledger_save(world->ledger, place.fd, BOOT_A, 2, NULL, 0, &world->now);
    StateFlag flag = {.identity.endpoint.address.family = AF_INET};
    int logged[4];
    for (unsigned i = 0; i < 4; i++)
        logged[i] = state_log(place.fd, 1, &flag, false);
    setrlimit(RLIMIT_FSIZE, &before);
    cr_assert_eq(r, -EFBIG);
    cr_assert(!exists(&place, "state.new"));
    cr_assert_eq(logged[0], 0);
    cr_assert_lt(logged[3], 0);
    cr_assert_eq(state_log(place.fd, 1, &flag, true), 0); /* half a line would have spoiled it */
    cr_assert_eq(state_load(place.fd, &state, why), 0);
    cr_assert_eq(state.header.generation, 1);
    cr_assert_eq(state.n_flags, 3);
    state_done(&state);
}

static _Noreturn void save_for_ever(World *world, const Place *place) {
    StateFlag flag = {.identity.endpoint.address.family = AF_INET};
    for (uint64_t generation = 2;; generation++) {
        ledger_save(world->ledger, place->fd, BOOT_A, generation, NULL, 0, &world->now);
        for (uint16_t i = 0; i < 20; i++) {
            flag.identity.endpoint.port = i;
            state_log(place->fd, generation, &flag, false);
        }
    }
}

/* SIGKILL at any moment leaves a state that loads. */
Test(state, survives_a_kill_at_200_moments) {
    _cleanup_world_ World *world = world_of_all_sorts();
    _cleanup_place_ Place place = place_new();
    unsigned seed = 1;
    for (uint64_t i = 10; i < 300; i++)
        world_listen(world, i, (uint16_t)(4000 + i));
    world_dump(world);
    save(world, &place, BOOT_A, 1);
    for (unsigned i = 0; i < 200; i++) {
        char why[STATE_WHY_SIZE] = "";
        State state;
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0)
            save_for_ever(world, &place);
        usleep((unsigned)rand_r(&seed) % 3000);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        cr_assert_eq(state_load(place.fd, &state, why), 0, "%s", why);
        cr_assert_eq(state.n_listeners, 294);
        cr_assert_geq(state.n_flags, 293);
        cr_assert_leq(state.n_flags, 293 + 20);
        state_done(&state);
    }
}
