/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/look_budget.h"

static void pay_back(LookDebt *debt, unsigned share, usec_t now) {
    usec_t paid = (now - debt->at) / share;

    /* What is left over of `share` is paid the next time: it may be but a few µs from now. */
    debt->at = debt->debt > paid ? debt->at + paid * share : now;
    debt->debt = debt->debt > paid ? debt->debt - paid : 0;
}

/* The user's slot; else one of a user without debts, if `take`; else the others'. */
static LookDebt *find_debt(LookBudget *budget, uid_t uid, usec_t now, bool take) {
    LookDebt *free_slot = NULL;

    if (uid == LOOK_OTHERS)
        return &budget->others;
    for (unsigned i = 0; i < LOOK_USERS; i++) {
        LookDebt *debt = &budget->users[i];
        pay_back(debt, LOOK_SHARE_OF_USER, now);
        if (debt->debt == 0)
            free_slot = debt;
        else if (debt->uid == uid)
            return debt;
    }
    if (!free_slot || !take)
        return free_slot ?: &budget->others;
    free_slot->uid = uid;
    return free_slot;
}

bool look_budget_has(LookBudget *budget, uid_t uid, usec_t now) {
    pay_back(&budget->all, LOOK_SHARE_OF_ALL, now);
    pay_back(&budget->others, LOOK_SHARE_OF_USER, now);
    return budget->all.debt < LOOK_BURST_OF_ALL &&
           find_debt(budget, uid, now, false)->debt < LOOK_BURST_OF_USER;
}

void look_budget_charge(LookBudget *budget, uid_t uid, usec_t spent, usec_t now) {
    pay_back(&budget->all, LOOK_SHARE_OF_ALL, now);
    pay_back(&budget->others, LOOK_SHARE_OF_USER, now);
    budget->all.debt += spent;
    find_debt(budget, uid, now, true)->debt += spent;
}
