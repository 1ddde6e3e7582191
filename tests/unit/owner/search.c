/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"
#include "owner/file_identity.h"
#include "owner/owners.h"
#include "owner/search.h"
#include "util/memory.h"

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

/* A server may have many fds beside the one that it has just made. */
Test(search, of_the_caller_of_listen_the_newest_fd_is_enough) {
    OwnerSources sources;
    OwnerSearch *search;
    uint32_t inode;
    int fd = test_listen(&inode), newest = fcntl(fd, F_DUPFD_CLOEXEC, 200);
    Snapshot *snapshot = test_snapshot(inode, 0);
    cr_assert(owner_sources_open(NULL, &sources) == 0);
    cr_assert(owner_search_new(&sources, snapshot, &search) == 0);

    cr_assert_eq(owner_search_hint(search, getpid()), 0);
    cr_assert_eq(owner_search_run(search, SEARCH_FIRST), 0);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert_eq(owner->n_holders, 1);
    cr_assert_eq(owner->holders[0].pid, getpid());
    cr_assert_eq(owner->holders[0].fd, newest);
    owner_search_free(search);
    owner_sources_close(&sources);
    snapshot_free(snapshot);
    close(newest);
    close(fd);
}

static void keep_open(void *userdata) {
    (void)userdata;
}

/* A search whose list of processes was made before the holder began: here, an empty one. */
static void expect_newcomer(bool iterated) {
    OwnerSources sources;
    OwnerSearch *search;
    uint32_t inode;
    int fd = test_listen(&inode);
    Snapshot *snapshot = test_snapshot(inode, 0);
    cr_assert(owner_sources_open(NULL, &sources) == 0);
    cr_assert(owner_search_new(&sources, snapshot, &search) == 0);
    search->newest_pid = search_newest_pid(search);
    search->listed = true;
    search->iterated = iterated;
    TestChild child = test_child(keep_open, NULL);
    close(fd);
    cr_assert(owner_search_run(search, SEARCH_ALL) == 0);
    cr_expect(test_holder(snapshot->listeners[0].owner, child.pid));
    cr_expect(!snapshot->listeners[0].owner->unheld);
    test_child_end(&child);
    owner_search_free(search);
    owner_sources_close(&sources);
    snapshot_free(snapshot);
}

Test(search, a_holder_that_began_after_proc_was_listed_is_found) {
    expect_newcomer(false);
    expect_newcomer(true);
}

/* So many sockets, each held by so many processes. */
enum { MANY_SOCKETS = 600, MANY_PROCESSES = 40 };

Test(search, the_holders_of_one_user_are_bounded_together) {
    TestChild children[MANY_PROCESSES];
    int fds[MANY_SOCKETS];
    uint32_t inode;
    Snapshot *snapshot = snapshot_new();
    size_t n_kept = 0;
    for (size_t i = 0; i < MANY_SOCKETS; i++) {
        cr_assert((fds[i] = test_listen(&inode)) >= 0);
        test_add(snapshot, inode, 0);
    }
    for (size_t i = 0; i < MANY_PROCESSES; i++)
        children[i] = test_child(keep_open, NULL);
    test_search_by(snapshot, SEARCH_ALL, TEST_WALK);
    for (size_t i = 0; i < MANY_SOCKETS; i++) {
        const Owner *owner = snapshot->listeners[i].owner;
        cr_assert(owner->n_holders > 0 && owner->n_holders_seen > MANY_PROCESSES);
        n_kept += owner->n_holders;
    }
    cr_expect(n_kept >= HOLDERS_OF_USER_MAX && n_kept < HOLDERS_OF_USER_MAX + MANY_SOCKETS);
    for (size_t i = 0; i < MANY_PROCESSES; i++)
        test_child_end(&children[i]);
    for (size_t i = 0; i < MANY_SOCKETS; i++)
        close(fds[i]);
    snapshot_free(snapshot);
}

Test(search, a_process_is_kept_once_however_many_sockets_it_holds) {
    uint32_t inodes[2];
    int fds[2] = {test_listen(&inodes[0]), test_listen(&inodes[1])};
    Snapshot *snapshot = test_snapshot(inodes[0], 0);
    test_add(snapshot, inodes[1], 0);
    test_search_by(snapshot, SEARCH_ALL, TEST_WALK);
    const Holder *first = test_holder(snapshot->listeners[0].owner, getpid());
    const Holder *second = test_holder(snapshot->listeners[1].owner, getpid());
    cr_assert(first && second && first->exe && first->cmdline);
    cr_expect(first->exe == second->exe && first->cmdline == second->cmdline);
    snapshot_free(snapshot);
    close(fds[0]);
    close(fds[1]);
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

/* As RestrictSUIDSGID= of systemd.exec(5) does it. */
static void lose_openat2(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(file_identity, needs_no_openat2) {
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int other = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FileId id, again;

    cr_assert_eq(file_identity(root, "/bin/sleep", &id), 0);
    lose_openat2();
    cr_assert_eq(file_identity(root, "/bin/sleep", &again), 0);
    cr_assert(file_id_equal(&id, &again));
    cr_assert_eq(file_identity_cached(root, "/bin/sleep", &again), -EAGAIN);
    cr_assert_eq(file_identity_within(root, "/bin/sleep", 60000, &again), 0);
    cr_assert(file_id_equal(&id, &again));
    cr_assert_eq(file_identity(root, "/nowhere/at/all", &id), -ENOENT);
    /* Nothing is to lead out of another root. */
    cr_assert_eq(file_identity(other, "/bin/sleep", &id), -ENOSYS);

    uint32_t inode;
    int fd = test_listen(&inode);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search(snapshot);
    const Holder *holder = test_holder(snapshot->listeners[0].owner, getpid());
    cr_assert(holder && holder->exe_state == EXE_VERIFIED);
    snapshot_free(snapshot);
    close(fd);
    close(root);
    close(other);
}

Test(search, the_iterator_is_used_where_root_may) {
    if (geteuid() != 0 || !test_can_iterate())
        cr_skip_test("BPF iterators are not available: every search is a walk");
    uint32_t inode;
    int fd = test_listen(&inode);
    /* A process that begins meanwhile is looked at by itself, and may be closed even to root: in a
     * container one that is just sent in from outside. Not each time. */
    for (int i = 0; i < 20; i++) {
        Snapshot *snapshot = test_snapshot(inode, 0);
        test_search_by(snapshot, SEARCH_FIRST, TEST_ITERATE);
        const Owner *owner = snapshot->listeners[0].owner;
        cr_assert(owner->complete && test_holder(owner, getpid()));
        bool full = owner->attribution == ATTRIBUTION_FULL;
        cr_assert(full || i < 19, "%s", owner->note);
        snapshot_free(snapshot);
        if (full)
            break;
    }
    close(fd);
}

/* The process ran another program between the two iterators. */
Test(search, a_process_that_changed_meanwhile_is_not_a_holder) {
    if (geteuid() != 0 || !test_can_iterate())
        cr_skip_test("BPF iterators are not available");
    OwnerSources sources;
    struct FdRecord *records;
    size_t n, own = 0;
    uint32_t inode;
    int fd = test_listen(&inode);

    cr_assert_eq(owner_sources_open(NULL, &sources), 0);
    cr_assert(test_open_links(&sources));
    int iterator = fd_iterator_open(sources.fds_link);
    cr_assert_eq(fd_iterator_read(iterator, &records, &n), 0);
    close(iterator);
    while (own < n && records[own].inode != inode)
        own++;
    cr_assert_lt(own, n);
    cr_assert_eq(records[own].pid, (uint32_t)getpid());
    static const struct {
        uint64_t start, exe;
        size_t n_holders;
    } cases[] = {{0, 0, 1}, {0, 1, 0}, {UINT64_C(1000000000), 0, 0}};
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        Snapshot *snapshot = test_snapshot(inode, 0);
        OwnerSearch *search;
        struct FdRecord record = records[own];
        record.start += cases[i].start;
        record.exe_inode += cases[i].exe;
        cr_assert_eq(owner_search_new(&sources, snapshot, &search), 0);
        cr_assert_eq(search_visit_records(search, &record, 1), 0);
        cr_assert_eq(snapshot->listeners[0].owner->n_holders, cases[i].n_holders, "%zu", i);
        owner_search_free(search);
        snapshot_free(snapshot);
    }
    free(records);
    owner_sources_close(&sources);
    close(fd);
}

static void do_nothing(void *userdata) {
    (void)userdata;
}

/* Each reading visits all threads of the machine. A user must not cause one for each process with a
 * chosen pid, or for each fd table of a process with many. */
Test(search, processes_are_read_together_whatever_their_numbers) {
    if (geteuid() != 0 || !test_can_iterate())
        cr_skip_test("BPF iterators are not available");
    OwnerSources sources;
    Caller caller;

    cr_assert_eq(owner_sources_open(NULL, &sources), 0);
    cr_assert(test_open_links(&sources));
    TestChild child = test_child(do_nothing, NULL);
    cr_assert(process_reader_add(sources.processes, child.pid));
    for (pid_t pid = child.pid % 1024 + 1024; pid < 255 * 1024; pid += 1024)
        cr_assert(process_reader_add(sources.processes, pid));
    cr_assert_eq(process_reader_read(sources.processes), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(process_reader_get(sources.processes, child.pid, &caller), 0);
        cr_assert_eq(caller.pid, child.pid);
        caller_done(&caller);
        if (i == 0)
            test_child_end(&child);
    }
    cr_assert_eq(process_reader_get(sources.processes, child.pid % 1024 + 1024 * 1024, &caller),
                 -ESRCH);
    process_reader_forget(sources.processes);
    cr_assert_eq(process_reader_get(sources.processes, child.pid, &caller), -ESRCH);
    owner_sources_close(&sources);
}

/* At an event, a process may be read alone. A user must not keep the daemon busy with many events.
 */
Test(search, reading_processes_alone_has_a_limit) {
    if (geteuid() != 0 || !test_can_iterate())
        cr_skip_test("BPF iterators are not available");
    OwnerSources sources;
    Caller caller;
    int r = 0;

    cr_assert_eq(owner_sources_open(NULL, &sources), 0);
    cr_assert(test_open_links(&sources));
    for (size_t n = 0; n < 1000000 && r == 0; n++) {
        r = process_reader_get(sources.processes, getpid(), &caller);
        if (r == 0)
            caller_done(&caller);
        cr_assert(r == 0 || n > 0);
    }
    cr_assert_eq(r, -EBUSY);
    cr_assert(process_reader_add(sources.processes, getpid()));
    cr_assert_eq(process_reader_read(sources.processes), 0);
    cr_assert_eq(process_reader_get(sources.processes, getpid(), &caller), 0);
    caller_done(&caller);
    owner_sources_close(&sources);
}
