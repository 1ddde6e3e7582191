/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Known holders looked at again: of real sockets and processes. */
#include "owner/recheck.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include "machine.h"

static bool is_that(void *userdata, uint32_t inode) {
    return inode == *(const uint32_t *)userdata;
}

static void nothing(void *userdata) {
    (void)userdata;
}

/* What is left of the owner, or NULL: search anew. */
static Owner *look_again(Owner *owner, uint32_t inode) {
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OwnerRecheck recheck = {.proc_fd = proc, .is_its = is_that, .userdata = &inode};
    Owner *now = NULL;
    int r = owner_recheck(&recheck, owner, &now);
    cr_assert(r >= 0 && (r > 0) == (now != NULL));
    close(proc);
    return now;
}

Test(recheck, tells_who_is_left) {
    uint32_t inode, other;
    int fd = test_listen(&inode), other_fd = test_listen(&other);
    TestChild child = test_child(nothing, NULL);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search(snapshot);
    Owner *owner = owner_ref(snapshot->listeners[0].owner);
    snapshot_free(snapshot);
    cr_assert(test_holder(owner, getpid()) && test_holder(owner, child.pid));

    /* Nothing changed: the very same. */
    Owner *now = look_again(owner, inode);
    cr_assert_eq(now, owner);
    owner_unref(now);
    /* Their fds are of another socket. */
    cr_assert_null(look_again(owner, other));

    test_child_end(&child);
    now = look_again(owner, inode);
    cr_assert(now && now != owner);
    cr_assert_eq(now->n_holders, 1);
    cr_assert_eq(now->n_holders_seen, 1);
    cr_assert(test_holder(now, getpid()));
    cr_assert_str_eq(now->holders[0].exe, test_holder(owner, getpid())->exe);

    /* The same process at the same fd, but another program. */
    now->holders[0].exe_id.inode++;
    cr_assert_null(look_again(now, inode));
    now->holders[0].exe_id.inode--;
    close(fd);
    cr_assert_null(look_again(now, inode));
    owner_unref(now);
    owner_unref(owner);
    close(other_fd);
}
