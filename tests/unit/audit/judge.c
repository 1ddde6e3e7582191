/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger judged by a real policy. */
#include "audit/judge.h"

#include <criterion/criterion.h>
#include <string.h>

#include "util/cleanup.h"
#include "world.h"

#define told(words) cr_assert_str_eq(world_told(world), words)

TestSuite(judge);

static Policy *parse(const char *rules) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy = NULL;
    int r = policy_parse("test.rules", rules, strlen(rules), diagnostics, &policy);
    diagnostics_print(diagnostics, stderr);
    cr_assert_eq(r, 0);
    return policy;
}

static PolicyJudge *judge_of(const Policy *policy) {
    JudgeContext context = {.netns = {.host = true}};
    PolicyJudge *judge = NULL;
    cr_assert_eq(policy_judge_new(policy, &context, &judge), 0);
    return judge;
}

Test(judge, knows_the_ages_and_dates_of_a_policy) {
    _cleanup_policy_ Policy *policy = parse("allow tcp port 1 age 5m\n"
                                            "allow tcp port 2 age 30s, 2h\n"
                                            "allow tcp port 3 age 5m until 2001-01-01\n"
                                            "allow tcp port 4 until 2030-01-01\n");
    _cleanup_policy_judge_ PolicyJudge *self = judge_of(policy);
    const Judge *judge = &self->judge;
    usec_t date = 0;
    cr_assert_eq(parse_local_time("2030-01-01", 10, &date), 0);
    cr_assert_eq(judge->next_age(judge->userdata, 0), 30 * USEC_PER_SEC);
    cr_assert_eq(judge->next_age(judge->userdata, 30 * USEC_PER_SEC), 5 * USEC_PER_MINUTE);
    cr_assert_eq(judge->next_age(judge->userdata, 6 * USEC_PER_MINUTE), 2 * USEC_PER_HOUR);
    cr_assert_eq(judge->next_until(judge->userdata, START_REALTIME), date);
    cr_assert_eq(judge->next_until(judge->userdata, date), USEC_INFINITY);
}

Test(judge, follows_age_and_until) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_policy_ Policy *policy = parse("allow tcp port 3000 age 5m\n"
                                            "allow tcp port 3001 until 2027-02-01\n"
                                            "set remind never\n"
                                            "set settle 0s\n");
    _cleanup_policy_judge_ PolicyJudge *judge = judge_of(policy);
    usec_t date;
    parse_local_time("2027-02-01", 10, &date);
    world->config.judge = &judge->judge;
    world_restart(world);
    world_listen(world, 1, 3000)->owner = world_owner("/usr/bin/node");
    world_listen(world, 2, 3001);
    world_dump(world);
    told("appeared:3000 appeared:3001 flagged:3000");
    world->now.realtime += USEC_PER_HOUR; /* the clock is no age */
    ledger_tick(world->ledger, &world->now);
    world_pass(world, 5 * USEC_PER_MINUTE - 1);
    told("");
    world_pass(world, 1);
    told("changed:3000/v resolved:3000/changed");
    world_pass(world, date - world->now.realtime - 1);
    told("");
    world_pass(world, 1);
    told("changed:3001/v flagged:3001");
    ledger_free(world->ledger);
    world->ledger = NULL;
}

Test(judge, counts_what_each_rule_decided) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_policy_ Policy *first = parse("allow tcp port 3000\nallow tcp port 3001\n");
    _cleanup_policy_ Policy *second = parse("allow tcp port 22\nallow tcp port 3000\n");
    _cleanup_policy_judge_ PolicyJudge *judge = judge_of(first), *other = judge_of(second);
    _cleanup_free_ StateHits *hits = NULL;
    size_t n;
    world->config.judge = &judge->judge;
    world_restart(world);
    for (uint64_t i = 1; i <= 4; i++)
        world_listen(world, i, (uint16_t)(3000 + i / 2));
    world_socket(world, 3)->uid = 1001;
    for (unsigned i = 0; i < 3; i++)
        world_dump(world);
    cr_assert_eq(judge->hits[0], 1);
    cr_assert_eq(judge->hits[1], 2);
    cr_assert_eq(judge->hits[2], 1); /* the default */
    cr_assert_eq(policy_judge_get_hits(judge, &hits, &n), 0);
    cr_assert_eq(policy_judge_add_hits(other, hits, n), 0);
    ledger_set_judge(world->ledger, &other->judge, &world->now);
    cr_assert_eq(other->hits[0], 0);
    cr_assert_eq(other->hits[1], 1); /* carried over, not counted anew */
    cr_assert_eq(other->hits[2], 1);
    ledger_free(world->ledger);
    world->ledger = NULL;
}

static Owner *two_holders(void *userdata, const Listener *listener) {
    (void)userdata;
    Owner *owner = world_owner("/usr/sbin/sshd");
    owner->holders = reallocarray(owner->holders, 2, sizeof(*owner->holders));
    cr_assert(owner->holders && listener->owner);
    owner->holders[1] = (Holder){.pid = 5, .exe = strdup("/home/x/evil")};
    owner->n_holders = owner->n_holders_seen = 2;
    return owner;
}

static int identity_of_sshd(void *userdata, const char *path, FileId *ret) {
    (void)userdata;
    (void)path;
    *ret = (FileId){.device = 1, .inode = 7};
    return 0;
}

/* KERNEL.md 14: the list of holders is completed before an `allow … exe` is believed. */
Test(judge, finds_all_holders_before_it_believes) {
    _cleanup_world_ World *world = world_new(NULL);
    _cleanup_policy_ Policy *policy =
        parse("set settle 0s\nallow tcp port 3000 exe /usr/sbin/sshd\n");
    _cleanup_policy_judge_ PolicyJudge *judge = judge_of(policy);
    judge->context.file_identity = identity_of_sshd;
    world->config.judge = &judge->judge;
    for (unsigned i = 0; i < 2; i++) {
        judge->judge.find_all_holders = i ? two_holders : NULL;
        world_restart(world);
        world_listen(world, i + 1, 3000)->owner = world_owner("/usr/sbin/sshd");
        world_socket(world, i + 1)->owner->complete = false;
        world_socket(world, i + 1)->owner->holders[0].exe_id = (FileId){1, 7};
        world_dump(world);
        told(i ? "appeared:3000 flagged:3000" : "appeared:3000");
        cr_assert_eq(world->last.view.listener.owner->n_holders, i ? 2 : 1);
        world_close(world, i + 1);
    }
    ledger_free(world->ledger);
    world->ledger = NULL;
}

static FileId the_file = {.device = 1, .inode = 7};
static int the_result; /* of asking for it */
static unsigned n_asked;

static int identity_of_the_file(void *userdata, const char *path, FileId *ret) {
    (void)userdata;
    (void)path;
    n_asked++;
    *ret = the_file;
    return the_result;
}

static unsigned n_freshened;

static void note_freshen(PolicyJudge *self, const Listener *listener) {
    cr_assert(self->exes && listener);
    n_freshened++;
}

/* The number of an inode is given out again: to a file that a user made, perhaps. */
Test(judge, keeps_which_files_its_rules_name_and_doubts_them) {
    _cleanup_policy_ Policy *policy = parse("allow exe /usr/sbin/sshd\nallow exe /usr/bin/node\n");
    const JudgeContext context = {.file_identity = identity_of_the_file};
    const FileId seven = {.device = 1, .inode = 7}, eight = {.device = 1, .inode = 8};
    _cleanup_policy_judge_ PolicyJudge *judge = NULL;
    Listener listener = {0};
    Verdict verdict;

    cr_assert_eq(policy_judge_new(policy, &context, &judge), 0);
    cr_assert_eq(n_asked, 2);
    judge->freshen = note_freshen;
    judge->judge.judge(judge, &listener, 0, 1, &verdict);
    cr_assert_eq(n_freshened, 1);
    cr_assert_eq(n_asked, 2); /* a verdict asks for nothing */
    cr_assert_eq(exe_table_check(judge->exes, &judge->context, &seven), EXE_TABLE_RIGHT);
    cr_assert_eq(exe_table_check(judge->exes, &judge->context, &eight), EXE_TABLE_UNNAMED);
    cr_assert_eq(policy_judge_renew_exes(judge), 0);

    the_file = eight;
    cr_assert_eq(exe_table_check(judge->exes, &judge->context, &seven), EXE_TABLE_WRONG);
    cr_assert_eq(policy_judge_renew_exes(judge), 1);
    cr_assert_eq(exe_table_check(judge->exes, &judge->context, &eight), EXE_TABLE_RIGHT);
    cr_assert_eq(exe_table_check(judge->exes, &judge->context, &seven), EXE_TABLE_UNNAMED);

    /* A file system that hangs: not everything is judged again each time. */
    the_result = -ETIMEDOUT;
    cr_assert_eq(policy_judge_renew_exes(judge), 1);
    cr_assert_eq(exe_table_n_stuck(judge->exes), 2);
    the_result = -EBUSY;
    cr_assert_eq(policy_judge_renew_exes(judge), 0);
    the_result = -ENOENT;
    cr_assert_eq(policy_judge_renew_exes(judge), 1);
}
