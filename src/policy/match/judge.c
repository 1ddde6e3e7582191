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

usec_t policy_next_until(const Policy *policy, usec_t now) {
    usec_t next = USEC_INFINITY;

    for (size_t i = 0; i < policy->n_rules; i++)
        if (policy->rules[i].until > now && policy->rules[i].until < next)
            next = policy->rules[i].until;
    return next;
}

usec_t policy_next_age(const Policy *policy, usec_t age) {
    usec_t next = USEC_INFINITY;

    for (size_t i = 0; i < policy->n_rules; i++) {
        const Rule *rule = &policy->rules[i];
        for (uint32_t j = 0; rule->keys & 1u << KEY_AGE && j < rule->n_matches; j++) {
            const Match *match = &rule->matches[j];
            for (uint32_t k = 0; match->key == KEY_AGE && k < match->n_items; k++)
                if (match->items[k].age > age && match->items[k].age < next)
                    next = match->items[k].age;
        }
    }
    return next;
}
