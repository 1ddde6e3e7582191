/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `scan` costs, and the search for holders within it, beside `ss -Hlntup` and `lsof`, in one
 * run on one population. Arguments: the client or `-` (the search alone), then processes, fds of
 * each, listeners, repetitions; without those, the table of DESIGN.md.
 */
#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/collect.h"
#include "owner/search.h"
#include "population.h"
#include "util/cleanup.h"

#define REPEAT_MAX 99

typedef struct Result {
    double search;
    size_t n_listeners, n_held, n_complete;
} Result;

/* SEARCH_ALL by the walk alone: what it costs where BPF may not be used. */
static const SearchDepth SEARCH_WALK = SEARCH_ALL + 1;

static Result search_once(const OwnerSources *sources, SearchDepth depth) {
    _cleanup_collector_ Collector *collector = NULL;
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Result result = {};
    if (!snapshot || collector_open(sources->proc_fd, -1, NULL, &collector) < 0 ||
        collector_snapshot(collector, snapshot) < 0)
        errx(1, "no snapshot");

    double before = cpu_seconds();
    _cleanup_owner_search_ OwnerSearch *search = NULL;
    if (owner_search_new(sources, snapshot, &search) < 0)
        errx(1, "no search");
    if (depth == SEARCH_WALK)
        search->iterate_min = UINT_MAX;
    if (owner_search_run(search, depth == SEARCH_FIRST ? SEARCH_FIRST : SEARCH_ALL) < 0)
        errx(1, "the search failed");
    result.search = cpu_seconds() - before;
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        result.n_listeners++;
        result.n_held += snapshot->listeners[i].owner->n_holders > 0;
        result.n_complete += snapshot->listeners[i].owner->complete;
    }
    return result;
}

/* Milliseconds. */
static double measure(const OwnerSources *sources, SearchDepth depth, unsigned n, Result *ret) {
    double values[REPEAT_MAX];
    for (unsigned i = 0; i < n; i++) {
        *ret = search_once(sources, depth);
        values[i] = ret->search * 1e3;
    }
    return median(values, n);
}

static double measure_program(const char *const *arguments, unsigned n) {
    double values[REPEAT_MAX];
    for (unsigned i = 0; i < n; i++)
        values[i] = cpu_of_program((char *const *)arguments) * 1e3;
    return median(values, n);
}

static void bench(const char *client, const PopulationPlan *plan, unsigned repeat) {
    const char *const ss[] = {"ss", "-Hlntup", NULL}, *const lsof[] = {"lsof", "-nP", "-i", NULL};
    const char *const scan[] = {client, "scan", "--all", "--json", NULL};
    Population population = population_new(plan);
    OwnerSources sources;
    Result first, all, walk;
    if (owner_sources_open(NULL, &sources) < 0)
        errx(1, "/proc");

    double of_scan = strcmp(client, "-") == 0 ? -1 : measure_program(scan, repeat);
    double of_first = measure(&sources, SEARCH_FIRST, repeat, &first);
    double of_all = measure(&sources, SEARCH_ALL, repeat, &all);
    double of_walk = measure(&sources, SEARCH_WALK, repeat, &walk);
    double of_ss = measure_program(ss, repeat);
    double of_lsof = measure_program(lsof, 1);
    if (first.n_held != first.n_listeners || all.n_held != all.n_listeners ||
        walk.n_held != walk.n_listeners)
        errx(1, "not every listener's holder was found: the times would mean nothing");
    printf("%9u %5u %9u %7u %8.1f %8.1f %8.1f %8.1f %8.1f %8.1f %8.1f %8.1f\n", plan->n_processes,
           plan->n_fds, plan->n_listeners, plan->n_cgroups, of_scan, of_first, of_all, of_walk,
           of_ss, of_lsof, of_ss / of_scan, of_ss / of_walk);
    fflush(stdout);
    owner_sources_close(&sources);
    population_end(&population);
}

int main(int argc, char **argv) {
    static const unsigned processes[] = {10, 500, 3000}, cgroups[] = {0, 1, 11};
    unsigned given[4] = {0, 50, 500, 5};
    for (int i = 2; i < argc && i < 6; i++)
        given[i - 2] = (unsigned)atoi(argv[i]);
    if (given[3] < 1 || given[3] > REPEAT_MAX)
        errx(2, "repetitions: 1-%d", REPEAT_MAX);
    const char *client = argc > 1 ? argv[1] : "-";

    bench_namespace_enter();
    printf("CPU milliseconds, medians of %u; cgroups 0: all in the root's\n", given[3]);
    printf("processes   fds listeners cgroups     scan    first      all     walk       ss     "
           "lsof  ss/scan  ss/walk\n");
    for (size_t p = 0; p < (given[0] ? 1 : 3); p++)
        for (size_t c = 0; c < 3; c++)
            bench(client,
                  &(PopulationPlan){.n_processes = given[0] ? given[0] : processes[p],
                                    .n_fds = given[1],
                                    .n_listeners = given[0] || p > 0 ? given[2] : 100,
                                    .n_cgroups = cgroups[c]},
                  given[3]);
    return 0;
}
