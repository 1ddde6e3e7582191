/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/machine.h"

static char folder[] = "/tmp/sockaudit-path-XXXXXX";

static void make_folder(void) {
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chmod(folder, 0755), 0);
}

static void remove_folder(void) {
    char command[64];
    static const char *const names[] = {"file", "link", "loop", "open/file", "open"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(command, sizeof(command), "%s/%s", folder, names[i]);
        remove(command);
    }
    rmdir(folder);
}

TestSuite(path_safety, .init = make_folder, .fini = remove_folder);

static char *at(const char *name) {
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void make_file(const char *name, mode_t mode) {
    int fd = open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

static void check_path(const char *path, int wanted, const char *wanted_place) {
    char *place = NULL;
    cr_assert_eq(path_is_safe(path, &place), wanted, "%s", path);
    if (wanted_place)
        cr_assert_str_eq(place, wanted_place);
    free(place);
}

static bool is_root(void) {
    if (geteuid() == 0)
        return true;
    cr_assert(!getenv("CI"), "wants root");
    cr_skip_test("wants root");
    return false;
}

Test(path_safety, root_owned_in_a_sticky_directory) {
    if (!is_root())
        return;
    make_file("file", 0644);
    check_path(at("file"), 0, NULL);
    check_path("/", 0, NULL);
    check_path("relative", -EINVAL, NULL);
    check_path(at("none"), -ENOENT, NULL);
}

Test(path_safety, writable_by_others) {
    if (!is_root())
        return;
    make_file("file", 0666);
    check_path(at("file"), -EPERM, at("file"));
    cr_assert_eq(chmod(at("file"), 0644), 0);
    cr_assert_eq(chown(at("file"), 65534, 0), 0);
    check_path(at("file"), -EPERM, at("file"));
    cr_assert_eq(chown(at("file"), 0, 65534), 0);
    cr_assert_eq(chmod(at("file"), 0664), 0);
    check_path(at("file"), -EPERM, at("file"));
}

Test(path_safety, a_link_through_an_open_directory) {
    char target[128];
    if (!is_root())
        return;
    cr_assert_eq(mkdir(at("open"), 0777), 0);
    cr_assert_eq(chmod(at("open"), 0777), 0);
    make_file("open/file", 0644);
    cr_assert_eq(symlink("./open/../open/file", at("link")), 0);
    snprintf(target, sizeof(target), "%s/open", folder);
    check_path(at("link"), -EPERM, target);
}

Test(path_safety, a_loop_ends) {
    if (!is_root())
        return;
    cr_assert_eq(symlink("loop", at("loop")), 0);
    check_path(at("loop"), -ELOOP, NULL);
}
