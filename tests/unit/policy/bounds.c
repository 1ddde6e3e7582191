/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one policy may grow to. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/lint/lint.h"
#include "policy/ruleset.h"
#include "util/cleanup.h"

/* The first message about a text that is `head`, then `line` so often. */
static char *first_message(const char *head, const char *line, size_t count, size_t n_errors) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *text = NULL;
    size_t length;
    Policy *policy = NULL;
    FILE *out = open_memstream(&text, &length);

    fputs(head, out);
    for (size_t i = 0; i < count; i++)
        fputs(line, out);
    fclose(out);
    int r = policy_parse("x", text, length, diagnostics, &policy);
    policy_free(policy);
    cr_expect_eq(diagnostics->n_errors, n_errors, "%zu errors", diagnostics->n_errors);
    cr_expect_eq(r, n_errors ? -EBADMSG : 0);
    return strdup(n_errors ? diagnostics->items[0].message : "");
}

static void expect_message(const char *head, const char *line, size_t count, const char *expected) {
    _cleanup_free_ char *message = first_message(head, line, count, *expected ? 1 : 0);
    cr_expect_str_eq(message, expected);
}

Test(bounds, rules) {
    expect_message("", "allow\n", RULES_MAX, "");
    expect_message("", "allow\n", RULES_MAX + 7, "the policy has more than 32768 rules");
}

Test(bounds, file) {
    expect_message("", "# comment\n", FILE_SIZE_MAX / 10 + 1,
                   "the file is larger than 1048576 bytes");
}

Test(bounds, items) {
    expect_message("allow port 1", ", 1", LIST_ITEMS_MAX - 1, "");
    expect_message("allow port 1", ", 1", LIST_ITEMS_MAX, "the list has more than 4096 items");
    expect_message(
        "let a = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20\n",
        "allow port $a\n", ITEMS_MAX / 20 + 10, "the policy has more than 262144 items");
}

Test(bounds, filter) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *word = calloc(70000, 1);
    Filter *filter = NULL;
    memset(word, ' ', 69999);
    cr_expect_eq(filter_parse(&word, 1, diagnostics, &filter), -EBADMSG);
    cr_expect_str_eq(diagnostics->items[0].message, "the filter is longer than 65536 bytes");
}
