/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who reads the rings: threads with SCHED_FIFO, or the loop. KERNEL.md 22, and what they bound. */
#include "collect/events/readers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collect/events/cpu_list.h"
#include "collect/events/witness_budget.h"
#include "util/memory.h"
#include "world.h"

static TracepointFormat format;
static unsigned *cpus;
static size_t n_cpus;

static void set_up(void) {
    world_enter(true);
    int tracefs_fd = world_open("/sys/kernel/tracing"), sys_fd = world_open("/sys");
    cr_assert_eq(tracepoint_read_format(tracefs_fd, &format), 0);
    cr_assert_eq(cpu_list_online(sys_fd, &cpus, &n_cpus), 0);
}

static void tear_down(void) {
    free(cpus);
}

TestSuite(readers, .init = set_up, .fini = tear_down, .timeout = 180);

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- witnesses -----------------------------------------------------------------------------------
 */

typedef struct Counts {
    atomic_int taken, released, gone;
    atomic_bool stuck;  /* the witness does not come back while it is set */
    atomic_bool within; /* and there it is */
} Counts;

/* Reads the name of the process, as a stand-in for its identity. */
static int take_name(const StateEvent *event, void *context, void **ret) {
    Counts *counts = context;
    char path[64];

    while (atomic_load(&counts->stuck)) {
        atomic_store(&counts->within, true);
        usleep(1000);
    }
    snprintf(path, sizeof(path), "/proc/%u/comm", event->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        atomic_fetch_add(&counts->gone, 1);
        return -ESRCH;
    }
    char *name = calloc(1, 32);
    ssize_t n = read(fd, name, 31);
    close(fd);
    if (n <= 0) {
        free(name);
        atomic_fetch_add(&counts->gone, 1);
        return -ESRCH;
    }
    atomic_fetch_add(&counts->taken, 1);
    *ret = name;
    return 0;
}

static void release_name(void *record, void *context) {
    Counts *counts = context;
    atomic_fetch_add(&counts->released, 1);
    free(record);
}

static Readers *open_readers(Counts *counts, bool no_threads) {
    ReadersConfig config = {
        .format = format,
        .witness = {take_name, release_name, counts},
        .no_threads = no_threads,
    };
    Readers *readers;
    cr_assert_eq(readers_open(&config, &readers), 0);
    int r = readers_set_cpus(readers, cpus, n_cpus);
    if (r < 0)
        world_skip("no perf events: %s", strerror(-r));
    cr_assert_eq(r, 1);
    return readers;
}

/* What was taken is released, if need be by a thread that is late: so `counts` must stay. */
static int close_readers(Readers *readers, Counts *counts) {
    int r = readers_close(readers);
    cr_assert(world_closed(r));
    for (int64_t start = 0; atomic_load(&counts->taken) != atomic_load(&counts->released);) {
        cr_assert_not(world_waited(&start, PATIENCE), "records leak");
        usleep(1000);
    }
    return r;
}

static bool wait_for(const Readers *readers, int msec) {
    struct pollfd fd = {.fd = readers_fd(readers), .events = POLLIN};
    return poll(&fd, 1, msec) > 0;
}

/*
 * Whether a listener of this process on that port comes with its witness, once. What others open
 * and close meanwhile comes, too, and may be before it.
 */
static bool is_witnessed_once(Readers *readers, Counts *counts, uint16_t port) {
    WitnessedEvent event;
    int64_t start = 0;
    int seen = 0;

    while (seen == 0 && !world_waited(&start, PATIENCE)) {
        wait_for(readers, 1000);
        readers_dispatch(readers);
        while (readers_next(readers, &event) > 0) {
            seen += event.event.pid == (uint32_t)getpid() && event.event.port == port &&
                    event.witness != NULL;
            if (event.witness)
                release_name(event.witness, counts);
        }
    }
    return seen == 1;
}

/* --- short lives ---------------------------------------------------------------------------------
 */

#define LIVES 1000

/* Events come from all network namespaces: a port that no other test running now listens on. */
static uint16_t lives_port;

/* A process that forks others, one after another, each of which listens for a millisecond. */
static pid_t start_short_lives(unsigned n) {
    pid_t mother = fork();
    if (mother != 0)
        return mother;
    usleep(20000);
    for (unsigned i = 0; i < n; i++) {
        pid_t child = fork();
        if (child == 0) {
            int fd = world_socket(&(SocketWish){.address = "127.0.0.1", .port = lives_port});
            usleep(1000);
            _exit(fd < 0);
        }
        waitpid(child, NULL, 0);
    }
    _exit(0);
}

typedef struct Lives {
    unsigned seen, named, closed, lost;
} Lives;

static void take_lives(Readers *readers, Counts *counts, Lives *lives) {
    WitnessedEvent event;
    while (readers_next(readers, &event) > 0) {
        if (event.event.port != lives_port) {
            /* of another */
        } else if (event.event.kind == STATE_EVENT_CLOSE)
            lives->closed++;
        else {
            lives->seen++;
            lives->named += event.witness != NULL;
        }
        if (event.witness)
            release_name(event.witness, counts);
    }
    lives->lost += (unsigned)readers_take_lost(readers);
}

/* Who else listens on this machine may fill the rings: then it must have been said. */
static bool are_all_told(const Lives *lives) {
    return lives->seen + lives->lost >= LIVES && lives->closed + lives->lost >= LIVES;
}

static Lives watch_lives(bool no_threads, ReadersState *ret_state, Counts *counts) {
    Readers *readers = open_readers(counts, no_threads);
    Lives lives = {};
    *ret_state = readers_state(readers);
    lives_port = (uint16_t)(61000 + getpid() % 4000);

    pid_t mother = start_short_lives(LIVES);
    bool ended = false;
    for (int64_t start = 0; !are_all_told(&lives) && !(ended && world_waited(&start, PATIENCE));) {
        ended = ended || waitpid(mother, NULL, WNOHANG) == mother;
        wait_for(readers, 100);
        readers_dispatch(readers);
        take_lives(readers, counts, &lives);
    }
    if (!ended)
        waitpid(mother, NULL, 0);
    close_readers(readers, counts);
    printf("# short lives, %s: %u of %d seen, %u named, %u ends, %u lost\n",
           no_threads ? "read by the loop" : "SCHED_FIFO threads", lives.seen, LIVES, lives.named,
           lives.closed, lives.lost);
    return lives;
}

static void expect_all(const Lives *lives) {
    cr_assert(are_all_told(lives));
    cr_assert_leq(lives->seen, LIVES);
    cr_assert_leq(lives->closed, LIVES);
}

/* Their threads go before all but others of SCHED_FIFO: those of the daemons of tests beside it. */
Test(readers, fact_22_threads_name_listeners_that_live_a_millisecond) {
    static Counts counts[5];
    unsigned named = 0;
    for (size_t i = 0; i < ELEMENTS(counts) && named < LIVES * 99 / 100; i++) {
        ReadersState state;
        Lives lives = watch_lives(false, &state, &counts[i]);
        cr_assert_eq(state.n_rings, n_cpus);
        if (state.n_threads < state.n_rings)
            world_skip("SCHED_FIFO is not granted: %s", strerror(-state.no_thread_reason));
        expect_all(&lives);
        named = lives.named;
    }
    cr_assert_geq(named, LIVES * 99 / 100, "%u named", named);
}

Test(readers, fact_22_the_loop_sees_all_and_names_some) {
    static Counts counts;
    ReadersState state;
    Lives lives = watch_lives(true, &state, &counts);
    cr_assert_eq(state.n_threads, 0);
    expect_all(&lives);
    cr_assert_gt(lives.named, 0);
}

/* --- what is not granted -------------------------------------------------------------------------
 */

Test(readers, without_sched_fifo_the_loop_reads) {
    /* A child without the right: the kernel refuses the thread, the rings are open by then. */
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {};
        static Counts counts;
        setrlimit(RLIMIT_RTPRIO, &none);
        /* perf needs root, or this; and CAP_SYS_NICE must go: so keep uid 0 without it. */
        if (world_drop_capability(23 /* CAP_SYS_NICE */) < 0)
            _exit(2);
        Readers *readers = open_readers(&counts, false);
        ReadersState state = readers_state(readers);
        int fd = world_socket(&(SocketWish){.address = "127.0.0.1", .port = 5010});
        bool good = fd >= 0 && state.n_threads == 0 && state.no_thread_reason == -EPERM &&
                    is_witnessed_once(readers, &counts, 5010);
        _exit(good ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0, "%x", status);
}

/* --- shutdown and bounds -------------------------------------------------------------------------
 */

/* Threads that do not end in READERS_STOP_MSEC are left behind, and it says so: not each time. */
Test(readers, threads_end_while_listeners_come_and_go) {
    static Counts counts[10];
    int r = -EBUSY;
    for (size_t i = 0; i < ELEMENTS(counts) && r < 0; i++) {
        Readers *readers = open_readers(&counts[i], false);
        pid_t mother = start_short_lives(100);
        usleep(60000);
        double before = now_ms();
        r = close_readers(readers, &counts[i]);
        printf("# stop took %.2f ms\n", now_ms() - before);
        waitpid(mother, NULL, 0);
    }
    cr_assert_eq(r, 0);
}

Test(readers, a_stuck_witness_holds_nobody_up) {
    static Counts counts; /* it must stay */
    Readers *readers = open_readers(&counts, false);
    if (readers_state(readers).n_threads == 0)
        world_skip("SCHED_FIFO is not granted");
    atomic_store(&counts.stuck, true);
    int fd = world_socket(&(SocketWish){.address = "127.0.0.1", .port = 5020});
    for (int64_t start = 0; !atomic_load(&counts.within); usleep(1000))
        cr_assert_not(world_waited(&start, PATIENCE), "no witness was asked");
    cr_assert_eq(readers_close(readers), -EBUSY);
    atomic_store(&counts.stuck, false);
    usleep(20000);
    close(fd);
}

Test(readers, what_does_not_fit_the_queue_is_counted) {
    static Counts counts;
    Readers *readers = open_readers(&counts, false);
    const unsigned n = READER_QUEUE_SIZE * 2;
    for (unsigned i = 0; i < n; i++) {
        close(world_socket(&(SocketWish){.address = "127.0.0.1", .port = 5030}));
        if (i % 100 == 0)
            usleep(2000); /* else the ring is what overflows, on a loaded machine */
    }
    WitnessedEvent event;
    uint64_t queued = 0, lost = 0;
    for (int64_t start = 0; lost == 0; usleep(10000)) {
        cr_assert_not(world_waited(&start, PATIENCE), "nothing was lost");
        readers_dispatch(readers);
        lost = readers_take_lost(readers);
    }
    for (int64_t start = 0; queued + lost < n * 2; usleep(10000)) {
        cr_assert_not(world_waited(&start, PATIENCE), "%zu queued, %zu lost", (size_t)queued,
                      (size_t)lost);
        readers_dispatch(readers);
        lost += readers_take_lost(readers);
        while (readers_next(readers, &event) > 0) {
            queued++;
            if (event.witness)
                release_name(event.witness, &counts);
        }
    }
    /* Others may listen meanwhile, but not as many again. */
    cr_assert_lt(readers_take_lost(readers), lost, "told twice");
    close_readers(readers, &counts);
}

Test(readers, fact_21_what_the_kernel_could_not_write_is_counted) {
    static Counts counts;
    ReadersConfig config = {
        .format = format,
        .witness = {take_name, release_name, &counts},
        .ring_pages = 1,
        .no_threads = true,
    };
    Readers *readers;
    cr_assert_eq(readers_open(&config, &readers), 0);
    cr_assert_eq(readers_set_cpus(readers, cpus, n_cpus), 1);
    for (int i = 0; i < 300; i++)
        close(world_socket(&(SocketWish){.address = "127.0.0.1", .port = 5050}));
    Lives lives = {};
    for (int64_t start = 0; lives.lost == 0;) {
        cr_assert_not(world_waited(&start, PATIENCE), "nothing was lost");
        wait_for(readers, 50);
        readers_dispatch(readers);
        take_lives(readers, &counts, &lives);
    }
    close_readers(readers, &counts);
}

Test(readers, one_program_can_not_keep_the_readers_busy) {
    static Counts counts;
    Readers *readers = open_readers(&counts, false);
    WitnessedEvent event;
    unsigned over = 0, taken = 0;
    double before = now_ms();
    for (unsigned i = 0; i < 20000; i++) {
        close(world_socket(&(SocketWish){.address = "127.0.0.1", .port = 5040}));
        readers_dispatch(readers);
        while (readers_next(readers, &event) > 0) {
            bool own = event.event.pid == (uint32_t)getpid();
            over += own && event.witness_error == -EAGAIN;
            taken += own && event.witness != NULL;
            if (event.witness)
                release_name(event.witness, &counts);
        }
    }
    double seconds = (now_ms() - before) / 1e3;
    unsigned allowed = (unsigned)((seconds + 1) * WITNESS_RATE / WITNESS_SHARE) * (unsigned)n_cpus;
    printf("# flood: %.2f s, %u witnessed, %u over the share\n", seconds, taken, over);
    /* A busy machine may be too slow to be over it. */
    cr_assert(over > 0 || taken <= allowed);
    cr_assert_leq(taken, allowed + 10);
    close_readers(readers, &counts);
}

Test(readers, cpus_come_and_go) {
    static Counts counts;
    Readers *readers = open_readers(&counts, false);
    cr_assert_eq(readers_set_cpus(readers, cpus, n_cpus), 0, "nothing changed");
    cr_assert_eq(readers_set_cpus(readers, cpus + 1, n_cpus - 1), 1);
    cr_assert_eq(readers_state(readers).n_rings, n_cpus - 1);
    cr_assert_eq(readers_set_cpus(readers, cpus, n_cpus), 1);
    cr_assert_eq(readers_state(readers).n_rings, n_cpus);
    /* One that can't be opened leaves the others. */
    unsigned more[] = {cpus[0], 8000};
    cr_assert_lt(readers_set_cpus(readers, more, 2), 0);
    cr_assert_eq(readers_state(readers).n_rings, 1);
    cr_assert_eq(readers_drop_dead(readers), 0);
    usleep(2000);
    cr_assert_eq(readers_drop_dead(readers), 0);
    readers_drop_all(readers);
    cr_assert_eq(readers_state(readers).n_rings, 0);
    close_readers(readers, &counts);
}

/* --- events that were passed ---------------------------------------------------------------------
 */

static void open_events(EventHandles *events) {
    event_handles_init(events);
    for (size_t i = 0; i < n_cpus; i++) {
        char name[EVENT_NAME_SIZE];
        TraceFeatures features;
        int fd = trace_event_open(&format, cpus[i], &features);
        if (fd < 0)
            world_skip("no perf events: %s", strerror(-fd));
        event_handle_name(cpus[i], &features, name);
        cr_assert_eq(event_handles_take(events, name, fd), 1);
    }
}

Test(readers, with_events_that_were_passed_no_capability_is_needed) {
    static EventHandles events;
    static Counts counts;
    ReadersConfig config = {
        .format = format,
        .events = &events,
        .witness = {take_name, release_name, &counts},
        .no_threads = true,
    };
    TraceFeatures features;
    Readers *readers;

    open_events(&events);
    cr_assert_eq(world_drop_capability(38 /* CAP_PERFMON */), 0);
    cr_assert_eq(world_drop_capability(21 /* CAP_SYS_ADMIN */), 0);
    printf("# perf_event_open now: %d\n", trace_event_open(&format, cpus[0], &features));
    cr_assert_eq(readers_open(&config, &readers), 0);
    cr_assert_eq(readers_set_cpus(readers, cpus, n_cpus), 1);
    cr_assert_eq(readers_state(readers).n_rings, n_cpus);
    events.started = true;

    world_socket(&(SocketWish){.address = "127.0.0.1", .port = 5011});
    cr_assert(is_witnessed_once(readers, &counts, 5011));

    /* Each has one use; that they are used up is noticed, and never that one was not to be had. */
    cr_assert(!events.worn);
    readers_drop_all(readers);
    cr_assert_eq(readers_set_cpus(readers, cpus, n_cpus), -ESTALE);
    cr_assert(events.worn);
    close_readers(readers, &counts);
    event_handles_close(&events);
}

Test(readers, passed_events_are_known_by_their_names) {
    static EventHandles events;
    TraceFeatures features;
    int fds[2];

    event_handles_init(&events);
    cr_assert_eq(event_handles_use(&events, 0, &features), -ENOENT, "nothing was passed");
    cr_assert_eq(pipe(fds), 0);
    static const char *const others[] = {"event-",        "event-x",      "event-1-",
                                         "event-1-lost-", "event-999999", "stored"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        cr_assert_eq(event_handles_take(&events, others[i], fds[0]), 0, "%s", others[i]);
    cr_assert_eq(event_handles_take(&events, "event-7-cgroup-lost", fds[0]), 1);
    cr_assert_eq(event_handles_take(&events, "event-8-lost", fds[1]), 1);
    cr_assert_eq(event_handles_use(&events, 8, &features), fds[1]);
    cr_assert(features.lost && !features.cgroup);

    /* What could not be had at the start is no reason to ask for others later; what came is. */
    cr_assert_eq(event_handles_use(&events, 3, &features), -ENOENT);
    events.started = true;
    cr_assert_eq(event_handles_use(&events, 3, &features), -ENOENT);
    cr_assert(!events.worn);
    cr_assert_eq(event_handles_use(&events, 4, &features), -ESTALE);
    cr_assert(events.worn);
    close(fds[1]);
    event_handles_close(&events);
}
