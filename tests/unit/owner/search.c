/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "owner/file_identity.h"
#include "owner/owners.h"

Test(search, finds_this_process_with_everything_about_it) {
    uint32_t inode;
    int fd = test_listen(&inode);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search(snapshot);

    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert(owner && owner->complete);
    const Holder *holder = test_holder(owner, getpid());
    cr_assert(holder);
    cr_assert_eq(holder->fd, fd);
    cr_assert_eq(holder->uid, geteuid());
    cr_assert(holder->start > 0 && holder->comm && holder->cmdline && holder->cwd);
    cr_assert_eq(holder->exe_state, EXE_VERIFIED);
    struct stat st;
    cr_assert(stat("/proc/self/exe", &st) == 0);
    cr_assert_eq(holder->exe_id.inode, st.st_ino);
    cr_assert(owner->created > 0);
    snapshot_free(snapshot);
    close(fd);
}

Test(file_identity, is_of_regular_files_with_links_followed) {
    int root = open("/", O_RDONLY | O_DIRECTORY);
    struct stat st;
    FileId id;
    cr_assert(stat("/proc/self/exe", &st) == 0);
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n] = '\0';
    cr_assert_eq(file_identity(root, path, &id), 0);
    cr_assert(id.inode == st.st_ino && id.device == st.st_dev);
    cr_assert_eq(file_identity(root, "/nowhere/at/all", &id), -ENOENT);
    cr_assert_eq(file_identity(root, "relative", &id), -EINVAL);
    cr_assert_eq(file_identity(root, "/", &id), -EINVAL);
    close(root);
}

Test(search, the_iterator_is_used_where_root_may) {
    if (geteuid() != 0 || !test_can_iterate())
        cr_skip_test("the kernel's iterator may not be had here: every search is a walk");
    uint32_t inode;
    int fd = test_listen(&inode);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search_by(snapshot, SEARCH_FIRST, TEST_ITERATE);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert(owner->complete && test_holder(owner, getpid()));
    cr_assert_eq(owner->attribution, ATTRIBUTION_FULL, "%s", owner->note);
    snapshot_free(snapshot);
    close(fd);
}
