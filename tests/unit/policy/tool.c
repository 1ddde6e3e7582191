/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `tool`: programs recognised by a table of advice, no sooner than a rule asks for it. */
#include <criterion/criterion.h>
#include <string.h>

#include "policy/advice/advice.h"
#include "util/cleanup.h"
#include "world.h"

static Policy *parse(const char *text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy = NULL;
    cr_assert_eq(policy_parse("x.rules", text, strlen(text), diagnostics, &policy), 0);
    return policy;
}

static AdviceTable *parse_advice(const char *text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    AdviceTable *table = NULL;
    cr_assert_eq(advice_parse(&table, "x.advice", text, strlen(text), diagnostics), 0);
    return table;
}

Test(tool, programs_are_recognised_by_the_advice) {
    _cleanup_policy_ Policy *policy = parse("flag critical tool \"A tool\"\n");
    _cleanup_advice_ AdviceTable *table =
        parse_advice("[A tool]\nexe = tool\nadvice = x\n[Port]\nport = 1\nadvice = y\n");
    Verdict verdict;
    World world;

    world_init(&world);
    cr_assert(world_set_listener(&world, "tcp 0.0.0.0:1 exe=/usr/bin/tool"));
    policy_judge(policy, &world.context, &world.listener, &verdict);
    cr_expect_eq(verdict.rule, policy_default(policy), "without advice nothing is recognised");
    world.context.advice = table;
    policy_judge(policy, &world.context, &world.listener, &verdict);
    cr_expect_eq(verdict.rule, policy_rule(policy, 0));
    world_done(&world);
}

Test(tool, a_process_that_is_not_known_yet_is_searched_for) {
    _cleanup_policy_ Policy *policy = parse("flag critical tool A port 1\n");
    static const struct {
        const char *listener;
        bool searched;
    } cases[] = {{"tcp 0.0.0.0:1 incomplete", true},
                 {"tcp 0.0.0.0:1 nobody", true},
                 {"tcp 0.0.0.0:2 incomplete", false},
                 {"tcp 0.0.0.0:1", false},
                 {"tcp 0.0.0.0:1 forward incomplete", false},
                 {"tcp 0.0.0.0:1 exe=/usr/bin/x incomplete", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Verdict verdict;
        World world;
        world_init(&world);
        cr_assert(world_set_listener(&world, cases[i].listener));
        policy_judge(policy, &world.context, &world.listener, &verdict);
        cr_expect_eq(verdict.needs_all_holders, cases[i].searched, "%s", cases[i].listener);
        world_done(&world);
    }
}

Test(tool, a_filter_takes_the_name_as_one_word_of_a_shell) {
    char *quoted[] = {(char *)"tool", (char *)"\"A tool\", Vite"},
         *word[] = {(char *)"tool", (char *)"A tool"};
    char *const *both[] = {quoted, word};

    for (size_t i = 0; i < 2; i++) {
        _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
        _cleanup_filter_ Filter *filter = NULL;
        World world;
        world_init(&world);
        cr_assert(world_set_listener(&world, "tcp 0.0.0.0:1"));
        cr_assert_eq(filter_parse(both[i], 2, diagnostics, &filter), 0);
        cr_expect_not(filter_matches(filter, &world.context, &world.listener));
        world.listener.tool = strdup("A tool");
        cr_expect(filter_matches(filter, &world.context, &world.listener));
        world_done(&world);
    }
}

Test(tool, nothing_is_recognised_where_no_rule_asks) {
    _cleanup_policy_ Policy *policy =
        parse("flag tool A port 1\nflag tool A not tcp\nflag tool A exe /usr/bin/y\nallow tcp\n"
              "flag tool A\n");
    Verdict verdict;
    World world;

    world_init(&world);
    cr_assert(world_set_listener(&world, "tcp 0.0.0.0:2 exe=/usr/bin/x"));
    /* Reading it would crash. */
    world.context.advice = (const AdviceTable *)(uintptr_t)1;
    policy_judge(policy, &world.context, &world.listener, &verdict);
    cr_expect_eq(verdict.rule, policy_rule(policy, 3));
    policy_judge(policy, &world.context, &world.listener, &verdict);
    world_done(&world);
}
