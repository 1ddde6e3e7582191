/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/advice/advice_table.h"
#include "support.h"
#include "util/cleanup.h"

#define LOCAL   SYSCONFDIR "/sockaudit/advice.d"
#define SHIPPED PKGDATADIR "/advice.d"

static char root[] = "/tmp/sockaudit-advice-XXXXXX";

static char *below_root(const char *directory, const char *name) {
    char *path = NULL;
    cr_assert_geq(asprintf(&path, "%s%s%s%s", root, directory, name ? "/" : "", name ? name : ""),
                  0);
    return path;
}

static void make_directory(const char *directory) {
    _cleanup_free_ char *path = below_root(directory, NULL);
    for (char *slash = path + strlen(root); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        cr_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    cr_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static void write_file(const char *directory, const char *name, const char *text, mode_t mode) {
    _cleanup_free_ char *path = below_root(directory, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s: %s", path, strerror(errno));
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *where) {
    (void)status, (void)flag, (void)where;
    return remove(path);
}

static void setup(void) {
    cr_assert_not_null(mkdtemp(root));
    make_directory(LOCAL);
    make_directory(SHIPPED);
}

static void teardown(void) {
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The names of the sections in order, joined, and what was told. */
static char *load(char **ret_told) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_advice_ AdviceTable *table = NULL;
    char *names = NULL, *told = NULL;
    size_t size;

    cr_assert_eq(advice_load(root, diagnostics, &table), 0);
    FILE *out = open_memstream(&names, &size);
    for (size_t i = 0; i < table->n_sections; i++)
        fputs(table->sections[i].name, out);
    fclose(out);
    out = open_memstream(&told, &size);
    diagnostics_print(diagnostics, out);
    fclose(out);
    if (ret_told)
        *ret_told = told;
    else
        free(told);
    return names;
}

static void expect_loaded(const char *names, const char *told_part) {
    _cleanup_free_ char *told = NULL;
    _cleanup_free_ char *loaded = load(&told);
    cr_expect_str_eq(loaded, names);
    if (told_part)
        cr_expect_not_null(strstr(told, told_part), "told: %s", told);
    else
        cr_expect_str_eq(told, "");
}

#define SECTION(name) "[" name "]\nexe = a\nadvice = x\n"

TestSuite(advice_load, .init = setup, .fini = teardown);

Test(advice_load, files_are_read_by_name_over_both_directories) {
    write_file(SHIPPED, "20.advice", SECTION("C"), 0644);
    write_file(SHIPPED, "10.advice", SECTION("B"), 0644);
    write_file(LOCAL, "00.advice", SECTION("A"), 0644);
    write_file(LOCAL, "30.advice", SECTION("D"), 0644);
    write_file(LOCAL, "40.txt", SECTION("E"), 0644);
    write_file(LOCAL, ".50.advice", SECTION("F"), 0644);
    expect_loaded("ABCD", NULL);
}

Test(advice_load, the_administrator_replaces_by_name) {
    write_file(SHIPPED, "10.advice", SECTION("B"), 0644);
    write_file(SHIPPED, "20.advice", SECTION("C"), 0644);
    write_file(SHIPPED, "30.advice", SECTION("D"), 0644);
    write_file(LOCAL, "10.advice", SECTION("A"), 0644);
    write_file(LOCAL, "20.advice", "", 0644);
    _cleanup_free_ char *link = below_root(LOCAL, "30.advice");
    cr_assert_eq(symlink("/dev/null", link), 0);
    expect_loaded("A", NULL);
}

Test(advice_load, what_others_can_write_is_not_read) {
    write_file(LOCAL, "10.advice", SECTION("A"), 0646);
    write_file(LOCAL, "20.advice", SECTION("B"), 0644);
    expect_loaded("B", "with mode 0646: users other than root");
}

Test(advice_load, nor_is_a_directory_that_others_can_write) {
    write_file(LOCAL, "10.advice", SECTION("A"), 0644);
    write_file(SHIPPED, "20.advice", SECTION("B"), 0644);
    _cleanup_free_ char *path = below_root(LOCAL, NULL);
    cr_assert_eq(chmod(path, 0777), 0);
    expect_loaded("B", "with mode 0777: users other than root");
}

Test(advice_load, nor_what_another_user_owns) {
    write_file(LOCAL, "10.advice", SECTION("A"), 0644);
    _cleanup_free_ char *path = below_root(LOCAL, "10.advice");
    if (chown(path, 12345, (gid_t)-1) < 0) {
        cr_assert_null(getenv("CI"), "needs root, which CI has");
        cr_skip_test("needs root");
    }
    expect_loaded("", "not read: it is owned by 12345");
}

Test(advice_load, special_files_do_not_hold_it_up, .timeout = 60) {
    _cleanup_free_ char *fifo = below_root(LOCAL, "10.advice");
    _cleanup_free_ char *directory = below_root(LOCAL, "20.advice");
    _cleanup_free_ char *dangling = below_root(LOCAL, "30.advice");
    cr_assert_eq(mkfifo(fifo, 0644), 0);
    cr_assert_eq(mkdir(directory, 0755), 0);
    cr_assert_eq(symlink("/nonexistent", dangling), 0);
    _cleanup_free_ char *told = NULL;
    _cleanup_free_ char *loaded = load(&told);
    cr_expect_str_eq(loaded, "");
    cr_expect_not_null(strstr(told, "10.advice: warning: not read: no regular file"));
    cr_expect_not_null(strstr(told, "20.advice: warning: not read: no regular file"));
    cr_expect_not_null(strstr(told, "30.advice: warning: can't be read: No such file"));
}

Test(advice_load, a_huge_file_is_not_read) {
    char *text = calloc(1, ADVICE_FILE_MAX + 2);
    cr_assert_not_null(text);
    memset(text, '\n', ADVICE_FILE_MAX + 1);
    write_file(LOCAL, "10.advice", text, 0644);
    free(text);
    expect_loaded("", "not read: more than 256 KiB");
}

Test(advice_load, no_directory_is_no_advice) {
    teardown();
    expect_loaded("", NULL);
}
