/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every way we know to run one program and look like another, for real. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "owner/file_identity.h"
#include "owner/owners.h"

/* A directory of two copies of sleep(1): `good` is the one that a rule would name. */
typedef struct Stage {
    char directory[64], good[128], evil[128];
    int socket;
    uint32_t inode;
    FileId good_id;
} Stage;

static void copy_file(const char *from, const char *to) {
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    cr_assert(in >= 0 && fstat(in, &st) == 0);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    cr_assert(out >= 0);
    for (off_t at = 0; at < st.st_size;)
        cr_assert(sendfile(out, in, &at, (size_t)(st.st_size - at)) > 0);
    close(in);
    close(out);
}

static FileId identity_of(const char *path) {
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FileId id;
    cr_assert_eq(file_identity(root, path, &id), 0);
    close(root);
    return id;
}

static Stage stage_new(void) {
    Stage stage = {.directory = "/tmp/sockaudit-identity-XXXXXX"};
    cr_assert(mkdtemp(stage.directory));
    snprintf(stage.good, sizeof(stage.good), "%s/good", stage.directory);
    snprintf(stage.evil, sizeof(stage.evil), "%s/evil", stage.directory);
    copy_file("/bin/sleep", stage.good);
    copy_file("/bin/sleep", stage.evil);
    stage.good_id = identity_of(stage.good);
    stage.socket = test_listen(&stage.inode);
    return stage;
}

static void stage_done(Stage *stage) {
    char command[256];
    close(stage->socket);
    snprintf(command, sizeof(command), "rm -rf '%s'", stage->directory);
    cr_assert(system(command) == 0);
}

/* Runs `path` with the stage's socket open, after `prepare` in the child; its pid. */
static pid_t run_prepared(const Stage *stage, const char *path, char *const *arguments,
                          int (*prepare)(const Stage *stage)) {
    char *const plain[] = {(char *)path, (char *)"1000", NULL};
    int executed[2];
    cr_assert(pipe2(executed, O_CLOEXEC) == 0);
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fcntl(stage->socket, F_SETFD, 0);
        if (!prepare || prepare(stage) == 0)
            execv(path, arguments ? arguments : plain);
        (void)!write(executed[1], "x", 1);
        _exit(1);
    }
    char c;
    close(executed[1]);
    ssize_t n = read(executed[0], &c, 1);
    close(executed[0]);
    if (n != 0) {
        waitpid(pid, NULL, 0);
        return -1;
    }
    return pid;
}

static pid_t run(const Stage *stage, const char *path) {
    pid_t pid = run_prepared(stage, path, NULL, NULL);
    cr_assert(pid > 0);
    return pid;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Searches and tells what it says of that process. The holder is the snapshot's. */
static const Holder *look(const Stage *stage, pid_t pid, Snapshot **ret_snapshot) {
    *ret_snapshot = test_snapshot(stage->inode, 0);
    test_search(*ret_snapshot);
    const Holder *holder = test_holder((*ret_snapshot)->listeners[0].owner, pid);
    cr_assert(holder);
    return holder;
}

/* What an `exe` rule for `good` asks of a holder. */
static bool is_good(const Stage *stage, const Holder *holder) {
    return holder->exe_state == EXE_VERIFIED && file_id_equal(&holder->exe_id, &stage->good_id);
}

/* How the next listener's process is expected to be: see Holder.exe_deleted. */
static bool deleted;

static void expect(Stage *stage, pid_t pid, bool good, ExeState state, const char *path) {
    Snapshot *snapshot;
    const Holder *holder = look(stage, pid, &snapshot);
    cr_expect_eq(holder->exe_deleted, deleted);
    cr_expect_eq(is_good(stage, holder), good);
    cr_expect_eq(holder->exe_state, state);
    if (path)
        cr_expect_str_eq(holder->exe, path);
    else
        cr_expect(holder->exe == NULL);
    snapshot_free(snapshot);
    end(pid);
    stage_done(stage);
}

Test(identity, the_file_itself_is_verified) {
    Stage stage = stage_new();
    expect(&stage, run(&stage, stage.good), true, EXE_VERIFIED, stage.good);
}

Test(identity, a_copy_is_another_file) {
    Stage stage = stage_new();
    expect(&stage, run(&stage, stage.evil), false, EXE_VERIFIED, stage.evil);
}

Test(identity, a_deleted_file_is_not_verified) {
    Stage stage = stage_new();
    pid_t pid = run(&stage, stage.good);
    cr_assert(unlink(stage.good) == 0);
    deleted = true;
    expect(&stage, pid, false, EXE_UNVERIFIED, stage.good);
}

Test(identity, a_replaced_file_is_not_verified) {
    Stage stage = stage_new();
    pid_t pid = run(&stage, stage.evil);
    /* The evil one is moved over by a good one: the path that it ran leads to a trusted file. */
    cr_assert(rename(stage.good, stage.evil) == 0);
    deleted = true;
    expect(&stage, pid, false, EXE_UNVERIFIED, stage.evil);
}

Test(identity, a_symbolic_link_is_the_file_it_leads_to) {
    Stage stage = stage_new();
    char link[192];
    snprintf(link, sizeof(link), "%s/link", stage.directory);
    cr_assert(symlink(stage.evil, link) == 0);
    expect(&stage, run(&stage, link), false, EXE_VERIFIED, stage.evil);
}

Test(identity, a_hard_link_is_the_file_itself_under_the_name_that_was_run) {
    Stage stage = stage_new();
    char other[192];
    snprintf(other, sizeof(other), "%s/other", stage.directory);
    cr_assert(link(stage.good, other) == 0);
    expect(&stage, run(&stage, other), true, EXE_VERIFIED, other);
}

Test(identity, a_name_that_ends_as_if_deleted_is_that_name) {
    Stage stage = stage_new();
    char other[192];
    snprintf(other, sizeof(other), "%s/x (deleted)", stage.directory);
    copy_file(stage.evil, other);
    expect(&stage, run(&stage, other), false, EXE_VERIFIED, other);
}

Test(identity, a_deleted_file_beside_one_of_that_odd_name_is_not_taken_for_it) {
    Stage stage = stage_new();
    char odd[192];
    pid_t pid = run(&stage, stage.evil);
    cr_assert(unlink(stage.evil) == 0);
    snprintf(odd, sizeof(odd), "%s (deleted)", stage.evil);
    cr_assert(rename(stage.good, odd) == 0);
    deleted = true;
    expect(&stage, pid, false, EXE_UNVERIFIED, stage.evil);
}

static int bind_evil_over_good(const Stage *stage) {
    return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
           mount(stage->evil, stage->good, NULL, MS_BIND, NULL) < 0;
}

Test(identity, a_private_mount_over_the_path_is_not_verified) {
    Stage stage = stage_new();
    pid_t pid = run_prepared(&stage, stage.good, NULL, bind_evil_over_good);
    if (pid < 0) {
        stage_done(&stage);
        test_cannot_run("no private mount namespace can be made");
    }
    expect(&stage, pid, false, EXE_UNVERIFIED, stage.good);
}

/* For execution from memory: the child's /proc/self/fd/100. */
static int put_into_memfd(const Stage *stage) {
    struct stat st;
    int in = open(stage->evil, O_RDONLY | O_CLOEXEC);
    int out = memfd_create("good", 0);
    if (in < 0 || out < 0 || fstat(in, &st) < 0)
        return -1;
    for (off_t at = 0; at < st.st_size;)
        if (sendfile(out, in, &at, (size_t)(st.st_size - at)) <= 0)
            return -1;
    return dup2(out, 100) < 0;
}

Test(identity, a_memfd_is_not_verified) {
    Stage stage = stage_new();
    pid_t pid = run_prepared(&stage, "/proc/self/fd/100", NULL, put_into_memfd);
    cr_assert(pid > 0);
    deleted = true;
    expect(&stage, pid, false, EXE_UNVERIFIED, "/memfd:good");
}

static int take_good_name(const Stage *stage) {
    (void)stage;
    return prctl(PR_SET_NAME, "good");
}

Test(identity, neither_argv_nor_the_name_says_what_runs) {
    Stage stage = stage_new();
    char *const arguments[] = {stage.good, (char *)"1000", NULL};
    pid_t pid = run_prepared(&stage, stage.evil, arguments, take_good_name);
    Snapshot *snapshot;
    const Holder *holder = look(&stage, pid, &snapshot);
    cr_expect_str_eq(holder->cmdline[0], stage.good);
    snapshot_free(snapshot);
    expect(&stage, pid, false, EXE_VERIFIED, stage.evil);
}

Test(identity, a_second_holder_that_runs_something_else_is_seen) {
    Stage stage = stage_new();
    pid_t good = run(&stage, stage.good), evil = run(&stage, stage.evil);
    Snapshot *snapshot = test_snapshot(stage.inode, 0);
    test_search(snapshot);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert(owner->complete && test_holder(owner, good) && test_holder(owner, evil));
    cr_assert(is_good(&stage, test_holder(owner, good)));
    cr_assert(!is_good(&stage, test_holder(owner, evil)));
    snapshot_free(snapshot);
    end(good);
    end(evil);
    stage_done(&stage);
}

/* Below a directory whose path no buffer of the kernel holds. */
static int go_deep(const Stage *stage) {
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    if (chdir(stage->directory) < 0)
        return -1;
    for (unsigned i = 0; i < 25; i++)
        if (mkdir(name, 0755) < 0 || chdir(name) < 0)
            return -1;
    return link(stage->good, "deep");
}

Test(identity, a_path_longer_than_any_is_unknown_and_never_verified) {
    Stage stage = stage_new();
    pid_t pid = run_prepared(&stage, "./deep", NULL, go_deep);
    cr_assert(pid > 0);
    Snapshot *snapshot;
    const Holder *holder = look(&stage, pid, &snapshot);
    cr_expect(holder->cwd == NULL);
    cr_expect_eq(snapshot->listeners[0].owner->attribution, ATTRIBUTION_PARTIAL);
    snapshot_free(snapshot);
    expect(&stage, pid, false, EXE_UNVERIFIED, NULL);
}

Test(identity, hostile_arguments_are_kept_as_they_are_and_bounded) {
    Stage stage = stage_new();
    char *long_argument = malloc(100001);
    memset(long_argument, '\xff', 100000);
    long_argument[100000] = '\0';
    /* sleep(1) ends on a bad argument: cat waits on a pipe that nothing is written to. */
    int pipe_ends[2];
    cr_assert(pipe(pipe_ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        fcntl(stage.socket, F_SETFD, 0);
        dup2(pipe_ends[0], 0);
        close(pipe_ends[1]);
        execv("/bin/cat", (char *const[]){(char *)"\x1b[2J\n", (char *)"-", long_argument, NULL});
        _exit(1);
    }
    usleep(100000);
    Snapshot *snapshot;
    const Holder *holder = look(&stage, pid, &snapshot);
    cr_expect_str_eq(holder->cmdline[0], "\x1b[2J\n");
    cr_expect(strlen(holder->cmdline[2]) < 8192 && holder->cmdline[3] == NULL);
    snapshot_free(snapshot);
    end(pid);
    free(long_argument);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    stage_done(&stage);
}
