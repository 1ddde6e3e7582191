/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/fnv.h"
#include "util/memory.h"

static void judge_by_policy(void *userdata, const Listener *listener, usec_t age, usec_t realtime,
                            Verdict *ret) {
    PolicyJudge *self = userdata;
    Listener judged = *listener;
    Owner owner;

    if (self->freshen && self->exes)
        self->freshen(self, listener);
    JudgeContext context = self->context;
    context.now = realtime;
    if (listener->owner) {
        /* The age is a span of the clock that is never set: created is what gives that span. */
        owner = *listener->owner;
        owner.created = realtime > age ? realtime - age : 1;
        judged.owner = &owner;
    }
    policy_judge(self->policy, &context, &judged, ret);
}

static usec_t next_age(void *userdata, usec_t age) {
    const PolicyJudge *self = userdata;
    return policy_next_age(self->policy, age);
}

static usec_t next_until(void *userdata, usec_t realtime) {
    const PolicyJudge *self = userdata;
    return policy_next_until(self->policy, realtime);
}

static void count_hit(void *userdata, const RuleInfo *rule) {
    PolicyJudge *self = userdata;
    self->hits[policy_rule_index(self->policy, rule)]++;
}

int policy_judge_new(const Policy *policy, const JudgeContext *context, PolicyJudge **ret) {
    _cleanup_policy_judge_ PolicyJudge *self = calloc(1, sizeof(*self));
    if (!self)
        return -ENOMEM;
    self->policy = policy;
    self->context = *context;
    self->hits = calloc(policy_n_rules(policy) + 1, sizeof(*self->hits));
    self->judge = (Judge){
        .judge = judge_by_policy,
        .next_age = next_age,
        .next_until = next_until,
        .count = count_hit,
        .userdata = self,
        .settings = *policy_settings(policy),
    };
    if (!self->hits || policy_judge_renew_exes(self) < 0)
        return -ENOMEM;
    *ret = TAKE_PTR(self);
    return 0;
}

int policy_judge_renew_exes(PolicyJudge *judge) {
    ExeTable *exes;
    bool same = false;

    if (!judge->context.file_identity)
        return 0;
    int r = exe_table_new(judge->policy, &judge->context, &exes);
    if (r < 0)
        return r;
    same = judge->exes && exe_table_equal(judge->exes, exes);
    exe_table_free(judge->exes);
    judge->exes = exes;
    judge->context.exes = exes;
    return !same;
}

PolicyJudge *policy_judge_free(PolicyJudge *judge) {
    if (!judge)
        return NULL;
    exe_table_free(judge->exes);
    free(judge->hits);
    free(judge);
    return NULL;
}

/* --- counters that outlast a reload --- */

static uint64_t rule_hash(const PolicyJudge *judge, size_t index) {
    const RuleInfo *rule = index < policy_n_rules(judge->policy) ? policy_rule(judge->policy, index)
                                                                 : policy_default(judge->policy);
    uint64_t hash = FNV_BEGIN;
    if (rule->file)
        hash = fnv_add(hash, rule->file, strlen(rule->file) + 1);
    return fnv_add(hash, rule->text, strlen(rule->text));
}

int policy_judge_get_hits(const PolicyJudge *judge, StateHits **ret, size_t *ret_n) {
    size_t n = policy_n_rules(judge->policy) + 1;
    StateHits *hits = calloc(n, sizeof(*hits));
    if (!hits)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        hits[i] = (StateHits){.rule = rule_hash(judge, i), .count = judge->hits[i]};
    *ret = hits;
    *ret_n = n;
    return 0;
}

int policy_judge_add_hits(PolicyJudge *judge, const StateHits *hits, size_t n) {
    IdMap map = {0};
    int r = 0;
    /* Of rules that are alike the first one decides. */
    for (size_t i = 0; i <= policy_n_rules(judge->policy) && r >= 0; i++)
        r = idmap_add(&map, rule_hash(judge, i), (uint32_t)i, NULL);
    for (size_t i = 0; i < n && r >= 0; i++) {
        const uint32_t *index = idmap_find(&map, hits[i].rule);
        if (index)
            judge->hits[*index] += hits[i].count;
    }
    idmap_done(&map);
    return r < 0 ? r : 0;
}
