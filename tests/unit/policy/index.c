/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index of the rules says what looking at each of them says, on policies made by chance. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/match/match.h"
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
        fputs(PICK("tcp", "udp", "mptcp"), out);
        return;
    case 1:
        fprintf(out, "port %u, %u-%u", chance(600), chance(300), 300 + chance(400));
        return;
    case 2:
        fprintf(out, "bind %s",
                PICK("0.0.0.0", "::", "0.0.0.0/0", "::/0", "10.0.0.0/9", "10.1.2.3", "fe80::/10",
                     "10.9.8.0/21, ::1"));
        return;
    case 3:
        fprintf(out, "scope %s", PICK("loopback", "wildcard", "private, vpn", "public"));
        return;
    case 4:
        fprintf(out, "user %u, %u", chance(4), chance(4));
        return;
    case 5:
        fprintf(out, "unit %s", PICK("a.service", "b.service, c.service", "a*", "*.socket"));
        return;
    case 6:
        fprintf(out, "exe %s", PICK("/usr/bin/a", "/bin/b, /usr/bin/c", "/usr/*/a", "/missing/x"));
        return;
    case 7:
        fprintf(out, "user-unit %s", PICK("a.service", "b.service", "*"));
        return;
    case 8:
        fprintf(out, "target %s",
                PICK("10.0.0.5", "10.0.0.5:80, [fd00::5]:80", "fd00::5", "self", "self:80"));
        return;
    default:
        fprintf(out, "container %s", PICK("none", "any", "docker"));
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
        for (unsigned key = 0; key < 10; key++)
            if (chance(3) == 0)
                write_match(out, key);
        if (chance(8) == 0)
            fprintf(out, "\nflag notice %s tool %s", PICK("tcp", "port 0-400", "scope wildcard"),
                    PICK("Vite", "Re*, Vite", "*"));
        fputc('\n', out);
    }
    fclose(out);
    cr_assert_eq(policy_parse("random", text, length, diagnostics, &policy), 0);
    return policy;
}

static void random_listener(World *world) {
    char text[512];
    snprintf(
        text, sizeof(text), "%s %s:%u uid=%u%s%s%s%s%s%s%s", PICK("tcp", "udp", "mptcp", "sctp"),
        PICK("0.0.0.0", "[::]", "10.1.2.3", "10.200.1.1", "[fe80::5]", "[::1]", "[::ffff:10.1.2.3]",
             "[::ffff:0.0.0.0]", "9.9.9.9"),
        chance(700), chance(4), PICK("", " unit=a.service", " unit=c.service", " unit=x.socket"),
        PICK("", " user-unit=a.service", " cgroup=/x", " container=docker:0:x"),
        PICK("", " exe=/usr/bin/a", " exe=/bin/b", " other=/usr/bin/a", " unreadable"),
        PICK("", " exe=/usr/bin/c", " exe=/bin/b"), PICK("", " incomplete", ""),
        PICK("", "", " forward", " target=10.0.0.5:80", " target=[fd00::5]:81",
             " target=[::ffff:10.0.0.5]:80", " target=self:80", " target=self:81"),
        PICK("", "", " tool=Vite", " tool=Redis"));
    cr_assert(world_set_listener(world, text), "%s", text);
}

Test(index, says_what_the_linear_matcher_says) {
    unsigned n_decided = 0;
    for (unsigned round = 0; round < 60; round++) {
        _cleanup_policy_ Policy *policy = random_policy(1 + chance(round % 3 ? 200 : 10));
        World world;
        _cleanup_exe_table_ ExeTable *exes = NULL;
        world_init(&world);
        cr_assert_eq(exe_table_new(policy, &world.context, &exes), 0);
        for (unsigned i = 0; i < 300; i++) {
            Verdict indexed, linear, tabled;
            random_listener(&world);
            policy_judge_linear(policy, &world.context, &world.listener, &linear);
            policy_judge(policy, &world.context, &world.listener, &indexed);
            cr_assert_eq(indexed.rule, linear.rule, "%s\n%s", indexed.rule->text,
                         linear.rule->text);
            cr_assert_eq(indexed.needs_all_holders, linear.needs_all_holders);
            world.context.exes = exes;
            world.n_identity_calls = 0;
            policy_judge(policy, &world.context, &world.listener, &tabled);
            cr_assert_eq(world.n_identity_calls, 0);
            cr_assert_eq(tabled.rule, linear.rule, "%s\n%s", tabled.rule->text, linear.rule->text);
            cr_assert_eq(tabled.needs_all_holders, linear.needs_all_holders);
            n_decided += linear.rule != policy_default(policy);
        }
        world_done(&world);
    }
    cr_expect_gt(n_decided, 2000);
    cr_expect_lt(n_decided, 16000);
}
