/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes, fds and listeners in a network namespace of their own, and what a run costs. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Population {
    pid_t *pids;
    size_t n_pids;
    char cgroups[16][64]; /* those made, below the cgroup2 mount */
    size_t n_cgroups;
    int cgroup_fd;
} Population;

typedef struct PopulationPlan {
    unsigned n_processes, n_fds, n_listeners;
    unsigned n_cgroups; /* 0: all stay in the root; 1: all in one; else the listeners' processes in
                         * n - 1 of them, the others in one */
} PopulationPlan;

/* Enters a new network namespace with its loopback up. Exits with a message when it can't. */
void bench_namespace_enter(void);

/* Makes the processes; they end with the caller. Exits with a message when it can't. */
Population population_new(const PopulationPlan *plan);
void population_end(Population *population);

/* CPU seconds of this process so far, user and system. */
double cpu_seconds(void);

/* Runs a program with its output thrown away; CPU seconds of it, or -1: it could not run. */
double cpu_of_program(char *const *arguments);

/* The middle one; sorts the values. */
double median(double *values, size_t n);
