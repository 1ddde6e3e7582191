/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/access.h"

#include <criterion/criterion.h>

#define ALICE  1000
#define BOB    1001
#define ADM    4
#define NOBODY ((uid_t)-1)

static const gid_t groups[] = {20, ADM, 1000};

Test(access, who_sees_all) {
    cr_assert(viewer_make(0, 0, NULL, 0, ADM).sees_all);
    cr_assert(viewer_make(0, 0, NULL, 0, (gid_t)-1).sees_all);
    cr_assert(viewer_make(ALICE, ADM, NULL, 0, ADM).sees_all);
    cr_assert(viewer_make(ALICE, 1000, groups, 3, ADM).sees_all);
    cr_assert_not(viewer_make(ALICE, 1000, groups, 1, ADM).sees_all);
    cr_assert_not(viewer_make(ALICE, 1000, NULL, 0, ADM).sees_all);
    cr_assert_not(viewer_make(NOBODY, (gid_t)-1, NULL, 0, ADM).sees_all);
    /* With no such group, a group of no number is nobody's. */
    cr_assert_not(viewer_make(ALICE, (gid_t)-1, NULL, 0, (gid_t)-1).sees_all);
}

Test(access, processes) {
    const Viewer alice = {ALICE, false}, adm = {BOB, true}, nobody = {NOBODY, false};
    const Holder hers = {.uid = ALICE}, his = {.uid = BOB}, unknown = {.uid = NOBODY};

    cr_assert(viewer_sees_process(&alice, &hers));
    cr_assert_not(viewer_sees_process(&alice, &his));
    cr_assert_not(viewer_sees_process(&alice, &unknown));
    cr_assert_not(viewer_sees_process(&nobody, &unknown));
    cr_assert(viewer_sees_process(&adm, &hers));
    cr_assert(viewer_sees_process(&adm, &unknown));
}

Test(access, advice_may_quote_a_command_line) {
    const Viewer alice = {ALICE, false};
    Holder holders[2] = {{.uid = ALICE}, {.uid = BOB}};
    const RuleInfo rule = {.advice = "ask the administrator"};
    Owner owner = {.holders = holders, .n_holders = 2, .n_holders_seen = 2};
    Listener listener = {.owner = &owner, .advice = (char *)"node secret.js --host 127.0.0.1"};

    cr_assert_not(viewer_sees_advice(&alice, &listener));
    listener.verdict.rule = &rule;
    cr_assert_not(viewer_sees_advice(&alice, &listener));
    listener.advice = (char *)"ask the administrator";
    cr_assert(viewer_sees_advice(&alice, &listener));
    listener.verdict.rule = NULL;
    owner.n_holders = owner.n_holders_seen = 1;
    cr_assert(viewer_sees_advice(&alice, &listener));
    owner.n_holders_seen = 2; /* one more that was not kept */
    cr_assert_not(viewer_sees_advice(&alice, &listener));
}

Test(access, deeds) {
    const Viewer root = {0, true}, alice = {ALICE, false}, adm = {ALICE, true},
                 nobody = {NOBODY, false};
    const uid_t hers[] = {ALICE, ALICE}, mixed[] = {ALICE, BOB}, nobodys[] = {NOBODY};

    for (Deed deed = DEED_RELOAD; deed <= DEED_SUGGEST; deed++)
        cr_assert(viewer_may(&root, deed, mixed, 2));
    cr_assert(viewer_may(&alice, DEED_SNOOZE, hers, 2));
    cr_assert_not(viewer_may(&alice, DEED_SNOOZE, mixed, 2));
    cr_assert_not(viewer_may(&alice, DEED_SNOOZE, NULL, 0));
    cr_assert_not(viewer_may(&alice, DEED_SNOOZE, nobodys, 1));
    cr_assert_not(viewer_may(&nobody, DEED_SNOOZE, nobodys, 1));
    /* Who may see everything may not do everything. */
    cr_assert_not(viewer_may(&adm, DEED_SNOOZE, mixed, 2));
    cr_assert_not(viewer_may(&adm, DEED_ALLOW, hers, 2));
    cr_assert(viewer_may(&adm, DEED_SUGGEST, mixed, 2));
    cr_assert(viewer_may(&alice, DEED_SUGGEST, hers, 2));
    cr_assert_not(viewer_may(&alice, DEED_SUGGEST, mixed, 2));
    cr_assert_not(viewer_may(&nobody, DEED_SUGGEST, nobodys, 1));
    cr_assert_not(viewer_may(&alice, DEED_RELOAD, NULL, 0));
}
