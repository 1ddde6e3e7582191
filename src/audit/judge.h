/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the ledger asks for a verdict: an interface, so that the ledger is tested without a policy;
 * and the one that asks a Policy, and keeps which rule decided how often. */
#pragma once

#include "audit/state.h"
#include "policy/policy.h"

typedef struct Judge {
    /* The verdict at that time, of a listener of that age. */
    void (*judge)(void *userdata, const Listener *listener, usec_t age, usec_t realtime,
                  Verdict *ret);
    /* The first age above `age`, and the first date after `realtime`, at which a rule begins or
     * ceases to match by itself; USEC_INFINITY: none. */
    usec_t (*next_age)(void *userdata, usec_t age);
    usec_t (*next_until)(void *userdata, usec_t realtime);
    /*
     * The owner with every holder, for a verdict that needs_all_holders: a new reference, or NULL
     * when they can't be found: then the verdict is taken as it is. May be NULL. Called at most
     * once for each judgement.
     */
    Owner *(*find_all_holders)(void *userdata, const Listener *listener);
    /*
     * Searches for the owner before an alert. Sets *ret to a new reference, or leaves it if the
     * owner is already known or not found. Returns 0, or -EAGAIN if it cannot search now: then it
     * is called again, for some seconds. May be NULL. Otherwise called once per listener.
     */
    int (*complete_owner)(void *userdata, const Listener *listener, Owner **ret);
    /*
     * Returns whether the socket of the listener's cookie is still open, before an alert; true if
     * unknown. If it is closed, it is called again while the ledger knows it. May be NULL.
     */
    bool (*is_open)(void *userdata, const Listener *listener);
    /* That rule came to decide on one more listener. May be NULL. */
    void (*count)(void *userdata, const RuleInfo *rule);
    void *userdata;
    PolicySettings settings;
} Judge;

/* Judges by a policy. */
typedef struct PolicyJudge {
    Judge judge;          /* for the ledger; find_all_holders is its user's to set, and gets this
                           * PolicyJudge as userdata */
    JudgeContext context; /* its user's to keep up to date (links); `now` is not looked at */
    void *userdata;       /* its user's */
    /* Before each verdict: for its user to see whether the table of files is still right of that
     * listener's holders. May be NULL. */
    void (*freshen)(struct PolicyJudge *self, const Listener *listener);
    ExeTable *exes;       /* owned; NULL where the context can't tell which file a path is */
    const Policy *policy; /* borrowed */
    uint64_t *hits;       /* by policy_rule_index(): listeners that the rule matched */
} PolicyJudge;

/* The policy must outlive it; the context is copied, its `exes` replaced. Returns 0 or -ENOMEM. */
int policy_judge_new(const Policy *policy, const JudgeContext *context, PolicyJudge **ret);
/* Takes NULL, returns NULL. */
PolicyJudge *policy_judge_free(PolicyJudge *judge);

/* Asks again which files the `exe` of its rules are. Returns 1 when some are others than before, 0,
 * or -ENOMEM: then it is left as it was. */
int policy_judge_renew_exes(PolicyJudge *judge);

/*
 * The counters by what outlasts a reload, the hash of the rule's file and text: for the state file,
 * and to carry them to the next policy. *ret is freed by the caller. Returns 0 or -ENOMEM.
 */
int policy_judge_get_hits(const PolicyJudge *judge, StateHits **ret, size_t *ret_n);
/* Adds to the counters of the rules that are still there. Returns 0 or -ENOMEM. */
int policy_judge_add_hits(PolicyJudge *judge, const StateHits *hits, size_t n);

DEFINE_CLEANUP(PolicyJudge, policy_judge_cleanup, policy_judge_free)
#define _cleanup_policy_judge_ _cleanup_(policy_judge_cleanup)
