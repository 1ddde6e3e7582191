/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facade: what is missing and said, what comes back, what is told to the daemon. */
#include "collect/events/sources.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "world.h"

/* What the handlers were told. */
typedef struct Told {
    unsigned n_state, n_gone, n_links, n_forwards;
    unsigned n_lost[SOURCE_COUNT], n_status[SOURCE_COUNT];
    StateEvent state;
    int witness_error;
    bool witnessed;
    Destroyed gone;
} Told;

static Told told;

static void on_state(const WitnessedEvent *event, void *data) {
    Told *to = data;
    if (event->event.pid == (uint32_t)getpid() && event->event.kind == STATE_EVENT_LISTEN) {
        to->n_state++;
        to->state = event->event;
        to->witnessed = event->witness != NULL;
    }
    free(event->witness);
}

static void on_gone(const Destroyed *destroyed, void *data) {
    Told *to = data;
    to->gone = *destroyed;
    to->n_gone++;
}

static void on_links(void *data) {
    ((Told *)data)->n_links++;
}

static void on_forwards(void *data) {
    ((Told *)data)->n_forwards++;
}

static void on_lost(SourceId id, void *data) {
    ((Told *)data)->n_lost[id]++;
}

static void on_status(SourceId id, const SourceStatus *status, void *data) {
    printf("# %s: %s%s%s\n", source_name(id), status->why, *status->why ? ": " : "", status->means);
    ((Told *)data)->n_status[id]++;
}

static int take(const StateEvent *event, void *context, void **ret) {
    (void)event;
    (void)context;
    *ret = strdup("witness");
    return *ret ? 0 : -ENOMEM;
}

static void release(void *record, void *context) {
    (void)context;
    free(record);
}

static Sources *open_sources(bool no_threads) {
    SourcesConfig config = {
        .proc_fd = world_open("/proc"),
        .sys_fd = world_open("/sys"),
        .tracefs_fd = -1,
        .periods = {5 * USEC_PER_SEC, 30 * USEC_PER_SEC},
        .no_threads = no_threads,
        .witness = {take, release, NULL},
        .handlers = {on_state, on_gone, on_links, on_forwards, on_lost, on_status, &told},
    };
    Sources *sources;
    cr_assert_eq(sources_open(&config, &sources), 0);
    return sources;
}

/* Dispatches until `msec` have passed. Returns how often it woke. */
static unsigned run_for(Sources *sources, int msec) {
    struct pollfd fd = {.fd = sources_fd(sources), .events = POLLIN};
    struct timespec now, end;
    unsigned n = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    for (int left = msec; left > 0;) {
        if (poll(&fd, 1, left) > 0) {
            n++;
            cr_assert_eq(sources_dispatch(sources), 0);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        left =
            msec - (int)((now.tv_sec - end.tv_sec) * 1000 + (now.tv_nsec - end.tv_nsec) / 1000000);
    }
    return n;
}

static void run_until(Sources *sources, bool (*holds)(const Sources *), const char *what) {
    for (int64_t start = 0; !holds(sources); run_for(sources, 20))
        cr_assert_not(world_waited(&start, PATIENCE), "%s: %u listeners, %u gone, %zu lost", what,
                      told.n_state, told.n_gone, (size_t)sources_lost(sources));
}

static bool both_told(const Sources *sources) {
    (void)sources;
    return told.n_gone > 0 && (told.n_state > 0 || told.n_lost[SOURCE_TCP] > 0);
}

/* Whether the listener was told: other tests may fill the ring, or have all looks at processes. */
static bool is_told(Sources *sources, uint16_t port) {
    memset(&told, 0, sizeof(told));
    int tcp = world_socket(&(SocketWish){.address = "127.0.0.1", .port = port});
    int udp = world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "127.0.0.1", .port = port});
    uint64_t cookie = world_cookie(udp);
    close(udp);
    run_until(sources, both_told, "not told");
    run_for(sources, 100); /* nothing comes twice */
    cr_assert_leq(told.n_state, 1);
    cr_assert(told.n_state == 0 || told.state.port == port);
    cr_assert_eq(told.n_gone, 1);
    cr_assert_eq(told.gone.cookie, cookie);
    close(tcp);
    return told.n_state == 1 && told.witnessed;
}

static void expect_all(Sources *sources, uint16_t port) {
    bool seen = false;
    for (int i = 0; i < 50 && !seen; i++)
        seen = is_told(sources, port);
    cr_assert(seen, "never told, or always disturbed");
}

static void need_perf(Sources *sources) {
    const SourceStatus *status = sources_status(sources, SOURCE_TCP);
    if (status->quality == SOURCE_MISSING)
        world_skip("%s", status->why);
}

Test(sources, all_are_there, .timeout = 180) {
    world_enter(true);
    for (int no_threads = 0; no_threads < 2; no_threads++) {
        Sources *sources = open_sources(no_threads);
        need_perf(sources);
        for (SourceId id = 0; id < SOURCE_COUNT; id++)
            cr_assert_eq(sources_status(sources, id)->quality, SOURCE_FULL, "%s: %s",
                         source_name(id), sources_status(sources, id)->why);
        expect_all(sources, (uint16_t)(8001 + no_threads));
        cr_assert(world_closed(sources_close(sources)));
    }
}

Test(sources, at_rest_nothing_wakes, .timeout = 180) {
    world_enter(true);
    Sources *sources = open_sources(false);
    run_for(sources, 300);
    /* Other tests' listeners come through the tracepoint, so this counts without it. */
    umount2("/sys/kernel/tracing", MNT_DETACH);
    cr_assert(world_closed(sources_close(sources)));
    /* After a second it looks for tracefs again: on a busy machine this is told too late to stop
     * before. Not each time. */
    unsigned n = 1;
    for (int i = 0; i < 20 && n > 0; i++) {
        sources = open_sources(false);
        n = run_for(sources, 900);
        cr_assert(world_closed(sources_close(sources)));
    }
    cr_assert_eq(n, 0, "%u wake-ups", n);
}

static bool tcp_is_full(const Sources *sources) {
    return sources_status(sources, SOURCE_TCP)->quality == SOURCE_FULL;
}

Test(sources, without_tracefs_it_says_so_and_finds_it_later, .timeout = 180) {
    world_enter(false);
    Sources *sources = open_sources(false);
    const SourceStatus *status = sources_status(sources, SOURCE_TCP);
    cr_assert_eq(status->quality, SOURCE_MISSING);
    cr_assert(strstr(status->why, "tracefs is not mounted"), "%s", status->why);
    cr_assert(strstr(status->means, "up to 5s late"), "%s", status->means);
    cr_assert_eq(sources_readers(sources).n_rings, 0);
    cr_assert_eq(sources_status(sources, SOURCE_LINKS)->quality, SOURCE_FULL);

    memset(&told, 0, sizeof(told));
    if (mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0)
        world_skip("no tracefs: %s", strerror(errno));
    Rings rings; /* skips where there are no perf events */
    rings_open(&rings, 1);
    rings_close(&rings);
    run_until(sources, tcp_is_full, "it is not tried again");
    cr_assert_eq(told.n_status[SOURCE_TCP], 1);
    cr_assert_geq(told.n_lost[SOURCE_TCP], 1, "what came meanwhile must be dumped");
    expect_all(sources, 8010);
    cr_assert(world_closed(sources_close(sources)));
}

/* The words of a source that may not be opened, from a child without the capability. */
static void expect_words(unsigned capability, bool also_admin, const char *words) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (also_admin && world_drop_capability(21 /* CAP_SYS_ADMIN */) < 0)
            _exit(2);
        if (world_drop_capability(capability) < 0)
            _exit(3);
        Sources *sources = open_sources(false);
        const SourceStatus *is = sources_status(sources, SOURCE_TCP);
        printf("# %s; %s\n", is->why, is->means);
        fflush(stdout);
        _exit(is->quality != SOURCE_FULL && strstr(is->why, words) ? 0 : 4);
    }
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0, "%s: %x", words, status);
}

Test(sources, what_is_not_permitted_is_said, .timeout = 180) {
    world_enter(true);
    Sources *sources = open_sources(false);
    need_perf(sources);
    sources_close(sources);
    expect_words(38 /* CAP_PERFMON */, true, "CAP_PERFMON");
    expect_words(23 /* CAP_SYS_NICE */, false, "SCHED_FIFO");
}

Test(sources, changes_of_links_are_told_at_once_and_then_summed_up, .timeout = 180) {
    world_enter(false);
    Sources *sources = open_sources(false);
    memset(&told, 0, sizeof(told));
    int64_t start = 0;
    unsigned msec = 0;
    world_waited(&start, msec);
    for (int i = 0; i < 20; i++) {
        if (system("ip link set lo down && ip link set lo up") != 0)
            world_skip("ip does not work");
        run_for(sources, 1);
        if (i == 0)
            cr_assert_geq(told.n_links, 1, "the first is told at once");
    }
    run_for(sources, 3 * SOURCES_LINKS_MSEC);
    while (world_waited(&start, msec))
        msec += SOURCES_LINKS_MSEC;
    cr_assert_geq(told.n_links, 2);
    cr_assert_leq(told.n_links, msec / SOURCES_LINKS_MSEC + 1, "%u in %u ms", told.n_links, msec);
    unsigned before;
    start = 0;
    do {
        cr_assert_not(world_waited(&start, PATIENCE), "and then there is silence");
        before = told.n_links;
        run_for(sources, 3 * SOURCES_LINKS_MSEC);
    } while (told.n_links > before);
    cr_assert(world_closed(sources_close(sources)));
}

static void run_nft(const char *commands) {
    char line[200];
    snprintf(line, sizeof(line), "nft '%s' 2>/dev/null", commands);
    if (system(line) != 0)
        world_skip("nft does not work");
}

static bool forwards_are_told(const Sources *sources) {
    (void)sources;
    return told.n_forwards > 0;
}

/* A ruleset that is replaced is one change, however many rules it has; many are summed up. */
Test(sources, changes_of_the_ruleset_are_told_once_a_transaction, .timeout = 180) {
    world_enter(false);
    Sources *sources = open_sources(false);
    cr_assert_eq(sources_status(sources, SOURCE_FORWARDS)->quality, SOURCE_FULL, "%s",
                 sources_status(sources, SOURCE_FORWARDS)->why);
    memset(&told, 0, sizeof(told));
    if (system("{ echo table ip n {; echo chain c {; yes counter | head -20000; echo }; echo }; } |"
               " nft -f -") != 0)
        world_skip("nft does not work");
    run_until(sources, forwards_are_told, "not told");
    run_for(sources, 3 * SOURCES_FORWARDS_MSEC);
    cr_assert_eq(told.n_forwards, 1);
    cr_assert_eq(told.n_lost[SOURCE_FORWARDS], 0);

    memset(&told, 0, sizeof(told));
    int64_t start = 0;
    unsigned msec = 0;
    world_waited(&start, msec);
    for (int i = 0; i < 30; i++) {
        run_nft("add rule ip n c counter");
        run_for(sources, 1);
    }
    run_for(sources, 2 * SOURCES_FORWARDS_MSEC);
    while (world_waited(&start, msec))
        msec += SOURCES_FORWARDS_MSEC;
    cr_assert_geq(told.n_forwards, 1);
    cr_assert_leq(told.n_forwards, msec / SOURCES_FORWARDS_MSEC + 1, "%u in %u ms", told.n_forwards,
                  msec);
    cr_assert(world_closed(sources_close(sources)));
}

Test(sources, without_net_admin_it_says_that_forwards_are_polled, .timeout = 60) {
    world_enter(false);
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (world_drop_capability(12 /* CAP_NET_ADMIN */) < 0)
            _exit(2);
        Sources *sources = open_sources(false);
        const SourceStatus *is = sources_status(sources, SOURCE_FORWARDS);
        _exit(is->quality == SOURCE_MISSING && is->error == -EPERM ? 0 : 4);
    }
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0, "%x", status);
}

static bool flood_is_counted(const Sources *sources) {
    return told.n_state + sources_lost(sources) >= 900;
}

Test(sources, a_flood_is_taken_in_bounded_steps, .timeout = 180) {
    world_enter(true);
    Sources *sources = open_sources(true);
    need_perf(sources);
    memset(&told, 0, sizeof(told));
    for (int i = 0; i < 900; i++)
        close(world_socket(&(SocketWish){.address = "127.0.0.1", .port = 8020}));
    cr_assert_eq(sources_dispatch(sources), 0);
    cr_assert_lt(told.n_state, 900);
    run_until(sources, flood_is_counted, "neither seen nor lost");
    cr_assert_eq(told.n_lost[SOURCE_TCP] > 0, sources_lost(sources) > 0);
    cr_assert(world_closed(sources_close(sources)));
}
