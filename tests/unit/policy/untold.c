/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in rules while the name services do not answer: what is not known never helps to allow. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "policy/lint/lint.h"
#include "util/cleanup.h"
#include "util/name_service.h"
#include "world.h"

static int answer_nothing(void *userdata, const NameQuestion *question, NameAnswer *ret) {
    (void)userdata, (void)question, (void)ret;
    return -EAGAIN;
}

static void set_up(void) {
    name_service_set(answer_nothing, NULL);
}

static void tear_down(void) {
    name_service_set(NULL, NULL);
}

TestSuite(untold, .init = set_up, .fini = tear_down);

static Policy *parse(const char *text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy = NULL;

    cr_assert_eq(policy_parse("x", text, strlen(text), diagnostics, &policy), 0, "%s", text);
    cr_assert(policy_lacks_names(policy));
    return policy;
}

/* The line that decides on `tcp 0.0.0.0:22 uid=1000`; 0: the default does. */
static unsigned line_that_decides(const char *text) {
    _cleanup_policy_ Policy *policy = parse(text);
    Verdict verdict;
    World world;

    world_init(&world);
    cr_assert(world_set_listener(&world, "tcp 0.0.0.0:22 uid=1000"));
    policy_judge(policy, &world.context, &world.listener, &verdict);
    unsigned line = verdict.rule->line;
    world_done(&world);
    return line;
}

Test(untold, allows_nothing) {
    static const char *const rules[] = {"allow tcp port ssh",      "allow tcp not port ssh",
                                        "allow tcp user alice",    "ignore tcp not user alice",
                                        "allow tcp group staff",   "allow tcp not group staff",
                                        "allow port http, domain", "flag port ssh"};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        cr_expect_eq(line_that_decides(rules[i]), 0, "%s", rules[i]);
}

Test(untold, leaves_what_is_known_beside_it) {
    cr_expect_eq(line_that_decides("allow tcp port ssh, 20-25"), 1);
    cr_expect_eq(line_that_decides("allow user alice, 1000"), 1);
    cr_expect_eq(line_that_decides("allow port ssh\nallow port 22"), 2);
    cr_expect_eq(line_that_decides("allow not port ssh, 22\nallow tcp"), 2);
}

Test(untold, flags_with_not) {
    cr_expect_eq(line_that_decides("flag critical not port ssh"), 1);
    cr_expect_eq(line_that_decides("flag critical not user alice"), 1);
}

Test(untold, is_told) {
    _cleanup_policy_ Policy *policy = parse("allow port ssh\nallow port 80\nallow user alice");
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    const LintContext context = {.now = WORLD_NOW};

    cr_assert_eq(policy_lint(policy, &context, diagnostics), 0);
    cr_assert_eq(diagnostics->n_items, 2, "and no rule is said never to decide");
    cr_expect_eq(diagnostics->items[0].line, 1);
    cr_expect(strstr(diagnostics->items[0].message, "the port is unresolved"));
    cr_expect_eq(diagnostics->items[1].line, 3);
    cr_expect(strstr(diagnostics->items[1].message, "the user is unresolved"));
}

static int keep_why(void *userdata, const TraceStep *step) {
    char *why = userdata;
    snprintf(why, 100, "%s", step->why ?: "");
    return 1;
}

Test(untold, is_explained) {
    _cleanup_policy_ Policy *policy = parse("allow tcp port ssh");
    char why[100];
    World world;

    world_init(&world);
    cr_assert(world_set_listener(&world, "tcp 0.0.0.0:22 uid=1000"));
    cr_assert_eq(policy_explain(policy, &world.context, &world.listener, keep_why, why), 1);
    cr_expect(strstr(why, "is unresolved"), "%s", why);
    world_done(&world);
}

Test(untold, is_no_filter) {
    char *words[] = {(char *)"port", (char *)"ssh"};
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Filter *filter = NULL;

    cr_assert_eq(filter_parse(words, 2, diagnostics, &filter), -EBADMSG);
    cr_assert_eq(diagnostics->n_errors, 1);
}
