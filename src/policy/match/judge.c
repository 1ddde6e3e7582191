/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict. */
#include "policy/match/match.h"

void policy_judge(const Policy *policy, const JudgeContext *context, const Listener *listener,
                  Verdict *ret) {
    Recognition recognition = {};
    const Case judged = {policy, context, listener, &recognition};
    bool needs_holders = false;
    size_t i = 0;

    while (i < policy->n_rules && !rule_matches(&policy->rules[i], &judged, &needs_holders))
        i++;
    const Rule *decides = i < policy->n_rules ? &policy->rules[i] : &policy->default_rule;
    *ret = (Verdict){
        .action = decides->info.action,
        .severity = decides->info.severity,
        .rule = &decides->info,
        .needs_all_holders = needs_holders,
    };
}

static usec_t earlier(usec_t now, usec_t time, usec_t best) {
    return time > now && time < best ? time : best;
}

usec_t policy_next_change(const Policy *policy, const JudgeContext *context,
                          const Listener *listener) {
    usec_t created = listener->owner ? listener->owner->created : 0;
    usec_t now = context->now, next = USEC_INFINITY;

    for (size_t i = 0; i < policy->n_rules; i++) {
        const Rule *rule = &policy->rules[i];
        if (rule_is_expired(rule, now))
            continue;
        next = earlier(now, rule->until, next);
        if (!(rule->keys & 1u << KEY_AGE) || created == 0)
            continue;
        for (uint32_t j = 0; j < rule->n_matches; j++) {
            const Match *match = &rule->matches[j];
            for (uint32_t k = 0; match->key == KEY_AGE && k < match->n_items; k++) {
                usec_t reached;
                if (!__builtin_add_overflow(created, match->items[k].age, &reached))
                    next = earlier(now, reached, next);
            }
        }
    }
    return next;
}
