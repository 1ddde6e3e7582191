/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures the cost of one verdict with few and with many rules. The rules differ in ports, users,
 * units, addresses or programs, or are a mixture like the default policy. The last rule matches the
 * listener, or no rule does.
 *
 *   verdict [RULES…]      (default 10 200 1000)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "util/cleanup.h"
#include "util/memory.h"

#define ROUNDS 31

static _Noreturn void die(const char *what) {
    fprintf(stderr, "bench verdict: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The file of /usr/bin/pN is inode N + 1. */
static int file_identity(void *userdata, const char *path, FileId *ret) {
    (void)userdata;
    *ret = (FileId){.device = 1, .inode = strtoul(path + 10, NULL, 10) + 1};
    return 0;
}

static void rule_port(FILE *out, unsigned i) {
    fprintf(out, "allow tcp port %u", 1 + i);
}

static void rule_user(FILE *out, unsigned i) {
    fprintf(out, "allow tcp port 3000 user %u", 100000 + i);
}

static void rule_unit(FILE *out, unsigned i) {
    fprintf(out, "allow tcp port 3000 unit u%u.service", i);
}

static void rule_bind(FILE *out, unsigned i) {
    fprintf(out, "allow tcp port 3000 bind 10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
}

static void rule_exe(FILE *out, unsigned i) {
    fprintf(out, "allow tcp port 3000 exe /usr/bin/p%u", i);
}

static void rule_mixed(FILE *out, unsigned i) {
    static const char *const before[] = {
        "allow udp port 5353 unit u",     "allow tcp exe /usr/bin/p1 port 22, ",
        "flag scope private port ",       "flag tcp port 3000-3999, 8000-8999 user ",
        "ignore udp ephemeral yes user ",
    };
    unsigned form = i % ELEMENTS(before);
    fprintf(out, "%s%u%s", before[form], 10000 + i, form == 0 ? ".service" : "");
}

static const struct {
    const char *name;
    void (*write)(FILE *out, unsigned i);
} shapes[] = {
    {"ports", rule_port}, {"users", rule_user}, {"units", rule_unit},
    {"binds", rule_bind}, {"exes", rule_exe},   {"mixed", rule_mixed},
};

static Policy *make_policy(size_t shape, unsigned n_rules) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *text = NULL;
    size_t length;
    Policy *policy = NULL;
    FILE *out = open_memstream(&text, &length);
    for (unsigned i = 0; i < n_rules; i++) {
        shapes[shape].write(out, i);
        fputc('\n', out);
    }
    fclose(out);
    if (policy_parse("bench", text, length, diagnostics, &policy) < 0) {
        diagnostics_print(diagnostics, stderr);
        die("the rules are wrong");
    }
    return policy;
}

/* The limit for a policy with so many rules, in ns. */
static double budget(unsigned n_rules) {
    return n_rules <= 200 ? 10e3 : 50.0 * n_rules;
}

static double measure(const Policy *policy, const JudgeContext *context, const Listener *listener) {
    double times[ROUNDS];
    Verdict verdict;
    unsigned repeat = 1;

    /* As many at a time as take about 100 µs. */
    for (double took = 0; took < 1e5 && repeat < 100000; repeat *= 2) {
        double start = now();
        for (unsigned i = 0; i < repeat; i++)
            policy_judge(policy, context, listener, &verdict);
        took = now() - start;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        double start = now();
        for (unsigned i = 0; i < repeat; i++)
            policy_judge(policy, context, listener, &verdict);
        times[round] = (now() - start) / repeat;
    }
    qsort(times, ROUNDS, sizeof(*times), compare_doubles);
    return times[ROUNDS / 2];
}

/* One line of the table; false when over the budget. */
static bool bench(size_t shape, unsigned n_rules) {
    _cleanup_policy_ Policy *policy = make_policy(shape, n_rules);
    _cleanup_exe_table_ ExeTable *exes = NULL;
    unsigned last = n_rules - 1;
    char unit[32];
    snprintf(unit, sizeof(unit), "u%u.service", last);
    Holder holder = {.pid = 1,
                     .exe = (char *)"/usr/bin/other",
                     .exe_state = EXE_VERIFIED,
                     .exe_id = {.device = 1, .inode = last + 1}};
    Owner owner = {.complete = true,
                   .cgroup = (char *)"/x",
                   .unit = unit,
                   .holders = &holder,
                   .n_holders = 1,
                   .n_holders_seen = 1};
    Listener listener = {
        .endpoint = {.port = (uint16_t)(shape == 0 ? 1 + last : 3000),
                     .address = {AF_INET, {10, last >> 16 & 255, last >> 8 & 255, last & 255}}},
        .scope = SCOPE_WILDCARD,
        .uid = 100000 + last,
        .owner = &owner};
    JudgeContext context = {.now = 1, .file_identity = file_identity};

    if (exe_table_new(policy, &context, &exes) < 0)
        die("out of memory");
    context.exes = exes;
    double took = measure(policy, &context, &listener);
    bool good = took <= budget(n_rules);
    printf("%-9s %6u %8.0f %8.0f  %s\n", shapes[shape].name, n_rules, took, budget(n_rules),
           good ? "" : "OVER THE BUDGET");
    return good;
}

int main(int argc, char **argv) {
    static const char *const sizes[] = {"10", "200", "1000"};
    bool good = true;

    printf("ns a verdict, median of %d\n%-9s %6s %8s %8s\n", ROUNDS, "differ in", "rules",
           "verdict", "budget");
    for (size_t shape = 0; shape < ELEMENTS(shapes); shape++)
        for (int i = 0; i < (argc > 1 ? argc - 1 : (int)ELEMENTS(sizes)); i++) {
            unsigned n_rules = (unsigned)strtoul(argc > 1 ? argv[i + 1] : sizes[i], NULL, 10);
            if (n_rules == 0 || n_rules > 32768)
                die("how many rules? 1 to 32768");
            good &= bench(shape, n_rules);
        }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
