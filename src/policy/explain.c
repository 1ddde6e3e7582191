/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a verdict is what it is: each rule up to the one that decides. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/match/match.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* The first match that does not hold, in the order in which it is written, or NULL. */
static const Match *first_failed(const Rule *rule, const Case *judged) {
    for (uint32_t i = 0; i < rule->n_matches; i++) {
        const Match *match = &rule->matches[i];
        Answer answer = key_table[match->key].judge(judged, match);
        if (!match_holds(match, rule->info.action, answer))
            return match;
    }
    return NULL;
}

/* What stands against it. */
static char *tell_failed(const Match *match, const Case *judged) {
    for (uint32_t i = 0; i < match->n_items; i++)
        if (match->items[i].untold)
            return strdup("the name service does not respond: the name is unresolved");
    return key_table[match->key].tell(judged, match);
}

static int explain_rule(const Rule *rule, const Case *judged,
                        int (*step)(void *userdata, const TraceStep *step), void *userdata) {
    _cleanup_free_ char *failed = NULL, *why = NULL;
    TraceStep told = {.rule = &rule->info};

    if (rule_is_expired(rule, judged->context->now)) {
        failed = string_format("until %s", rule->until_text);
        if (!failed)
            return -ENOMEM;
        told.failed = failed;
        told.why = "it expired then";
        return step(userdata, &told);
    }
    const Match *match = first_failed(rule, judged);
    if (match) {
        why = tell_failed(match, judged);
        if (!why)
            return -ENOMEM;
        told.failed = match->text;
        told.why = why;
    }
    told.decides = !match;
    return step(userdata, &told);
}

int policy_explain(const Policy *policy, const JudgeContext *context, const Listener *listener,
                   int (*step)(void *userdata, const TraceStep *step), void *userdata) {
    Recognition recognition = {};
    const Case judged = {policy, context, listener, &recognition};

    for (size_t i = 0; i < policy->n_rules; i++) {
        const Rule *rule = &policy->rules[i];
        bool needs_holders = false;
        bool decides = rule_matches(rule, &judged, &needs_holders);
        int r = explain_rule(rule, &judged, step, userdata);
        if (r != 0 || decides)
            return r;
    }
    return explain_rule(&policy->default_rule, &judged, step, userdata);
}
