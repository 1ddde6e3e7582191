/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KERNEL.md's facts about holders, each against the running kernel. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/collect.h"
#include "machine.h"
#include "owner/fd_iterator.h"
#include "owner/owners.h"
#include "owner/process.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* A process that was just sent into the machine from outside is closed even to root for a moment,
 * and whoever looks meanwhile can't be sure that nobody else has a socket. */
#define TRIES 20

static void need_root(void) {
    if (geteuid() != 0)
        test_cannot_run("needs root");
}

/* Returns 0, or what is wrong as a status. */
static int check_vxlan(const Snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const Owner *owner = snapshot->listeners[i].owner;
        if (snapshot->listeners[i].endpoint.port == 4789)
            return owner->attribution == ATTRIBUTION_NONE && owner->n_holders == 0 &&
                           strstr(owner->note, test_sees_all_pids() ? "kernel" : "visible") &&
                           (owner->unheld || !test_can_iterate())
                       ? 0
                       : 4;
    }
    return 5;
}

Test(facts, fact_11_a_kernel_owned_socket_has_no_process_and_says_so) {
    need_root();
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) < 0)
            _exit(2);
        pid_t ip = fork();
        if (ip == 0) {
            execlp("ip", "ip", "link", "add", "vx0", "up", "type", "vxlan", "id", "7", "dstport",
                   "4789", NULL);
            _exit(127);
        }
        int status;
        waitpid(ip, &status, 0);
        if (status != 0)
            _exit(2);
        int proc_fd = open("/proc", O_PATH | O_DIRECTORY);
        Collector *collector;
        if (collector_open(proc_fd, -1, NULL, &collector) < 0)
            _exit(3);
        int r = 5;
        for (int i = 0; i < TRIES && r > 0; i++) {
            Snapshot *snapshot = snapshot_new();
            if (collector_snapshot(collector, snapshot) < 0)
                _exit(3);
            test_search(snapshot);
            r = check_vxlan(snapshot);
            snapshot_free(snapshot);
        }
        _exit(r);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        test_cannot_run("no network namespace with a vxlan device can be made");
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
}

/* Runs in a child as nobody; exits with what `body` returns. */
static int as_nobody(int (*body)(uint32_t inode), uint32_t inode) {
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        close_range(3, ~0u, 0); /* the root's socket is not to be ours */
        if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
            _exit(100);
        _exit(body(inode));
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int search_as_nobody(uint32_t inode) {
    Snapshot *snapshot = test_snapshot(inode, 0);
    uint32_t own_inode;
    test_listen(&own_inode);
    prctl(PR_SET_DUMPABLE, 1); /* the change of user made us opaque to ourselves */
    test_add(snapshot, own_inode, 0);
    test_search(snapshot);
    const Owner *theirs = snapshot->listeners[0].owner, *own = snapshot->listeners[1].owner;
    if (theirs->attribution != ATTRIBUTION_NONE || theirs->unheld ||
        !strstr(theirs->note, "another user"))
        return 1;
    if (!test_holder(own, getpid()) || own->attribution != ATTRIBUTION_PARTIAL ||
        !strstr(own->note, "other users"))
        return 2;
    return 0;
}

Test(facts, fact_12_what_only_root_may_see_is_said) {
    need_root();
    uint32_t inode;
    int fd = test_listen(&inode);
    int r = as_nobody(search_as_nobody, inode);
    cr_assert_eq(r, 0, "%d", r);
    close(fd);
}

static void nothing(void *userdata) {
    (void)userdata;
}

Test(facts, fact_13_no_process_is_looked_at_twice) {
    uint32_t inode;
    int fd = test_listen(&inode);
    Snapshot *snapshot = test_snapshot(inode, 0);
    OwnerSources sources;
    OwnerSearch *search;
    cr_assert(owner_sources_open(NULL, &sources) == 0);
    cr_assert(owner_search_new(&sources, snapshot, &search) == 0);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert(owner_search_run(search, SEARCH_FIRST) == 0);
    cr_assert(owner->n_holders >= 1);
    cr_assert(owner_search_run(search, SEARCH_ALL) == 0);
    cr_assert(owner_search_run(search, SEARCH_ALL) == 0);
    unsigned ours = 0;
    for (size_t i = 0; i < owner->n_holders; i++)
        ours += owner->holders[i].pid == getpid();
    cr_assert_eq(ours, 1);
    owner_search_free(search);
    owner_sources_close(&sources);
    snapshot_free(snapshot);
    close(fd);
}

Test(facts, fact_13_an_owner_that_is_known_is_not_looked_for_again) {
    uint32_t inode;
    int fd = test_listen(&inode);
    Snapshot *snapshot = test_snapshot(inode, 0);
    Owner *known = owner_new();
    snapshot->listeners[0].owner = known;
    test_search_by(snapshot, SEARCH_ALL, TEST_WALK);
    test_search_by(snapshot, SEARCH_ALL, TEST_ITERATE);
    cr_assert(snapshot->listeners[0].owner == known && known->n_holders == 0);
    snapshot_free(snapshot);
    close(fd);
}

Test(facts, fact_14_every_holder_of_an_inherited_socket_is_found) {
    uint32_t inode;
    int fd = test_listen(&inode);
    int second = dup(fd);
    TestChild child = test_child(nothing, NULL);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search(snapshot);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert(owner->complete);
    cr_assert(test_holder(owner, getpid()) && test_holder(owner, child.pid));
    cr_assert(owner->n_holders >= 4 && owner->n_holders_seen == owner->n_holders);
    for (size_t i = 1; i < owner->n_holders; i++)
        cr_assert(owner->holders[i - 1].pid < owner->holders[i].pid ||
                  (owner->holders[i - 1].pid == owner->holders[i].pid &&
                   owner->holders[i - 1].fd < owner->holders[i].fd));
    snapshot_free(snapshot);
    test_child_end(&child);
    close(second);
    close(fd);
}

static void send_fd(int through, int fd) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {};
    struct iovec data = {.iov_base = (char[]){'x'}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof(control.space)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    cr_assert_eq(sendmsg(through, &message, 0), 1);
}

static bool is_certain(const Owner *owner) {
    return test_can_iterate() ? owner->unheld : owner->note && strstr(owner->note, "in transit");
}

Test(facts, fact_15_a_socket_in_flight_has_no_holder_and_the_note_says_so) {
    uint32_t inode;
    int pair[2], fd = test_listen(&inode);
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    send_fd(pair[0], fd);
    close(fd);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search(snapshot);
    for (int i = 1; i < TRIES && !is_certain(snapshot->listeners[0].owner); i++) {
        snapshot_free(snapshot);
        snapshot = test_snapshot(inode, 0);
        test_search(snapshot);
    }
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert_eq(owner->attribution, ATTRIBUTION_NONE);
    cr_assert(owner->note && (strstr(owner->note, "in transit") || geteuid() != 0 ||
                              (!test_sees_all_pids() && strstr(owner->note, "visible"))));
    /* Where pid 1 is closed even to root, only the kernel itself can tell that nobody has it. */
    if (test_can_iterate())
        cr_assert(owner->unheld, "%s", owner->note);
    snapshot_free(snapshot);
    close(pair[0]);
    close(pair[1]);
}

/* Up to Linux 6.12 at least, fdinfo has no inode of a registered socket; only an iterator finds it.
 */
static bool shows_sockets(int ring, TestWay way) {
    char path[64], text[4096] = "";

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    return strstr(text, "socket:[") || (way != TEST_WALK && test_can_iterate());
}

Test(facts, fact_15_a_direct_descriptor_of_an_io_uring_is_found_without_an_fd) {
    struct io_uring_params parameters = {};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &parameters);
    if (ring < 0)
        test_cannot_run("io_uring is not allowed here");
    uint32_t inode, of_child;
    int fd = test_listen(&inode), other = test_listen(&of_child);
    int files[] = {-1, fd, fd};
    cr_assert(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, files, 3) == 0);
    close(fd);
    for (TestWay way = TEST_WALK; way <= TEST_LINKS; way++) {
        Snapshot *snapshot = test_snapshot(inode, 0);
        if (!test_search_by(snapshot, SEARCH_ALL, way) || !shows_sockets(ring, way)) {
            snapshot_free(snapshot);
            continue;
        }
        const Owner *owner = snapshot->listeners[0].owner;
        cr_assert_eq(owner->n_holders, 1, "%d", (int)way);
        cr_assert_eq(owner->holders[0].pid, getpid());
        cr_assert_eq(owner->holders[0].fd, -1);
        cr_assert_eq(owner->holders[0].exe_state, EXE_VERIFIED);
        snapshot_free(snapshot);
    }
    close(ring);
    close(other);
}

static size_t count_fd_records(void) {
    _cleanup_free_ struct FdRecord *records = NULL;
    size_t n = 0;
    _cleanup_close_ int fd = fd_iterator_open(0);
    cr_assert_eq(fd_iterator_read(fd, &records, &n), 0);
    return n;
}

/* Fills each slot with the same socket, and opens many fds of the same ring. */
static void fill_rings(void *userdata) {
    struct io_uring_params parameters = {};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &parameters), files[1024];

    for (size_t i = 0; i < ELEMENTS(files); i++)
        files[i] = *(int *)userdata;
    cr_assert(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, files, 1024) == 0);
    for (size_t i = 0; i < 800; i++)
        cr_assert(fcntl(ring, F_DUPFD_CLOEXEC, 0) >= 0);
    cr_assert(setuid(65533) == 0);
}

Test(facts, rings_full_of_sockets_are_bounded_and_hide_no_holder) {
    struct io_uring_params parameters = {};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &parameters);
    if (ring < 0 || !test_can_iterate())
        test_cannot_run("needs io_uring and the iterator");
    close(ring);
    uint32_t inode;
    int fd = test_listen(&inode);
    TestChild child = test_child(fill_rings, &fd);
    cr_assert_lt(count_fd_records(), 200000);
    Snapshot *snapshot = test_snapshot(inode, 0);
    cr_assert(test_search_by(snapshot, SEARCH_ALL, TEST_LINKS));
    cr_assert(test_holder(snapshot->listeners[0].owner, child.pid));
    cr_assert(test_holder(snapshot->listeners[0].owner, getpid()));
    snapshot_free(snapshot);
    test_child_end(&child);
    close(fd);
}

static void have_many_fds(void *userdata) {
    const struct rlimit limit = {280000, 280000};
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        _exit(1);
    for (size_t i = 0; i < 275000; i++)
        cr_assert(dup(*(int *)userdata) >= 0);
    cr_assert(setuid(65534) == 0);
}

Test(facts, fds_of_a_user_are_bounded_and_hide_no_other_holder) {
    if (!test_can_iterate())
        test_cannot_run("needs the iterator");
    uint32_t inode;
    int fd = test_listen(&inode);
    TestChild child = test_child(have_many_fds, &fd);
    cr_assert_lt(count_fd_records(), 270000);
    Snapshot *snapshot = test_snapshot(inode, 0);
    cr_assert(test_search_by(snapshot, SEARCH_ALL, TEST_LINKS));
    cr_assert(test_holder(snapshot->listeners[0].owner, getpid()));
    cr_assert_not(snapshot->listeners[0].owner->unheld);
    snapshot_free(snapshot);
    test_child_end(&child);
    close(fd);
}

/* A process with that very pid, once its former owner is gone. */
static pid_t fork_with_pid(pid_t pid) {
    struct clone_args arguments = {
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    pid_t made = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (made == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        pause();
        _exit(0);
    }
    return made;
}

static int count_socket(void *userdata, int fd, uint32_t inode) {
    (void)fd;
    (void)inode;
    ++*(unsigned *)userdata;
    return 0;
}

Test(facts, fact_16_a_pid_that_was_given_out_again_is_not_mistaken) {
    uint32_t inode;
    int fd = test_listen(&inode);
    TestChild child = test_child(nothing, NULL);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d", (int)child.pid);
    int process_fd = open(path, O_PATH | O_DIRECTORY);
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)child.pid);
    int fd_directory = open(path, O_RDONLY | O_DIRECTORY);
    cr_assert(process_fd >= 0 && fd_directory >= 0);

    pid_t former = child.pid;
    test_child_end(&child);
    pid_t pid = fork_with_pid(former); /* holds the same listener, by fork */
    if (pid < 0)
        test_cannot_run("no process can be given a pid of our choice");
    cr_assert_eq(pid, former);

    Holder holder;
    unsigned n_sockets = 0;
    FdVisitor visitor = {.socket = count_socket, .userdata = &n_sockets};
    const OwnerSources sources = {.root_fd = open("/", O_RDONLY | O_DIRECTORY)};
    ProcessWish wish = {former, process_fd, 8192, 1000, NULL};
    cr_assert_eq(process_read(&sources, &wish, &holder, NULL), -ESRCH);
    (void)fds_visit(fd_directory, &visitor);
    cr_assert_eq(n_sockets, 0);
    wish.process_fd = openat(fd_directory, "..", O_PATH | O_DIRECTORY);
    cr_assert(wish.process_fd < 0 || process_read(&sources, &wish, &holder, NULL) == -ESRCH);

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(sources.root_fd);
    close(process_fd);
    close(fd_directory);
    close(fd);
}

static void take_hostile_name(void *userdata) {
    (void)userdata;
    prctl(PR_SET_NAME, "a) S 1 (\n\x1b[2J\xff");
}

Test(facts, fact_17_a_hostile_name_is_read_whole) {
    uint32_t inode;
    int fd = test_listen(&inode);
    TestChild child = test_child(take_hostile_name, NULL);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search(snapshot);
    const Holder *holder = test_holder(snapshot->listeners[0].owner, child.pid);
    cr_assert(holder && holder->start > 0);
    cr_assert_str_eq(holder->comm, "a) S 1 (\n\x1b[2J\xff");
    snapshot_free(snapshot);
    test_child_end(&child);
    close(fd);
}

typedef struct Hidden {
    uint32_t inode;
    int ready[2];
} Hidden;

static void *listen_apart(void *userdata) {
    Hidden *hidden = userdata;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* of this thread: the first may be gone by then */
    cr_assert(unshare(CLONE_FILES) == 0);
    test_listen(&hidden->inode);
    cr_assert(write(hidden->ready[1], hidden, sizeof(*hidden)) == sizeof(*hidden));
    pause();
    return NULL;
}

static void hide_in_thread(void *userdata) {
    pthread_t thread;
    pthread_create(&thread, NULL, listen_apart, userdata);
}

/* The thread outlives the first one, whose table is then empty. */
static void exit_first_thread(void *userdata) {
    Hidden *hidden = userdata;
    pthread_t thread;
    test_listen(&hidden->inode);
    pthread_create(&thread, NULL, listen_apart, userdata);
    usleep(20000);
    syscall(SYS_exit, 0);
}

static void expect_thread_found(void (*body)(void *userdata), bool leader_exits) {
    Hidden hidden = {};
    cr_assert(pipe(hidden.ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(&hidden);
        pause();
        _exit(0);
    }
    Hidden told;
    cr_assert(read(hidden.ready[0], &told, sizeof(told)) == sizeof(told));
    if (leader_exits)
        usleep(50000);
    Snapshot *snapshot = test_snapshot(told.inode, 0);
    test_search(snapshot);
    const Holder *holder = test_holder(snapshot->listeners[0].owner, pid);
    cr_assert(holder);
    cr_assert_eq(holder->exe_state, EXE_VERIFIED);
    snapshot_free(snapshot);
    snapshot = test_snapshot(told.inode, 0);
    test_search_by(snapshot, SEARCH_FIRST, TEST_WALK);
    cr_assert(test_holder(snapshot->listeners[0].owner, pid));
    snapshot_free(snapshot);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(hidden.ready[0]);
    close(hidden.ready[1]);
}

Test(facts, a_thread_with_a_table_of_its_own_is_found) {
    expect_thread_found(hide_in_thread, false);
}

Test(facts, a_thread_that_outlived_the_first_is_found) {
    expect_thread_found(exit_first_thread, true);
}

Test(facts, many_holders_are_counted_and_another_program_among_them_is_not_lost) {
    uint32_t inode;
    int fds[HOLDERS_MAX + 50];
    fds[0] = test_listen(&inode);
    for (size_t i = 1; i < HOLDERS_MAX + 50; i++)
        cr_assert((fds[i] = dup(fds[0])) >= 0);
    Snapshot *snapshot = test_snapshot(inode, 0);
    test_search(snapshot);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert_eq(owner->n_holders, HOLDERS_MAX);
    cr_assert(owner->n_holders_seen >= HOLDERS_MAX + 50);
    cr_assert(owner->complete);
    snapshot_free(snapshot);
    for (size_t i = 0; i < HOLDERS_MAX + 50; i++)
        close(fds[i]);
}
