/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger alone: a full update of listeners that did not change, and one event with few and with
 * many known; with the shipped kind of verdict left out (the judge here is a comparison).
 *
 *   ledger [LISTENERS]     default 50000
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/ledger.h"
#include "util/cleanup.h"

#define ROUNDS        21
#define EVENTS        1001
#define EVENT_BUDGET  1000.0 /* microseconds more than with 50 known: DESIGN.md */
#define MEMORY_BUDGET 40.0   /* MiB, of the whole daemon */

static double now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof(*values), compare_doubles);
    return values[count / 2];
}

static void judge(void *userdata, const Listener *listener, usec_t age, usec_t realtime,
                  Verdict *ret) {
    (void)userdata, (void)age, (void)realtime;
    *ret = (Verdict){.action = listener->scope == SCOPE_LOOPBACK ? ACTION_ALLOW : ACTION_FLAG};
}

static usec_t never(void *userdata, usec_t now) {
    (void)userdata, (void)now;
    return USEC_INFINITY;
}

static void sink(void *userdata, const LedgerChange *change) {
    (void)change;
    ++*(unsigned *)userdata;
}

static void add(Snapshot *snapshot, uint64_t cookie, bool flagged) {
    Listener found = {
        .endpoint = {.proto = PROTO_TCP,
                     .port = (uint16_t)(1024 + cookie % 64000),
                     .address = {AF_INET, {127, (uint8_t)(cookie >> 16), 0, 1}}},
        .uid = 1000,
        .inode = (uint32_t)cookie,
        .cookie = cookie,
    };
    if (snapshot_add(snapshot, &found) < 0)
        exit(1);
    snapshot->listeners[snapshot->n_listeners - 1].scope = flagged ? SCOPE_PRIVATE : SCOPE_LOOPBACK;
}

typedef struct Bench {
    Ledger *ledger;
    Snapshot *snapshot;
    AuditTime now;
    unsigned n_told;
    double memory; /* MiB, of the ledger */
} Bench;

static void bench_open(Bench *bench, unsigned n, bool flagged) {
    static const Judge judges = {
        .judge = judge,
        .next_age = never,
        .next_until = never,
        .settings = {.remind = USEC_INFINITY, .burst = 20},
    };
    LedgerConfig config = {.judge = &judges,
                           .sink = sink,
                           .sink_userdata = &bench->n_told,
                           .netns = {.inode = 1, .host = true}};
    bench->now = (AuditTime){USEC_PER_DAY, 20000 * USEC_PER_DAY};
    bench->snapshot = snapshot_new();
    if (!bench->snapshot)
        exit(1);
    bench->snapshot->netns = config.netns;
    for (uint64_t i = 1; i <= n; i++)
        add(bench->snapshot, i, flagged);
    struct mallinfo2 before = mallinfo2();
    if (ledger_new(&config, &bench->now, &bench->ledger) < 0 ||
        ledger_update(bench->ledger, bench->snapshot, LEDGER_ALL, &bench->now) < 0)
        exit(1);
    struct mallinfo2 after = mallinfo2();
    bench->memory =
        (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / (1 << 20);
}

static void bench_close(Bench *bench) {
    ledger_free(bench->ledger);
    snapshot_free(bench->snapshot);
}

/* Microseconds of a full update in which nothing changed. */
static double time_update(Bench *bench) {
    double times[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        double begin = now_us();
        ledger_update(bench->ledger, bench->snapshot, LEDGER_ALL, &bench->now);
        times[i] = now_us() - begin;
    }
    return median(times, ROUNDS);
}

/* Microseconds of a listener that appears and, by its close event, goes. */
static double time_event(Bench *bench) {
    static double times[EVENTS];
    _cleanup_snapshot_ Snapshot *look = snapshot_new();
    if (!look)
        exit(1);
    look->netns = bench->snapshot->netns;
    for (size_t i = 0; i < EVENTS; i++) {
        snapshot_clear(look);
        add(look, (UINT64_C(1) << 40) + i * 7, false);
        double begin = now_us();
        ledger_update_some(bench->ledger, look, &bench->now);
        ledger_close(bench->ledger, look->sockets[0].cookie, &bench->now);
        times[i] = now_us() - begin;
    }
    return median(times, EVENTS);
}

int main(int argc, char **argv) {
    unsigned many = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 50000;
    Bench few = {0}, all = {0}, flagged = {0};

    bench_open(&few, 50, false);
    bench_open(&all, many, false);
    bench_open(&flagged, many, true);
    double update = time_update(&all), update_flagged = time_update(&flagged);
    double event_few = time_event(&few), event_many = time_event(&all);

    printf("full update, %u unchanged          %8.0f us   %6.1f ns a listener\n", many, update,
           update * 1000 / many);
    printf("full update, %u unchanged, flagged %8.0f us   %6.1f ns a listener\n", many,
           update_flagged, update_flagged * 1000 / many);
    printf("an event (appears, goes), 50 known    %8.2f us\n", event_few);
    printf("an event (appears, goes), %u known %8.2f us\n", many, event_many);
    printf("memory of the ledger, %u           %8.1f MiB  (%.1f MiB when all are flagged)\n", many,
           all.memory, flagged.memory);
    bench_close(&few);
    bench_close(&all);
    bench_close(&flagged);
    return event_many - event_few > EVENT_BUDGET || flagged.memory > MEMORY_BUDGET;
}
