/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The corpus of rules files. bad/NAME.rules gives exactly the diagnostics of bad/NAME.expected.
 * good/NAME.rules gives none, and what stands in its comments:
 *   #? LISTENER => LINE   the rule of that line decides (0: the default), see world.h
 *   #! TEXT               the next rule is shown so
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "world.h"

static char *read_file(const char *path, size_t *ret_length) {
    FILE *in = fopen(path, "r");
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_length);
    if (!in)
        return fclose(out), free(text), NULL;
    for (int c; (c = fgetc(in)) != EOF;)
        fputc(c, out);
    fclose(in);
    fclose(out);
    return text;
}

static int is_rules(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 6 && strcmp(entry->d_name + length - 6, ".rules") == 0;
}

/* Calls `look` for each rules file of the folder. */
static void each_file(const char *folder, void (*look)(const char *name, const char *path)) {
    _cleanup_free_ char *directory = NULL;
    struct dirent **entries;

    setenv("TZ", "UTC", 1);
    cr_assert(asprintf(&directory, "%s/tests/fixtures/rules/%s", TOP_SRCDIR, folder) > 0);
    int count = scandir(directory, &entries, is_rules, alphasort);
    cr_assert(count >= 60, "%s holds %d rules files, 60 are wanted", directory, count);
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *path = NULL;
        cr_assert(asprintf(&path, "%s/%s", directory, entries[i]->d_name) > 0);
        look(entries[i]->d_name, path);
        free(entries[i]);
    }
    free(entries);
}

static char *printed_text(const Diagnostics *diagnostics) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    diagnostics_print(diagnostics, out);
    fclose(out);
    return text;
}

static void look_at_bad(const char *name, const char *path) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *expected_path = NULL;
    size_t length;
    Policy *policy = NULL;
    _cleanup_free_ char *text = read_file(path, &length);

    cr_assert(asprintf(&expected_path, "%.*s.expected", (int)strlen(path) - 6, path) > 0);
    cr_expect_eq(policy_parse(name, text, length, diagnostics, &policy), -EBADMSG, "%s", name);
    cr_expect_null(policy);
    _cleanup_free_ char *told = printed_text(diagnostics);
    /* For who changes a message: write all anew, then read the difference. */
    if (getenv("SOCKAUDIT_WRITE_EXPECTED") && !getenv("CI")) {
        FILE *out = fopen(expected_path, "w");
        fputs(told, out);
        fclose(out);
    }
    size_t expected_length;
    _cleanup_free_ char *expected = read_file(expected_path, &expected_length);
    cr_assert_not_null(expected, "%s lacks", expected_path);
    cr_expect_str_eq(told, expected, "%s: expected\n%s\nbut was told\n%s", name, expected, told);
}

Test(corpus, bad_files_are_told) {
    each_file("bad", look_at_bad);
}

static void check_verdict(const char *name, const Policy *policy, char *line) {
    char *arrow = strstr(line, "=>");
    World world;
    Verdict verdict;

    cr_assert_not_null(arrow, "%s: %s", name, line);
    *arrow = '\0';
    world_init(&world);
    cr_assert(world_set_listener(&world, line), "%s: not understood: %s", name, line);
    policy_judge(policy, &world.context, &world.listener, &verdict);
    unsigned decided = verdict.rule == policy_default(policy) ? 0 : verdict.rule->line;
    cr_expect_eq(decided, (unsigned)atoi(arrow + 2), "%s:%s: line %u decides, not %s", name, line,
                 decided, arrow + 2);
    cr_expect_eq(verdict.needs_all_holders, strstr(arrow + 2, "needs") != NULL, "%s:%s: needs %d",
                 name, line, verdict.needs_all_holders);
    world_done(&world);
}

static void check_text(const char *name, const Policy *policy, unsigned line, const char *text) {
    for (size_t i = 0; i < policy_n_rules(policy); i++)
        if (policy_rule(policy, i)->line > line) {
            cr_expect_str_eq(policy_rule(policy, i)->text, text, "%s:%u", name, line);
            return;
        }
    cr_expect(false, "%s:%u: no rule follows", name, line);
}

static void look_at_good(const char *name, const char *path) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;
    size_t length;
    unsigned number = 0;
    _cleanup_free_ char *text = read_file(path, &length);

    int r = policy_parse(name, text, length, diagnostics, &policy);
    _cleanup_free_ char *told = printed_text(diagnostics);
    cr_expect_eq(r, 0, "%s: %s", name, told);
    cr_expect_str_empty(told, "%s", name);
    char *rest = text, *line;
    while (r == 0 && (line = strsep(&rest, "\n"))) {
        number++;
        line[strcspn(line, "\r")] = '\0';
        if (strncmp(line, "#? ", 3) == 0)
            check_verdict(name, policy, line + 3);
        else if (strncmp(line, "#! ", 3) == 0)
            check_text(name, policy, number, line + 3);
    }
}

Test(corpus, good_files_are_understood) {
    each_file("good", look_at_good);
}
