/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/name_service.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NOBODYS_ID 2000000011u

Test(name_service, knows_root_both_ways) {
    char name[NAME_TEXT_SIZE];
    uint32_t id = 1;

    cr_assert_eq(name_user_id("root", &id), 0);
    cr_assert_eq(id, 0);
    cr_assert_eq(name_group_id("root", &id), 0);
    cr_assert_eq(id, 0);
    cr_assert_eq(name_of_user(0, name), 0);
    cr_assert_str_eq(name, "root");
    cr_assert_eq(name_of_group(0, name), 0);
    cr_assert_str_eq(name, "root");
}

Test(name_service, tells_who_is_not_there) {
    char name[NAME_TEXT_SIZE], longest[NAME_TEXT_SIZE + 1] = {};
    uint32_t id = 7, groups[4];

    memset(longest, 'a', NAME_TEXT_SIZE);
    cr_assert_eq(name_user_id("no such user", &id), -ENOENT);
    cr_assert_eq(name_user_id(longest, &id), -ENOENT);
    cr_assert_eq(name_user_id("", &id), -ENOENT);
    cr_assert_eq(name_of_user(NOBODYS_ID, name), -ENOENT);
    cr_assert_eq(name_of_group(NOBODYS_ID, name), -ENOENT);
    cr_assert_eq(name_user_groups(NOBODYS_ID, groups, 4), -ENOENT);
    cr_assert_eq(name_group_is_own(NOBODYS_ID, 0), -ENOENT);
    cr_assert_eq(id, 7, "written to without success");
}

Test(name_service, knows_the_primary_group) {
    uint32_t groups[NAME_GROUPS_MAX];
    bool found = false;

    int n = name_user_groups(0, groups, NAME_GROUPS_MAX);
    cr_assert_gt(n, 0);
    for (int i = 0; i < n; i++)
        found |= groups[i] == 0;
    cr_assert(found);
    cr_assert_eq(name_group_is_own(0, 0), 1);
    cr_assert_eq(name_user_groups(0, groups, 0), 0, "no more than fit");
}

Test(name_service, no_question_is_answered_that_it_does_not_know) {
    const NameQuestion question = {.kind = NAME_KIND_COUNT};
    static NameAnswer answer;

    name_answer(&question, &answer);
    cr_assert_eq(answer.result, -EINVAL);
    cr_assert_eq(answer.n_groups, 0);
}

/* --- another one answers --- */

static int answer_like_a_directory(void *userdata, const NameQuestion *question, NameAnswer *ret) {
    unsigned *n_asked = userdata;

    (*n_asked)++;
    if (question->kind != NAME_USER && question->kind != NAME_USER_GROUPS)
        return -EAGAIN;
    ret->result = 0;
    ret->n_groups = 3;
    for (uint32_t i = 0; i < 3; i++)
        ret->groups[i] = 100 + i;
    snprintf(ret->text, sizeof(ret->text), "user %u", question->id);
    return 0;
}

Test(name_service, puts_questions_to_whom_it_was_told) {
    char name[NAME_TEXT_SIZE];
    uint32_t groups[2], id = 7;
    unsigned n_asked = 0;

    name_service_set(answer_like_a_directory, &n_asked);
    cr_assert_eq(name_of_user(12, name), 0);
    cr_assert_str_eq(name, "user 12");
    cr_assert_eq(name_user_groups(12, groups, 2), 2);
    cr_assert_eq(groups[1], 101);
    cr_assert_eq(name_user_id("root", &id), -EAGAIN);
    cr_assert_eq(name_any_service(), -EAGAIN);
    cr_assert_eq(id, 7);
    cr_assert_eq(n_asked, 4);
    name_service_set(NULL, NULL);
    cr_assert_eq(name_user_id("root", &id), 0);
    cr_assert_eq(n_asked, 4);
}
