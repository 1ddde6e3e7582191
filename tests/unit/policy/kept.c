/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copy of the last valid rules: what is read is what was written, or nothing. */
#include "policy/files/kept_rules.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/build.h"
#include "util/cleanup.h"

static const PolicySource source = {.root = "/some root"};

/* Two files, whose texts could be taken for the format's own lines. */
static Policy *make_policy(void) {
    static const char *const texts[][2] = {
        {"/a\n8 b.rules", "allow tcp port 1\n\n3 abc\n"},
        {"/etc/\xff.rules", ""},
        {"/etc/z.rules", "# 16 0123456789abcdef\n\n\nflag error udp port 2 note \"12 x\""},
    };
    RulesFiles files = {};
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy = NULL;

    for (size_t i = 0; i < 3; i++) {
        const char *text = i == 0 ? "allow tcp port 1\n\n# 3 abc\n" : texts[i][1];
        cr_assert_eq(rules_files_add(&files, strdup(texts[i][0]), strdup(text), strlen(text)), 0);
    }
    cr_assert_eq(policy_build(&files, diagnostics, &policy), 0);
    rules_files_done(&files);
    return policy;
}

static char *make_text(size_t *ret_length) {
    _cleanup_policy_ Policy *policy = make_policy();
    char *text = NULL;
    cr_assert_eq(kept_rules_format(&source, policy, &text, ret_length), 0);
    return text;
}

Test(kept_rules, rules_come_back_under_their_own_names) {
    size_t length;
    _cleanup_free_ char *text = make_text(&length);
    _cleanup_policy_ Policy *first = make_policy(), *policy = NULL;

    cr_assert_eq(kept_rules_parse(text, length, &source, &policy), 0);
    cr_assert_eq(policy_n_rules(policy), policy_n_rules(first));
    for (size_t i = 0; i < policy_n_rules(policy); i++) {
        cr_assert_str_eq(policy_rule(policy, i)->file, policy_rule(first, i)->file);
        cr_assert_str_eq(policy_rule(policy, i)->text, policy_rule(first, i)->text);
        cr_assert_eq(policy_rule(policy, i)->line, policy_rule(first, i)->line);
    }
    for (size_t i = 0; i < 3; i++)
        cr_assert_str_eq(policy_files(policy)[i], policy_files(first)[i]);
    cr_assert_null(policy_files(policy)[3]);
}

Test(kept_rules, another_source_has_none) {
    static const PolicySource others[] = {
        {}, {.root = "/some roo"}, {.root = "/some root", .rules = "/x"}, {.rules = "/some root"}};
    size_t length;
    _cleanup_free_ char *text = make_text(&length);
    Policy *policy = NULL;

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        cr_assert_eq(kept_rules_parse(text, length, &others[i], &policy), -ENOENT);
}

Test(kept_rules, nothing_is_taken_from_what_is_damaged) {
    size_t length;
    _cleanup_free_ char *text = make_text(&length);
    Policy *policy = NULL;

    for (size_t i = 0; i < length; i++) {
        _cleanup_free_ char *copy = malloc(length + 1);
        memcpy(copy, text, i); /* a copy of that length, so that a sanitizer sees its end */
        cr_assert_eq(kept_rules_parse(copy, i, &source, &policy), -EBADMSG, "%zu", i);
        memcpy(copy, text, length);
        copy[i] ^= 1;
        cr_assert_eq(kept_rules_parse(copy, length, &source, &policy), -EBADMSG, "%zu", i);
    }
    cr_assert_null(policy);
}

/* With a checksum that is right. */
static void refuses(const char *content) {
    _cleanup_free_ char *text = NULL;
    uint64_t hash = UINT64_C(14695981039346656037);
    Policy *policy = NULL;

    for (const char *c = content; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    int length = asprintf(&text, "%s%016lx\n", content, hash);
    cr_assert_gt(length, 0);
    cr_assert_eq(kept_rules_parse(text, (size_t)length, &source, &policy), -EBADMSG, "%s", content);
}

Test(kept_rules, numbers_are_not_believed) {
    refuses("");
    refuses("sockaudit-rules 2 0\n10 /some root\n0 \n");
    refuses("sockaudit-rules 1 9999999999\n10 /some root\n0 \n");
    refuses("sockaudit-rules 1 1025\n10 /some root\n0 \n");
    refuses("sockaudit-rules 1 1\n10 /some root\n0 \n");
    refuses("sockaudit-rules 1 0\n10 /some root\n0 \nmore");
    refuses("sockaudit-rules 1 0\n11 /some root\n0 \n");
    refuses("sockaudit-rules 1 0\n16777217 /some root\n0 \n");
    refuses("sockaudit-rules 1 1\n10 /some root\n0 \n1 a\n4 alow\n");
    refuses("sockaudit-rules 1 1\n10 /some root\n0 \n1 a\n-1 \n");
}
