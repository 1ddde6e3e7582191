/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/look_budget.h"

#include <criterion/criterion.h>

TestSuite(look_budget);

/* CPU time that the user gets in `span` from `now`, with looks of `cost` one after another. */
static usec_t use(LookBudget *budget, uid_t uid, usec_t cost, usec_t now, usec_t span) {
    usec_t used = 0;
    for (usec_t at = now; at < now + span; at += cost)
        if (look_budget_has(budget, uid, at)) {
            look_budget_charge(budget, uid, cost, at);
            used += cost;
        }
    return used;
}

Test(look_budget, gives_a_user_a_burst_and_then_a_share) {
    LookBudget budget = {};
    usec_t now = USEC_PER_DAY, used = use(&budget, 1000, 300, now, USEC_PER_MINUTE);

    cr_assert_geq(used, LOOK_BURST_OF_USER + USEC_PER_MINUTE / LOOK_SHARE_OF_USER - 1000);
    cr_assert_leq(used, LOOK_BURST_OF_USER + USEC_PER_MINUTE / LOOK_SHARE_OF_USER + 1000);
}

Test(look_budget, lets_nobody_pay_for_another) {
    LookBudget budget = {};
    usec_t now = USEC_PER_DAY;

    use(&budget, 1000, 1000, now, USEC_PER_MINUTE);
    now += USEC_PER_MINUTE;
    cr_assert(!look_budget_has(&budget, 1000, now));
    cr_assert(look_budget_has(&budget, 1001, now));
    cr_assert(look_budget_has(&budget, LOOK_OTHERS, now));
    cr_assert(look_budget_has(&budget, 1000, now + USEC_PER_SEC));
}

Test(look_budget, bounds_all_users_together) {
    LookBudget budget = {};
    usec_t now = USEC_PER_DAY, used = 0;

    for (usec_t at = now; at < now + USEC_PER_MINUTE; at += 1000) {
        uid_t uid = (uid_t)(at / 1000 % 65536);
        if (look_budget_has(&budget, uid, at)) {
            look_budget_charge(&budget, uid, 1000, at);
            used += 1000;
        }
    }
    cr_assert_leq(used, LOOK_BURST_OF_ALL + USEC_PER_MINUTE / LOOK_SHARE_OF_ALL + 1000);
}

Test(look_budget, is_paid_back_however_often_it_is_asked) {
    LookBudget budget = {};
    usec_t now = USEC_PER_DAY;

    look_budget_charge(&budget, 1000, LOOK_BURST_OF_USER + 1000, now);
    for (unsigned i = 0; i <= 11000; i++)
        (void)look_budget_has(&budget, 1000, now + i);
    cr_assert(look_budget_has(&budget, 1000, now + 11000));
}

/* One look that took longer than the whole burst is paid for, too. */
Test(look_budget, remembers_a_single_long_look) {
    LookBudget budget = {};
    usec_t now = USEC_PER_DAY;

    look_budget_charge(&budget, 1000, 2 * LOOK_BURST_OF_USER, now);
    cr_assert(!look_budget_has(&budget, 1000, now + 4 * USEC_PER_SEC));
    cr_assert(look_budget_has(&budget, 1000, now + 6 * USEC_PER_SEC));
}
