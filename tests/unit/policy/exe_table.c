/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts with a table of `exe` files equal those that look up each path, for random policies. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "world.h"

static uint64_t state = 88172645463325252u;

static unsigned chance(unsigned limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % limit);
}

#define PICK(...)                                                                                  \
    ({                                                                                             \
        static const char *const _words[] = {__VA_ARGS__};                                         \
        _words[chance(ELEMENTS(_words))];                                                          \
    })

static void write_match(FILE *out, unsigned key) {
    fprintf(out, " %s", chance(5) == 0 ? "not " : "");
    switch (key) {
    case 0:
        fprintf(out, "port %u, %u-%u", chance(600), chance(300), 300 + chance(400));
        return;
    case 1:
        fprintf(out, "unit %s", PICK("a.service", "b.service, c.service", "a*", "*.socket"));
        return;
    default:
        fprintf(out, "exe %s",
                PICK("/usr/bin/a", "/bin/b, /usr/bin/c", "/usr/*/a", "/missing/x", "/locked/a"));
        return;
    }
}

static Policy *random_policy(unsigned n_rules) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *text = NULL;
    size_t length;
    Policy *policy = NULL;
    FILE *out = open_memstream(&text, &length);

    for (unsigned i = 0; i < n_rules; i++) {
        fputs(PICK("allow", "flag error", "ignore"), out);
        for (unsigned key = 0; key < 3; key++)
            if (chance(3) == 0)
                write_match(out, key);
        fputc('\n', out);
    }
    fclose(out);
    cr_assert_eq(policy_parse("random", text, length, diagnostics, &policy), 0);
    return policy;
}

static void random_listener(World *world) {
    char text[512];
    snprintf(text, sizeof(text), "tcp 0.0.0.0:%u%s%s%s%s", chance(700),
             PICK("", " unit=a.service", " unit=c.service", " unit=x.socket"),
             PICK("", " exe=/usr/bin/a", " exe=/bin/b", " other=/usr/bin/a", " unreadable",
                  " exe=/locked/a"),
             PICK("", " exe=/usr/bin/c", " exe=/bin/b"), PICK("", " incomplete", ""));
    cr_assert(world_set_listener(world, text), "%s", text);
}

Test(exe_table, gives_the_same_verdicts_as_lookups) {
    unsigned n_decided = 0;
    for (unsigned round = 0; round < 60; round++) {
        _cleanup_policy_ Policy *policy = random_policy(1 + chance(round % 3 ? 20 : 4));
        World world;
        _cleanup_exe_table_ ExeTable *exes = NULL;
        world_init(&world);
        cr_assert_eq(exe_table_new(policy, &world.context, &exes), 0);
        for (unsigned i = 0; i < 300; i++) {
            Verdict asked, tabled;
            random_listener(&world);
            policy_judge(policy, &world.context, &world.listener, &asked);
            world.context.exes = exes;
            world.n_identity_calls = 0;
            policy_judge(policy, &world.context, &world.listener, &tabled);
            cr_assert_eq(world.n_identity_calls, 0);
            cr_assert_eq(tabled.rule, asked.rule, "%s\n%s", tabled.rule->text, asked.rule->text);
            cr_assert_eq(tabled.needs_all_holders, asked.needs_all_holders);
            n_decided += strstr(asked.rule->text, "exe") != NULL;
        }
        world_done(&world);
    }
    cr_expect_gt(n_decided, 500);
    cr_expect_lt(n_decided, 16000);
}
