/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file itself: cut, corrupt, on a full disk, killed while it is written. */
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
#include "place.h"
#include "util/cleanup.h"
#include "util/fnv.h"
#include "world.h"

#define BOOT_A "11111111-2222-3333-4444-555555555555\n"

TestSuite(state_file, .timeout = 600);

static void save(World *world, const Place *place, const char *boot, uint64_t generation) {
    cr_assert_eq(
        ledger_save(world->ledger, place->fd, boot, generation, NULL, 0, UNSURE_NONE, &world->now),
        0);
}

static void save_all_sorts(World *world, const Place *place, uint64_t generation) {
    StateHits hits[] = {{.rule = 1, .count = 2}, {.rule = 3, .count = 0}};
    cr_assert_eq(ledger_save(world->ledger, place->fd, BOOT_A, generation, hits, 2, UNSURE_NONE,
                             &world->now),
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
    ledger_snooze(world->ledger, 1, USEC_PER_HOUR, false, &world->now);
    return world;
}

Test(state_file, survives_a_cut_at_every_byte) {
    _cleanup_world_ World *world = world_of_all_sorts();
    _cleanup_place_ Place place = place_new();
    char why[STATE_WHY_SIZE];
    size_t length;
    save_all_sorts(world, &place, 1);
    _cleanup_free_ char *text = place_read(&place, "state", &length);
    for (size_t cut = 0; cut < length; cut++) {
        State state;
        cr_assert_eq(state_parse(text, cut, &state, why), -EBADMSG);
        /* Torn while it was written: the new name never counted. */
        place_write(&place, "state.new", text, cut);
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

Test(state_file, sets_a_corrupt_file_aside) {
    _cleanup_place_ Place place = place_new();
    State state;
    char why[STATE_WHY_SIZE] = "";
    cr_assert_eq(state_load(place.fd, &state, why), -ENOENT);
    place_write(&place, "state", "nonsense\n", 9);
    cr_assert_eq(state_load(place.fd, &state, why), -EBADMSG);
    cr_assert(strstr(why, "cut short"), "%s", why);
    cr_assert(place_has(&place, "state.corrupt") && !place_has(&place, "state"));
    cr_assert_eq(symlinkat("/etc/passwd", place.fd, "state"), 0);
    cr_assert_eq(state_load(place.fd, &state, why), -EBADMSG);
    cr_assert_eq(mkfifoat(place.fd, "state", 0600), 0);
    cr_assert_eq(state_load(place.fd, &state, why), -EBADMSG);
    place_write(&place, "state", "", 0);
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

Test(state_file, takes_only_what_it_writes) {
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
        "HEADcounters 1 2 3\n",
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
Test(state_file, keeps_the_old_one_when_the_disk_is_full) {
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
    int r = ledger_save(world->ledger, place.fd, BOOT_A, 2, NULL, 0, UNSURE_NONE, &world->now);
    StateFlag flag = {.identity.endpoint.address.family = AF_INET};
    int logged[4];
    for (unsigned i = 0; i < 4; i++)
        logged[i] = state_log(place.fd, &place.log_fd, 1, &flag, false);
    setrlimit(RLIMIT_FSIZE, &before);
    cr_assert_eq(r, -EFBIG);
    cr_assert(!place_has(&place, "state.new"));
    cr_assert_eq(logged[0], 0);
    cr_assert_lt(logged[3], 0);
    cr_assert_eq(state_log(place.fd, &place.log_fd, 1, &flag, true),
                 0); /* the failed write left no partial line */
    cr_assert_eq(state_load(place.fd, &state, why), 0);
    cr_assert_eq(state.header.generation, 1);
    cr_assert_eq(state.n_flags, 3);
    state_done(&state);
}

static _Noreturn void save_for_ever(World *world, const Place *place) {
    StateFlag flag = {.identity.endpoint.address.family = AF_INET};
    int log_fd = -1;
    for (uint64_t generation = 2;; generation++) {
        ledger_save(world->ledger, place->fd, BOOT_A, generation, NULL, 0, UNSURE_NONE,
                    &world->now);
        for (uint16_t i = 0; i < 20; i++) {
            flag.identity.endpoint.port = i;
            state_log(place->fd, &log_fd, generation, &flag, false);
        }
    }
}

/* SIGKILL at any moment leaves a state that loads. */
Test(state_file, survives_a_kill_at_200_moments) {
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
