/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collect.h"
#include "util/cleanup.h"
#include "util/clock.h"

int audit_collect(const Machine *machine, Snapshot **ret) {
    _cleanup_collector_ Collector *collector = NULL;
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();

    if (!snapshot)
        return -ENOMEM;
    int r = collector_open(machine->proc_fd, machine->sys_fd, NULL, &collector);
    if (r < 0)
        return r;
    r = collector_snapshot_twice(collector, snapshot);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(snapshot);
    return 0;
}

/* Returns whether a verdict waits for holders that were not looked for. */
static bool judge_all(Audit *audit, const Policy *policy) {
    bool needs_all = false;
    for (size_t i = 0; i < audit->snapshot->n_listeners; i++) {
        Listener *listener = &audit->snapshot->listeners[i];
        policy_judge(policy, &audit->context, listener, &listener->verdict);
        needs_all |= listener->verdict.needs_all_holders;
    }
    return needs_all;
}

static int find_and_judge(Audit *audit, const Policy *policy, SearchDepth depth) {
    int r = owner_search_run(audit->search, depth);
    if (r < 0)
        return r;
    if (!judge_all(audit, policy) || depth == SEARCH_ALL)
        return 0;
    r = owner_search_run(audit->search, SEARCH_ALL);
    if (r < 0)
        return r;
    judge_all(audit, policy);
    return 0;
}

void audit_recognise(const AdviceTable *advice, Listener *listener) {
    const char *tool = listener->tool ? NULL : advice_recognise(advice, listener);
    if (tool)
        listener->tool = strdup(tool);
}

void audit_advise(const AdviceTable *advice, Listener *listener) {
    const RuleInfo *rule = listener->verdict.rule;

    if (listener->verdict.action != ACTION_FLAG)
        return;
    audit_recognise(advice, listener);
    if (rule && rule->advice)
        listener->advice = strdup(rule->advice);
    else if (advice && advice_find(advice, listener, &listener->advice) < 0)
        listener->advice = NULL;
}

void audit_drop_advice(Listener *listener) {
    free(listener->tool);
    free(listener->advice);
    listener->tool = listener->advice = NULL;
}

static int run(Audit *audit, const Policy *policy, const AdviceTable *advice, SearchDepth depth) {
    int r = audit_collect(&audit->machine, &audit->snapshot);
    if (r < 0)
        return r;
    audit->now = realtime_now();
    audit->context = machine_judge_context(&audit->machine, audit->snapshot, audit->now);
    r = exe_table_new(policy, &audit->context, &audit->exes);
    if (r < 0)
        return r;
    audit->context.exes = audit->exes;
    audit->context.advice = advice;
    r = owner_search_new(&audit->machine.sources, audit->snapshot, &audit->search);
    if (r < 0)
        return r;
    r = find_and_judge(audit, policy, depth);
    for (size_t i = 0; r == 0 && i < audit->snapshot->n_listeners; i++)
        audit_advise(advice, &audit->snapshot->listeners[i]);
    return r;
}

int audit_run(Audit *audit, const Policy *policy, const AdviceTable *advice, SearchDepth depth) {
    *audit = (Audit){};
    int r = machine_open(&audit->machine, NULL);
    if (r < 0)
        return r;
    r = run(audit, policy, advice, depth);
    if (r < 0)
        audit_close(audit);
    return r;
}

void audit_close(Audit *audit) {
    audit->search = owner_search_free(audit->search);
    audit->exes = exe_table_free(audit->exes);
    audit->snapshot = snapshot_free(audit->snapshot);
    machine_close(&audit->machine);
}
