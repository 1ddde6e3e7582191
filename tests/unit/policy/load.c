/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files are read, in which order, and which are refused. In a root of the test's own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/lint/lint.h"
#include "util/cleanup.h"

#define ETC SYSCONFDIR "/sockaudit/rules.d/"
#define RUN "/run/sockaudit/rules.d/"
#define USR VENDORDIR "/rules.d/"

static char root[64];

/* A path below the root; valid until the next call. */
static const char *below(const char *path) {
    static char whole[4200];
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    return whole;
}

static void make_directories(const char *path) {
    char copy[4200];
    snprintf(copy, sizeof(copy), "%s", below(path));
    for (char *slash = copy + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        cr_assert(mkdir(copy, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static void write_file(const char *path, const char *text) {
    make_directories(path);
    FILE *out = fopen(below(path), "w");
    cr_assert_not_null(out);
    fputs(text, out);
    fclose(out);
    cr_assert_eq(chmod(below(path), 0644), 0);
}

static void set_up(void) {
    umask(022);
    strcpy(root, "/tmp/sockaudit-rules-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    chmod(root, 0755);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

static void tear_down(void) {
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(load, .init = set_up, .fini = tear_down);

static int load(const char *rules, uid_t uid, Policy **ret, char **ret_told) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    PolicySource source = {.root = root, .rules = rules, .trusted_uid = uid};
    size_t length;
    FILE *out = open_memstream(ret_told, &length);
    int r = policy_load(&source, diagnostics, ret);
    diagnostics_print(diagnostics, out);
    fclose(out);
    return r;
}

/* Loads the root's files; the ids of the rules, in order, must be those. */
static void expect_ids(const char *ids) {
    _cleanup_policy_ Policy *policy = NULL;
    _cleanup_free_ char *told = NULL;
    char have[256] = "";

    int r = load(NULL, getuid(), &policy, &told);
    cr_assert_eq(r, 0, "%d %s", r, told);
    for (size_t i = 0; i < policy_n_rules(policy); i++) {
        strcat(have, i ? " " : "");
        strcat(have, policy_rule(policy, i)->id);
    }
    cr_expect_str_eq(have, ids);
}

static void expect_refused(const char *rules, const char *part) {
    Policy *policy = NULL;
    _cleanup_free_ char *told = NULL;
    int r = load(rules, getuid(), &policy, &told);
    cr_expect_eq(r, -EBADMSG, "%d, wanted: %s", r, part);
    cr_expect_null(policy);
    cr_expect(strstr(told, part), "lacks `%s`: %s", part, told);
}

Test(load, no_file_at_all) {
    Policy *policy = NULL;
    _cleanup_free_ char *told = NULL;
    cr_expect_eq(load(NULL, getuid(), &policy, &told), -ENOENT);
    make_directories(ETC);
    free(told);
    cr_expect_eq(load(NULL, getuid(), &policy, &told), -ENOENT);
    cr_expect_str_empty(told);
}

Test(load, drop_ins_by_name_before_the_main_file) {
    write_file(SYSCONFDIR "/sockaudit/sockaudit.rules", "allow id main\n");
    write_file(USR "20-b.rules", "allow id usr20\n");
    write_file(ETC "10-a.rules", "allow id etc10\n");
    write_file(RUN "30-c.rules", "allow id run30\n");
    write_file(ETC "A.rules", "allow id upper\n");
    write_file(ETC "notes.txt", "not rules\n");
    write_file(ETC ".hidden.rules", "not read\n");
    write_file(ETC ".rules", "not read\n");
    expect_ids("etc10 usr20 run30 upper main");
}

Test(load, etc_over_run_over_usr) {
    write_file(USR "a.rules", "this would be an error\n");
    write_file(RUN "a.rules", "allow id run\n");
    write_file(USR "b.rules", "this too\n");
    write_file(RUN "b.rules", "this too\n");
    write_file(ETC "b.rules", "allow id etc\n");
    expect_ids("run etc");
}

Test(load, masks) {
    write_file(USR "a.rules", "allow id a\n");
    write_file(USR "b.rules", "allow id b\n");
    write_file(USR "c.rules", "allow id c\n");
    write_file(ETC "a.rules", "");
    make_directories(RUN);
    cr_assert_eq(symlink("/dev/null", below(RUN "b.rules")), 0);
    expect_ids("c");
}

Test(load, masked_alone_is_a_policy) {
    write_file(ETC "a.rules", "");
    expect_ids("");
}

Test(load, a_link_stays_below_the_root) {
    write_file("/srv/real.rules", "allow id real\n");
    make_directories(ETC);
    cr_assert_eq(symlink("/srv/real.rules", below(ETC "a.rules")), 0);
    expect_ids("real");
}

Test(load, a_link_to_nothing_is_told) {
    make_directories(ETC);
    cr_assert_eq(symlink("/srv/nothing", below(ETC "a.rules")), 0);
    expect_refused(NULL, "leads nowhere");
}

Test(load, the_first_set_wins_over_files) {
    _cleanup_policy_ Policy *policy = NULL;
    _cleanup_free_ char *told = NULL;
    write_file(ETC "a.rules", "set burst 7\nset default flag critical\n");
    write_file(SYSCONFDIR "/sockaudit/sockaudit.rules",
               "set burst 9\nset poll 5s\nset default allow\n");
    cr_assert_eq(load(NULL, getuid(), &policy, &told), 0, "%s", told);
    cr_expect_eq(policy_settings(policy)->burst, 7);
    cr_expect_eq(policy_settings(policy)->poll, 5 * USEC_PER_SEC);
    cr_expect_eq(policy_default(policy)->severity, SEVERITY_CRITICAL);
    cr_expect_str_eq(policy_default(policy)->text, "set default flag critical");
    cr_expect(strstr(policy_files(policy)[0], ETC "a.rules"));
    cr_expect_null(policy_files(policy)[2]);
}

Test(load, lets_and_ids_end_with_their_file) {
    Policy *policy = NULL;
    _cleanup_free_ char *told = NULL;
    write_file(ETC "a.rules", "let x = 1\nallow port $x id same\n");
    write_file(ETC "b.rules", "let x = 2\nallow port $x id same\n");
    expect_ids("same same");
    write_file(ETC "c.rules", "allow port $x\n");
    cr_expect_eq(load(NULL, getuid(), &policy, &told), -EBADMSG);
    cr_expect(strstr(told, "c.rules:1:12"), "%s", told);
}

Test(load, lint_over_files) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;
    _cleanup_free_ char *told = NULL;
    LintContext context = {.now = 1};
    write_file(ETC "a.rules", "allow port 1-9 id same\n");
    write_file(ETC "b.rules", "\nflag port 5 id same\n");
    cr_assert_eq(load(NULL, getuid(), &policy, &told), 0, "%s", told);
    cr_assert_eq(policy_lint(policy, &context, diagnostics), 0);
    cr_assert_eq(diagnostics->n_items, 2);
    cr_expect(strstr(diagnostics->items[0].message, "never decides: the rule in /tmp/"));
    cr_expect(strstr(diagnostics->items[0].message, "a.rules:1 matches all"));
    cr_expect(strstr(diagnostics->items[1].message, "the id `same` is taken by /tmp/"));
    cr_expect_eq(diagnostics->items[1].line, 2);
    cr_expect_eq(diagnostics->items[1].column, 16);
}

Test(load, errors_of_all_files_at_once) {
    write_file(ETC "a.rules", "alow\n");
    write_file(SYSCONFDIR "/sockaudit/sockaudit.rules", "allow\nallow prot 1\n");
    expect_refused(NULL, "a.rules:1:1: error: `alow`");
    expect_refused(NULL, "sockaudit.rules:2:7: error: `prot`");
}

Test(load, writable_by_others) {
    write_file(ETC "a.rules", "allow\n");
    chmod(below(ETC "a.rules"), 0666);
    expect_refused(NULL, "mode 0666");
    expect_refused(NULL, "chmod go-w");
    chmod(below(ETC "a.rules"), 0644);
    chmod(below(SYSCONFDIR "/sockaudit"), 0777);
    expect_refused(NULL, "is in");
    chmod(below(SYSCONFDIR "/sockaudit"), 0755);
    chmod(below(ETC), 01777);
    expect_refused(NULL, "mode 1777");
}

Test(load, owned_by_another) {
    if (getuid() != 0) {
        cr_assert_null(getenv("CI"), "this test needs root");
        cr_skip_test("needs root");
    }
    write_file(ETC "a.rules", "allow\n");
    cr_assert_eq(chown(below(ETC "a.rules"), 1, 1), 0);
    expect_refused(NULL, "is owned by daemon:daemon (uid 1) with mode 0644");
    cr_assert_eq(chown(below(ETC "a.rules"), 0, 1), 0);
    chmod(below(ETC "a.rules"), 0664);
    expect_refused(NULL, "root:daemon");
    /* Group 0 is root's. */
    cr_assert_eq(chown(below(ETC "a.rules"), 0, 0), 0);
    Policy *policy = NULL;
    _cleanup_free_ char *told = NULL;
    cr_expect_eq(load(NULL, 0, &policy, &told), 0, "%s", told);
    policy_free(policy);
}

Test(load, a_named_file_may_be_the_callers) {
    if (getuid() != 0) {
        cr_assert_null(getenv("CI"), "this test needs root");
        cr_skip_test("needs root");
    }
    char path[128];
    _cleanup_free_ char *told = NULL;
    Policy *policy = NULL;
    write_file("/x.rules", "allow\n");
    strcpy(path, below("/x.rules"));
    cr_assert_eq(chown(path, 1, 1), 0);
    cr_expect_eq(load(path, 1, &policy, &told), 0, "%s", told);
    policy = policy_free(policy);
    expect_refused(path, "uid 1");
    /* The user's own group is the user's. */
    chmod(path, 0664);
    free(told);
    cr_expect_eq(load(path, 1, &policy, &told), 0, "%s", told);
    policy_free(policy);
    chmod(path, 0646);
    expect_refused(path, "0646");
}

Test(load, what_is_no_file) {
    make_directories(ETC);
    cr_assert_eq(mkfifo(below(ETC "a.rules"), 0644), 0);
    expect_refused(NULL, "is not a regular file");
    unlink(below(ETC "a.rules"));
    mkdir(below(ETC "a.rules"), 0755);
    expect_refused(NULL, "is not a regular file");
    expect_refused("/dev/zero", "is not a regular file");
    expect_refused("/no/such/file", "can't be opened: No such file");
}

Test(load, what_is_too_large) {
    write_file(ETC "a.rules", "allow\n");
    cr_assert_eq(truncate(below(ETC "a.rules"), 1024 * 1024 + 1), 0);
    expect_refused(NULL, "larger than 1048576 bytes");
}

Test(load, a_file_in_the_place_of_a_directory) {
    write_file(SYSCONFDIR "/sockaudit/rules.d", "x");
    expect_refused(NULL, "Not a directory");
}

Test(load, the_builtin_policy) {
    _cleanup_policy_ Policy *policy = policy_new_builtin();
    cr_assert_eq(policy_n_rules(policy), 1);
    cr_expect_null(policy_rule(policy, 0)->file);
    cr_expect_eq(policy_default(policy)->action, ACTION_FLAG);
    cr_expect_null(policy_default(policy)->file);
    cr_expect_eq(policy_rule_index(policy, policy_rule(policy, 0)), 0);
    cr_expect_eq(policy_rule_index(policy, policy_default(policy)), 1);
}
