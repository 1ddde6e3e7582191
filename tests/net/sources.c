/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facade: what is missing and said, what comes back, what is told to the daemon. */
#include "collect/events/sources.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "world.h"

/* What the handlers were told. */
typedef struct Told {
    unsigned n_listen, n_close, n_bind, n_dropped, n_gone, n_links, n_forwards;
    unsigned n_lost[SOURCE_COUNT], n_status[SOURCE_COUNT];
    KernelEvent listen; /* the last one; its caller without the texts */
    bool named;         /* it had all of them */
    unsigned bound_before_gone;
    Destroyed gone;
} Told;

static Told told;

static void on_socket(KernelEvent *event, void *data) {
    Told *to = data;
    const Caller *caller = &event->caller;

    to->n_close += event->kind == RECORD_CLOSE;
    to->n_bind += event->kind == RECORD_BIND;
    to->n_dropped += event->kind == RECORD_DROPPED;
    if (event->kind != RECORD_LISTEN)
        return;
    to->n_listen++;
    to->listen = *event;
    to->named = caller->exe && caller->cwd && caller->cgroup && caller->arguments;
}

static void on_gone(const Destroyed *destroyed, void *data) {
    Told *to = data;
    to->gone = *destroyed;
    to->n_gone++;
    to->bound_before_gone = to->n_bind;
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

static void on_done(void *data) {
    (void)data;
}

static sd_event *loop;

static SourcesConfig make_config(void) {
    if (!loop)
        cr_assert_geq(sd_event_new(&loop), 0);
    return (SourcesConfig){
        .loop = loop,
        .sys_fd = world_open("/sys"),
        .cgroup_fd = world_cgroup_root(),
        .netns = world_netns(),
        .periods = {5 * USEC_PER_SEC, 30 * USEC_PER_SEC},
        .handlers = {on_socket, on_gone, on_links, on_forwards, on_lost, on_status, on_done, &told},
    };
}

static Sources *open_with(const SourcesConfig *config) {
    Sources *sources;
    cr_assert_eq(sources_open(config, &sources), 0);
    return sources;
}

static Sources *open_sources(void) {
    const SourcesConfig config = make_config();
    return open_with(&config);
}

/* Runs the loop for `msec`. Returns the number of wake-ups. */
static unsigned run_for(int msec) {
    struct timespec now, end;
    unsigned n = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    for (int left = msec; left > 0;) {
        int r = sd_event_run(loop, (uint64_t)left * USEC_PER_MSEC);
        cr_assert_geq(r, 0);
        n += r > 0;
        clock_gettime(CLOCK_MONOTONIC, &now);
        left =
            msec - (int)((now.tv_sec - end.tv_sec) * 1000 + (now.tv_nsec - end.tv_nsec) / 1000000);
    }
    return n;
}

static bool gone_is_told(const Sources *sources) {
    (void)sources;
    return told.n_gone > 0;
}

static void run_until(Sources *sources, bool (*holds)(const Sources *), const char *what) {
    for (int64_t start = 0; !holds(sources); run_for(20))
        cr_assert_not(world_waited(&start, PATIENCE), "%s: %u listeners, %u gone, %zu lost", what,
                      told.n_listen, told.n_gone, (size_t)sources_lost(sources));
}

static bool all_told(const Sources *sources) {
    (void)sources;
    return told.n_gone > 0 && told.n_listen > 0 && told.n_bind > 0;
}

static void expect_all(Sources *sources, uint16_t port) {
    memset(&told, 0, sizeof(told));
    int tcp = world_socket(&(SocketWish){.address = "127.0.0.1", .port = port});
    int udp = world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "127.0.0.1", .port = port});
    uint64_t cookie = world_cookie(udp);
    close(udp);
    run_until(sources, all_told, "not told");
    run_for(100); /* no event is reported twice */
    cr_assert_eq(told.n_listen, 1);
    cr_assert_eq(told.n_bind, 1);
    cr_assert_eq(told.n_close, 0);
    cr_assert_eq(told.listen.listener.endpoint.port, port);
    cr_assert_eq(told.listen.caller.pid, getpid());
    cr_assert(told.named);
    cr_assert_eq(told.n_gone, 1);
    cr_assert_eq(told.gone.cookie, cookie);
    close(tcp);
    run_for(100);
    cr_assert_eq(told.n_close, 1);
    cr_assert_eq(sources_lost(sources), 0);
}

static void need_program(Sources *sources) {
    const SourceStatus *status = sources_status(sources, SOURCE_SOCKETS);
    if (status->quality == SOURCE_MISSING &&
        (status->error == -EPERM || status->kernel_step == KERNEL_BUILD))
        world_skip("%s", status->why);
}

static void expect_full(const Sources *sources) {
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        cr_assert_eq(sources_status(sources, id)->quality, SOURCE_FULL, "%s: %s", source_name(id),
                     sources_status(sources, id)->why);
}

Test(sources, all_are_there, .timeout = 180) {
    world_enter();
    Sources *sources = open_sources();
    need_program(sources);
    expect_full(sources);
    expect_all(sources, 8001);
    sources_close(sources);
}

/* The program that was passed is used, and stays when the sources are closed. */
Test(sources, a_program_that_was_passed_tells_all, .timeout = 180) {
    KernelHandles program;
    const KernelFailure none = {};

    world_enter();
    SourcesConfig config = make_config();
    config.program = &program;
    config.failure = &none;
    world_program(config.cgroup_fd, &program);
    for (uint16_t i = 0; i < 2; i++) {
        Sources *sources = open_with(&config);
        expect_full(sources);
        expect_all(sources, (uint16_t)(8001 + i));
        sources_close(sources);
    }
    kernel_handles_close(&program);
}

static KernelEvent left[4];
static size_t n_left;

static void keep_left(KernelEvent *event, void *data) {
    (void)data;
    if (n_left < ELEMENTS(left)) {
        left[n_left++] = *event;
        event->caller = (Caller){};
    }
}

/* What nobody read waits in the ring: a daemon that starts reads what its predecessor could not. */
Test(sources, what_a_closed_reader_left_is_read_by_the_next, .timeout = 180) {
    KernelHandles program;

    world_enter();
    SourcesConfig config = make_config();
    config.program = &program;
    world_program(config.cgroup_fd, &program);
    Sources *sources = open_with(&config);
    expect_all(sources, 8001);
    sources_close(sources);

    int tcp = world_socket(&(SocketWish){.address = "127.0.0.1", .port = 8002});
    int udp = world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "::1", .port = 8003});
    close(tcp);
    cr_assert_eq(sources_read_left(&program, keep_left, NULL), 3);
    cr_assert_eq(n_left, 3);
    cr_assert(left[0].kind == RECORD_LISTEN && left[0].listener.endpoint.port == 8002);
    cr_assert(left[1].kind == RECORD_BIND && left[1].listener.endpoint.port == 8003);
    cr_assert(left[2].kind == RECORD_CLOSE && left[2].listener.cookie == left[0].listener.cookie);
    cr_assert_eq(left[0].caller.pid, getpid());
    cr_assert(left[0].caller.exe && left[1].caller.exe);
    cr_assert_eq(sources_read_left(&program, keep_left, NULL), 0, "they are read once");

    memset(&told, 0, sizeof(told));
    sources = open_with(&config);
    expect_all(sources, 8004);
    sources_close(sources);
    close(udp);
    for (size_t i = 0; i < n_left; i++)
        caller_done(&left[i].caller);
    kernel_handles_close(&program);
}

/* Another source tells the end, the ring the begin: both wait, and must be told in that order. */
Test(sources, the_end_of_a_udp_socket_is_told_after_its_begin, .timeout = 180) {
    world_enter();
    Sources *sources = open_sources();
    need_program(sources);
    _cleanup_close_ int beside = destroy_open(NULL);
    cr_assert_geq(beside, 0);
    for (int i = 1; i <= 20; i++) {
        memset(&told, 0, sizeof(told));
        close(world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "127.0.0.1"}));
        struct pollfd ready = {.fd = beside, .events = POLLIN};
        cr_assert_eq(poll(&ready, 1, PATIENCE), 1);
        char datagram[8192];
        cr_assert_gt(recv(beside, datagram, sizeof(datagram), 0), 0);
        run_until(sources, gone_is_told, "no end");
        cr_assert_eq(told.n_gone, 1);
        cr_assert_eq(told.n_bind, 1);
        cr_assert_eq(told.bound_before_gone, 1);
    }
    sources_close(sources);
}

Test(sources, at_rest_nothing_wakes, .timeout = 180) {
    world_enter();
    Sources *sources = open_sources();
    need_program(sources);
    run_for(300);
    pid_t child = fork();
    if (child == 0) { /* what others do is not told */
        if (unshare(CLONE_NEWNET) < 0)
            _exit(2);
        for (;;) {
            close(world_socket(&(SocketWish){.address = "0.0.0.0", .port = 9}));
            close(world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "0.0.0.0", .port = 9}));
            usleep(1000);
        }
    }
    usleep(300000);
    cr_assert_eq(run_for(900), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    sources_close(sources);
}

/* --- what is missing -----------------------------------------------------------------------------
 */

/* Takes capabilities out of use, or back into it. Returns 0 or a negative errno. */
static int use_capabilities(uint64_t which, bool use) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        uint32_t part = (uint32_t)(which >> 32 * i);
        data[i].effective =
            use ? data[i].effective | (data[i].permitted & part) : data[i].effective & ~part;
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
#define BIT(capability) (UINT64_C(1) << (capability))
#define FOR_BPF         (BIT(CAP_SYS_ADMIN) | BIT(CAP_BPF) | BIT(CAP_PERFMON))

static bool sockets_are_full(const Sources *sources) {
    return sources_status(sources, SOURCE_SOCKETS)->quality == SOURCE_FULL;
}

Test(sources, what_is_not_permitted_is_said_and_tried_again, .timeout = 180) {
    world_enter();
    Sources *sources = open_sources();
    need_program(sources);
    sources_close(sources);

    SourcesConfig config = make_config();
    cr_assert_eq(use_capabilities(FOR_BPF, false), 0);
    sources = open_with(&config);
    const SourceStatus *status = sources_status(sources, SOURCE_SOCKETS);
    cr_assert_eq(status->quality, SOURCE_MISSING);
    cr_assert_eq(status->step, STEP_PROGRAM);
    cr_assert_eq(status->error, -EPERM, "%d", status->error);
    cr_assert(strstr(status->why, "CAP_BPF"), "%s", status->why);
    cr_assert(strstr(status->means, "up to 5s late"), "%s", status->means);
    cr_assert_eq(sources_status(sources, SOURCE_UDP_GONE)->quality, SOURCE_FULL);

    memset(&told, 0, sizeof(told));
    cr_assert_eq(use_capabilities(FOR_BPF, true), 0);
    run_until(sources, sockets_are_full, "it is not tried again");
    cr_assert_eq(told.n_status[SOURCE_SOCKETS], 1);
    cr_assert_geq(told.n_lost[SOURCE_SOCKETS], 1, "what came meanwhile must be dumped");
    expect_all(sources, 8010);
    sources_close(sources);
}

Test(sources, without_cgroup_v2_tcp_is_told, .timeout = 180) {
    world_enter();
    SourcesConfig config = make_config();
    config.cgroup_fd = -1;
    Sources *sources = open_with(&config);
    need_program(sources);
    const SourceStatus *status = sources_status(sources, SOURCE_SOCKETS);
    cr_assert_eq(status->quality, SOURCE_LIMITED);
    cr_assert_eq(status->kernel_step, KERNEL_CGROUP);
    memset(&told, 0, sizeof(told));
    int udp = world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "127.0.0.1"});
    int tcp = world_socket(&(SocketWish){.address = "127.0.0.1", .port = 8011});
    run_for(100);
    cr_assert_eq(told.n_listen, 1);
    cr_assert_eq(told.n_bind, 0);
    close(udp);
    close(tcp);
    sources_close(sources);
}

/* What was not passed is not loaded, as the daemon may not; and not tried for ever. */
Test(sources, what_was_not_passed_stays_missing, .timeout = 60) {
    KernelHandles none;
    const KernelFailure failure = {KERNEL_LOAD, -EACCES};

    world_enter();
    kernel_handles_init(&none);
    SourcesConfig config = make_config();
    config.program = &none;
    config.failure = &failure;
    Sources *sources = open_with(&config);
    const SourceStatus *status = sources_status(sources, SOURCE_SOCKETS);
    cr_assert_eq(status->quality, SOURCE_MISSING);
    cr_assert_eq(status->kernel_step, KERNEL_LOAD);
    cr_assert_eq(status->error, -EACCES);
    run_for(300);
    memset(&told, 0, sizeof(told));
    cr_assert_eq(run_for(2500), 0, "the loop must not wake for a source that cannot recover");
    sources_close(sources);
}

/* --- changes -------------------------------------------------------------------------------------
 */

Test(sources, changes_of_links_are_told_at_once_and_then_summed_up, .timeout = 180) {
    world_enter();
    Sources *sources = open_sources();
    memset(&told, 0, sizeof(told));
    int64_t start = 0;
    unsigned msec = 0;
    world_waited(&start, msec);
    for (int i = 0; i < 20; i++) {
        if (system("ip link set lo down && ip link set lo up") != 0)
            world_skip("ip does not work");
        run_for(1);
        if (i == 0)
            cr_assert_geq(told.n_links, 1, "the first is told at once");
    }
    run_for(3 * SOURCES_LINKS_MSEC);
    while (world_waited(&start, msec))
        msec += SOURCES_LINKS_MSEC;
    cr_assert_geq(told.n_links, 2);
    cr_assert_leq(told.n_links, msec / SOURCES_LINKS_MSEC + 1, "%u in %u ms", told.n_links, msec);
    unsigned before;
    start = 0;
    do {
        cr_assert_not(world_waited(&start, PATIENCE), "and then there is silence");
        before = told.n_links;
        run_for(3 * SOURCES_LINKS_MSEC);
    } while (told.n_links > before);
    sources_close(sources);
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
    world_enter();
    Sources *sources = open_sources();
    cr_assert_eq(sources_status(sources, SOURCE_FORWARDS)->quality, SOURCE_FULL, "%s",
                 sources_status(sources, SOURCE_FORWARDS)->why);
    memset(&told, 0, sizeof(told));
    if (system("{ echo table ip n {; echo chain c {; yes counter | head -20000; echo }; echo }; } |"
               " nft -f -") != 0)
        world_skip("nft does not work");
    run_until(sources, forwards_are_told, "not told");
    run_for(3 * SOURCES_FORWARDS_MSEC);
    cr_assert_eq(told.n_forwards, 1);
    cr_assert_eq(told.n_lost[SOURCE_FORWARDS], 0);

    memset(&told, 0, sizeof(told));
    int64_t start = 0;
    unsigned msec = 0;
    world_waited(&start, msec);
    for (int i = 0; i < 30; i++) {
        run_nft("add rule ip n c counter");
        run_for(1);
    }
    run_for(2 * SOURCES_FORWARDS_MSEC);
    while (world_waited(&start, msec))
        msec += SOURCES_FORWARDS_MSEC;
    cr_assert_geq(told.n_forwards, 1);
    cr_assert_leq(told.n_forwards, msec / SOURCES_FORWARDS_MSEC + 1, "%u in %u ms", told.n_forwards,
                  msec);
    sources_close(sources);
}

Test(sources, without_net_admin_it_says_that_forwards_are_polled, .timeout = 60) {
    world_enter();
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (world_drop_capability(12 /* CAP_NET_ADMIN */) < 0)
            _exit(2);
        Sources *sources = open_sources();
        const SourceStatus *is = sources_status(sources, SOURCE_FORWARDS);
        _exit(is->quality == SOURCE_MISSING && is->error == -EPERM ? 0 : 4);
    }
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0, "%x", status);
}

/* --- floods --------------------------------------------------------------------------------------
 */

static bool flood_is_told(const Sources *sources) {
    return told.n_lost[SOURCE_SOCKETS] > 0 &&
           told.n_listen + told.n_close + sources_lost(sources) >= 6000;
}

/* A user's share is bounded, and what exceeds it is told. */
Test(sources, what_was_dropped_is_counted_and_told, .timeout = 180) {
    world_enter();
    Sources *sources = open_sources();
    need_program(sources);
    int fd = world_socket(&(SocketWish){.address = "127.0.0.1", .not_listening = true});
    struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    memset(&told, 0, sizeof(told));
    for (int i = 0; i < 3000; i++) {
        cr_assert_eq(listen(fd, 1), 0);
        cr_assert_eq(connect(fd, &unspecified, sizeof(unspecified)), 0);
    }
    run_until(sources, flood_is_told, "neither seen nor lost");
    cr_assert_eq(told.n_listen + told.n_close + sources_lost(sources), 6000);
    cr_assert_geq(told.n_listen, 100);
    cr_assert_geq(told.n_dropped, 1);
    sources_close(sources);
}
