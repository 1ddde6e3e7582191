/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/look_budget.h"

#include "util/limit.h"

/* The user's slot; else one of a user without debts, if `take`; else the others'. */
static LookUser *find_user(LookBudget *budget, uid_t uid, usec_t now, bool take) {
    LookUser *free_slot = NULL;

    if (uid == LOOK_OTHERS)
        return &budget->others;
    for (unsigned i = 0; i < LOOK_USERS; i++) {
        LookUser *user = &budget->users[i];
        if (limit_used(user->limit, now) == 0)
            free_slot = user;
        else if (user->uid == uid)
            return user;
    }
    if (!free_slot || !take)
        return free_slot ?: &budget->others;
    free_slot->uid = uid;
    return free_slot;
}

bool look_budget_has(LookBudget *budget, uid_t uid, usec_t now) {
    const LookUser *user = find_user(budget, uid, now, false);
    return limit_used(budget->all, now) < LOOK_BURST_OF_ALL * LOOK_SHARE_OF_ALL &&
           limit_used(user->limit, now) < LOOK_BURST_OF_USER * LOOK_SHARE_OF_USER;
}

void look_budget_charge(LookBudget *budget, uid_t uid, usec_t spent, usec_t now) {
    limit_use(&budget->all, spent * LOOK_SHARE_OF_ALL, now);
    limit_use(&find_user(budget, uid, now, true)->limit, spent * LOOK_SHARE_OF_USER, now);
}
