/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program in the kernel tells of processes (KERNEL.md 32-40): the same as /proc tells of
 * one that still is there, and no less of one that is gone or does not want to be known.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "owner/proc_parse.h"
#include "util/memory.h"

#define PORT 3001

static char folder[] = "/tmp/sockaudit-callers-XXXXXX"; /* a tmpfs of the test's own */
static char program[PATH_MAX];                          /* tests/net/caller */

static void set_up(void) {
    const char *build = getenv("top_builddir");
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/tests/net/caller", build ?: ".");
    cr_assert(realpath(path, program), "%s: %s", path, strerror(errno));
    cr_assert(mkdtemp(folder));
    events_enter();
    cr_assert_eq(mount("tmpfs", folder, "tmpfs", 0, NULL), 0);
}

static void tear_down(void) {
    events_leave();
    umount2(folder, MNT_DETACH);
    rmdir(folder);
}

TestSuite(kernel_callers, .init = set_up, .fini = tear_down, .timeout = 180);

/* --- what /proc says -----------------------------------------------------------------------------
 */

/* All of /proc/PID/NAME, ended by a NUL. Returns its size. */
static size_t read_proc(pid_t pid, const char *name, char *text, size_t size) {
    char path[64];
    size_t length = 0;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    while ((n = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)n;
    close(fd);
    text[length] = '\0';
    return length;
}

static void read_link(pid_t pid, const char *name, char text[static PATH_MAX]) {
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    ssize_t n = readlink(path, text, PATH_MAX - 1);
    cr_assert_gt(n, 0, "%s: %s", path, strerror(errno));
    text[n] = '\0';
}

static ProcStat read_stat(pid_t pid, pid_t *ret_parent) {
    char text[4096];
    ProcStat stat;

    size_t length = read_proc(pid, "stat", text, sizeof(text));
    cr_assert_eq(proc_stat_parse(text, length, &stat), 0);
    int parent;
    cr_assert_eq(sscanf(strrchr(text, ')') + 1, " %*c %d", &parent), 1);
    *ret_parent = parent;
    return stat;
}

/* The numbers of a device differ where a file system has one of its own for each of its parts. */
static void expect_file(const KernelEvent *event, pid_t pid) {
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(event->caller.exe_id.inode, st.st_ino);
    char line[4096], file_system[64];
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    cr_assert(mounts);
    bool found = false;
    while (fgets(line, sizeof(line), mounts)) {
        unsigned major_number, minor_number;
        const char *type = strstr(line, " - ");
        if (sscanf(line, "%*d %*d %u:%u", &major_number, &minor_number) == 2 && type &&
            sscanf(type, " - %63s", file_system) == 1)
            found = found || makedev(major_number, minor_number) == event->caller.exe_id.device;
    }
    fclose(mounts);
    cr_assert(found, "a device that has no mount");
}

static void expect_ancestors(const Caller *caller) {
    pid_t at;

    (void)read_stat(caller->pid, &at);
    for (size_t i = 0; i < caller->ancestors->n; i++) {
        const Ancestor *ancestor = &caller->ancestors->items[i];
        pid_t parent;
        cr_assert_eq(ancestor->pid, at, "number %zu", i);
        ProcStat stat = read_stat(at, &parent);
        cr_assert_eq(ancestor->start, stat.start);
        cr_assert_eq(strncmp(ancestor->name, stat.comm, ANCESTOR_NAME_SIZE - 1), 0);
        at = parent;
    }
    cr_assert(at == 0 || caller->ancestors->n == ANCESTORS_MAX, "%zu, and then %d",
              caller->ancestors->n, (int)at);
}

/* The record of a process that is still there says what /proc says. */
static void expect_as_in_proc(const KernelEvent *event, pid_t pid) {
    static char text[128 * 1024];
    const Caller *caller = &event->caller;
    pid_t parent;

    cr_assert_eq(caller->pid, pid);
    ProcStat stat_now = read_stat(pid, &parent);
    cr_assert_eq(caller->start, stat_now.start);
    cr_assert_eq(caller->group, stat_now.group);
    cr_assert_str_eq(caller->comm, stat_now.comm);
    read_link(pid, "exe", text);
    cr_assert_str_eq(caller->exe, text);
    cr_assert_not(caller->exe_deleted);
    expect_file(event, pid);
    read_link(pid, "cwd", text);
    cr_assert_str_eq(caller->cwd, text);
    size_t size = read_proc(pid, "cmdline", text, sizeof(text));
    cr_assert_eq(caller->arguments_size, size);
    cr_assert_eq(memcmp(caller->arguments, text, size), 0);
    /* This program was executed before it entered the mount namespace of the test. */
    read_link(getpid(), "exe", text);
    cr_assert_eq(caller->exe_placed, strcmp(caller->exe, text) != 0);
    cr_assert_not(caller->is_kernel);
    expect_ancestors(caller);
}

/* --- programs that listen ------------------------------------------------------------------------
 */

static void copy_to_fd(int to) {
    struct stat st;
    int from = open(program, O_RDONLY | O_CLOEXEC);

    cr_assert(from >= 0 && fstat(from, &st) == 0);
    for (off_t at = 0; at < st.st_size;)
        cr_assert_gt(sendfile(to, from, &at, (size_t)(st.st_size - at)), 0);
    close(from);
}

static void copy_program(int directory, const char *path) {
    int to = openat(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    cr_assert_geq(to, 0, "%s: %s", path, strerror(errno));
    copy_to_fd(to);
    close(to);
}

/* `path` relative to the folder. */
static const char *in_folder(const char *path) {
    static char whole[PATH_MAX];
    snprintf(whole, sizeof(whole), "%s/%s", folder, path);
    return whole;
}

static void make_folder(const char *path) {
    cr_assert_eq(mkdir(in_folder(path), 0755), 0, "%s: %s", path, strerror(errno));
}

static void set_number(const char *name, int number) {
    char text[16];
    snprintf(text, sizeof(text), "%d", number);
    setenv(name, text, 1);
}

/* In a child: runs the program, which listens on PORT. `fd`: it is that; else it is at `path`. */
static void run_program(int fd, const char *path, char *const *argv) {
    set_number("CALLER_PORT", PORT);
    set_number("CALLER_READY", events_child_fd());
    if (fd >= 0)
        fexecve(fd, argv, environ);
    else
        execv(path, argv);
    _exit(98);
}

static char *const plain[] = {(char[]){"caller"}, (char[]){"an argument"}, NULL};

static EventsChild start_program(int fd, const char *path) {
    EventsChild child = events_fork();
    if (child.pid == 0)
        run_program(fd, path, plain);
    events_child_await(&child);
    return child;
}

Test(kernel_callers, fact_32_a_forked_process_is_as_in_proc) {
    EventsChild child = events_fork();
    if (child.pid == 0) {
        if (setpgid(0, 0) < 0 || chdir("/usr/bin") < 0 ||
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = PORT}) < 0 ||
            world_socket(&(SocketWish){.proto = PROTO_UDP, .address = "::", .port = PORT}) < 0)
            _exit(1);
        events_child_ready();
    }
    events_child_await(&child);
    expect_as_in_proc(events_one(RECORD_LISTEN, PORT), child.pid);
    expect_as_in_proc(events_one(RECORD_BIND, PORT), child.pid);
    cr_assert_eq(events_one(RECORD_BIND, PORT)->caller.group, child.pid);
    events_child_end(&child);
}

Test(kernel_callers, fact_32_an_executed_program_is_as_in_proc) {
    EventsChild child = start_program(-1, program);
    expect_as_in_proc(events_one(RECORD_LISTEN, PORT), child.pid);
    events_child_end(&child);
}

typedef struct ThreadResult {
    pid_t tid;
    int fd;
} ThreadResult;

static void *listen_in_thread(void *data) {
    ThreadResult *result = data;

    prctl(PR_SET_NAME, "not the leader");
    result->tid = gettid();
    result->fd = world_socket(&(SocketWish){.address = "0.0.0.0", .port = PORT});
    return NULL;
}

Test(kernel_callers, a_thread_listens_in_its_process_s_name) {
    ThreadResult result = {};
    pthread_t thread;

    prctl(PR_SET_NAME, "the leader");
    cr_assert_eq(pthread_create(&thread, NULL, listen_in_thread, &result), 0);
    pthread_join(thread, NULL);
    cr_assert_geq(result.fd, 0);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert_eq(event->caller.tid, result.tid);
    cr_assert_neq(event->caller.tid, event->caller.pid);
    cr_assert_str_eq(event->caller.comm, "the leader");
    expect_as_in_proc(event, getpid());
}

/* More than a record has room for; those that are told are the nearest. */
Test(kernel_callers, eight_ancestors_are_told) {
    for (int depth = 1; depth <= 10; depth += 3) {
        int status;
        EventsChild child = events_fork();
        if (child.pid == 0) {
            pid_t below = 0;
            for (int i = 0; i < depth && below == 0; i++) {
                char name[32];
                snprintf(name, sizeof(name), "number %d", i);
                prctl(PR_SET_NAME, name);
                below = fork();
            }
            if (below > 0) {
                waitpid(below, &status, 0);
                _exit(1);
            }
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = PORT});
            events_child_ready();
        }
        events_child_await(&child);
        const KernelEvent *event = events_wait(RECORD_LISTEN, PORT);
        char name[32];
        snprintf(name, sizeof(name), "number %d", depth - 1);
        cr_assert_str_eq(event->caller.ancestors->items[0].name, name);
        cr_assert_geq(event->caller.ancestors->n, (size_t)(depth > 8 ? 8 : depth));
        expect_as_in_proc(event, event->caller.pid);
        kill(event->caller.pid, SIGKILL);
        events_child_end(&child);
        events_wait(RECORD_CLOSE, PORT);
        events_forget();
    }
}

/* --- paths ---------------------------------------------------------------------------------------
 */

Test(kernel_callers, fact_35_a_path_goes_through_mounts) {
    make_folder("disk");
    cr_assert_eq(mount("tmpfs", in_folder("disk"), "tmpfs", 0, NULL), 0);
    /* One on top of another, and another below. */
    cr_assert_eq(mount("tmpfs", in_folder("disk"), "tmpfs", 0, NULL), 0);
    make_folder("disk/in");
    make_folder("disk/in/inner");
    cr_assert_eq(mount("tmpfs", in_folder("disk/in/inner"), "tmpfs", 0, NULL), 0);
    make_folder("disk/in/inner/bin");
    copy_program(AT_FDCWD, in_folder("disk/in/inner/bin/caller"));
    EventsChild child = start_program(-1, in_folder("disk/in/inner/bin/caller"));
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert_str_eq(event->caller.exe, in_folder("disk/in/inner/bin/caller"));
    expect_as_in_proc(event, child.pid);
    events_child_end(&child);
}

/* The file itself is where a mount begins: it has the name of the place. */
Test(kernel_callers, fact_35_a_file_that_is_mounted_has_the_name_of_its_place) {
    copy_program(AT_FDCWD, in_folder("real"));
    close(open(in_folder("place"), O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
    char real[PATH_MAX];
    snprintf(real, sizeof(real), "%s/real", folder);
    cr_assert_eq(mount(real, in_folder("place"), NULL, MS_BIND, NULL), 0);
    EventsChild child = start_program(-1, in_folder("place"));
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert_str_eq(event->caller.exe, in_folder("place"));
    expect_as_in_proc(event, child.pid);
    events_child_end(&child);
}

/* Runs a copy of the program below `depth` folders of that name, from there. Returns the path. */
static EventsChild start_below(const char *name, int depth, char **ret) {
    size_t size = strlen(folder) + (size_t)depth * (strlen(name) + 1) + sizeof("/caller");
    char *path = malloc(size), *at = stpcpy(path, folder);
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < depth; i++) {
        cr_assert_eq(mkdirat(directory, name, 0755), 0);
        int next = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(directory);
        directory = next;
        *at++ = '/';
        at = stpcpy(at, name);
    }
    strcpy(at, "/caller");
    copy_program(directory, "caller");
    EventsChild child = events_fork();
    if (child.pid == 0) {
        if (fchdir(directory) < 0)
            _exit(1);
        run_program(-1, "./caller", plain);
    }
    events_child_await(&child);
    close(directory);
    *ret = path;
    return child;
}

static char *repeat(char c, size_t n) {
    char *text = malloc(n + 1);
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

static const struct DeepPath {
    size_t name;
    int depth;
    bool told;
} deep_paths[] = {
    {199, 20, true},  /* 4,000 bytes */
    {255, 15, true},  /* the longest names */
    {1, 50, true},    /* many */
    {1, 100, false},  /* too many */
    {255, 100, false} /* and too long */
};

Test(kernel_callers, fact_35_a_path_is_told_whole_or_not_at_all) {
    for (size_t i = 0; i < ELEMENTS(deep_paths); i++) {
        const struct DeepPath *deep = &deep_paths[i];
        char *name = repeat((char)('a' + i), deep->name), *path;
        EventsChild child = start_below(name, deep->depth, &path);
        const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
        cr_assert_eq(event->caller.exe != NULL, deep->told, "%zu", i);
        cr_assert_eq(event->caller.cwd != NULL, deep->told, "%zu", i);
        if (deep->told) {
            cr_assert_str_eq(event->caller.exe, path);
            expect_as_in_proc(event, child.pid);
        } else {
            cr_assert_eq(event->caller.pid, child.pid);
            cr_assert_str_eq(event->caller.comm, "caller");
            cr_assert(event->caller.cgroup);
            expect_file(event, child.pid);
        }
        events_child_end(&child);
        events_wait(RECORD_CLOSE, PORT);
        events_forget();
        free(path);
        free(name);
    }
}

/* --- programs that hide --------------------------------------------------------------------------
 */

Test(kernel_callers, a_deleted_program_is_told_with_its_last_name) {
    char text[PATH_MAX];

    copy_program(AT_FDCWD, in_folder("gone"));
    setenv("CALLER_UNLINK", in_folder("gone"), 1);
    EventsChild child = start_program(-1, in_folder("gone"));
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert(event->caller.exe_deleted && !event->caller.exe_placed);
    cr_assert_str_eq(event->caller.exe, in_folder("gone"));
    read_link(child.pid, "exe", text);
    cr_assert_str_eq(text + strlen(event->caller.exe), " (deleted)");
    expect_file(event, child.pid);
    events_child_end(&child);
}

Test(kernel_callers, a_program_in_memory_is_told_as_deleted) {
    int fd = memfd_create("payload", MFD_CLOEXEC);

    cr_assert_geq(fd, 0);
    copy_to_fd(fd);
    EventsChild child = start_program(fd, NULL);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert(event->caller.exe_deleted && !event->caller.exe_placed);
    cr_assert_str_eq(event->caller.exe, "/memfd:payload");
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)child.pid);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(event->caller.exe_id.inode, st.st_ino);
    cr_assert_eq(event->caller.exe_id.device, st.st_dev);
    events_child_end(&child);
}

/* The record names what listened, whatever it is by now. */
Test(kernel_callers, a_program_that_runs_another_at_once_is_told) {
    static char other[PATH_MAX];

    copy_program(AT_FDCWD, in_folder("other"));
    strcpy(other, in_folder("other"));
    setenv("CALLER_EXEC", other, 1);
    EventsChild child = start_program(-1, program);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    char now[PATH_MAX];
    read_link(child.pid, "exe", now);
    cr_assert_str_eq(now, other);
    cr_assert_str_eq(event->caller.exe, program);
    cr_assert_str_eq(event->caller.comm, "caller");
    cr_assert_eq(event->caller.pid, child.pid);
    events_child_end(&child);
}

static EventsChild start_with(char *const *argv) {
    EventsChild child = events_fork();
    if (child.pid == 0)
        run_program(-1, program, argv);
    events_child_await(&child);
    return child;
}

/* Not cut, which could hide what comes last. */
Test(kernel_callers, arguments_are_told_whole_or_not_at_all) {
    static const size_t sizes[] = {
        1,     RECORD_ARGS_SIZE - 1, RECORD_ARGS_SIZE, RECORD_ARGS_SIZE + 1, 3 * RECORD_ARGS_SIZE,
        100000};

    for (size_t i = 0; i < ELEMENTS(sizes); i++) {
        char *argument = repeat('x', sizes[i] - 1);
        char *const argv[] = {argument, NULL};
        EventsChild child = start_with(argv);
        const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
        if (sizes[i] <= RECORD_ARGS_SIZE) {
            cr_assert_eq(event->caller.arguments_size, sizes[i]);
            expect_as_in_proc(event, child.pid);
        } else {
            cr_assert_null(event->caller.arguments);
            cr_assert_str_eq(event->caller.exe, program);
            cr_assert(event->caller.cgroup && event->caller.cwd);
        }
        events_child_end(&child);
        events_wait(RECORD_CLOSE, PORT);
        events_forget();
        free(argument);
    }
}

Test(kernel_callers, arguments_that_are_not_mapped_lose_nothing_else) {
    setenv("CALLER_UNMAP", "1", 1);
    EventsChild child = start_program(-1, program);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert_null(event->caller.arguments);
    cr_assert_eq(event->caller.pid, child.pid);
    cr_assert_str_eq(event->caller.exe, program);
    cr_assert(event->caller.cgroup && event->caller.cwd);
    events_child_end(&child);
}

Test(kernel_callers, a_name_may_have_any_bytes) {
    static const char name[] = "\x1b[31m)\n\t\x01 R 7";

    prctl(PR_SET_NAME, name);
    EventsChild child = events_fork();
    if (child.pid == 0) {
        world_socket(&(SocketWish){.address = "0.0.0.0", .port = PORT});
        events_child_ready();
    }
    events_child_await(&child);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert_str_eq(event->caller.comm, name);
    cr_assert_str_eq(event->caller.ancestors->items[0].name, name);
    expect_as_in_proc(event, child.pid);
    events_child_end(&child);
}

/* --- other namespaces and roots ------------------------------------------------------------------
 */

Test(kernel_callers, a_process_in_another_mount_namespace_has_its_own_path) {
    EventsChild child = events_fork();
    if (child.pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount("tmpfs", folder, "tmpfs", 0, NULL) < 0)
            _exit(1);
        copy_program(AT_FDCWD, in_folder("private"));
        run_program(-1, in_folder("private"), plain);
    }
    events_child_await(&child);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert(access(in_folder("private"), F_OK) < 0 && errno == ENOENT);
    cr_assert_str_eq(event->caller.exe, in_folder("private"));
    cr_assert_not(event->caller.exe_placed);
    /* Its file is of a mount that is not here. */
    char exe[PATH_MAX];
    read_link(child.pid, "exe", exe);
    cr_assert_str_eq(event->caller.exe, exe);
    events_child_end(&child);
}

/* Another mount namespace has a different file at the path of a program. That file is passed and
 * executed here: the process is in this mount namespace, its program is not. */
Test(kernel_callers, a_file_of_another_mount_namespace_is_not_placed) {
    EventsChild other = events_fork();
    if (other.pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount("tmpfs", folder, "tmpfs", 0, NULL) < 0)
            _exit(1);
        copy_program(AT_FDCWD, in_folder("sshd"));
        events_child_ready();
    }
    events_child_await(&other);
    copy_program(AT_FDCWD, in_folder("sshd"));
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "/proc/%d/root/%s", (int)other.pid, in_folder("sshd"));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    EventsChild child = start_program(fd, NULL);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert_not(event->caller.exe_placed, "%s", event->caller.exe);
    cr_assert_str_eq(event->caller.exe, in_folder("sshd"));
    events_child_end(&child);
    events_child_end(&other);
}

/* Its paths are those of the whole, not what it takes for them. */
Test(kernel_callers, a_process_in_another_root_is_told_with_the_whole_path) {
    make_folder("root");
    EventsChild child = events_fork();
    if (child.pid == 0) {
        if (chroot(in_folder("root")) < 0 || chdir("/") < 0 ||
            world_socket(&(SocketWish){.address = "0.0.0.0", .port = PORT}) < 0)
            _exit(1);
        events_child_ready();
    }
    events_child_await(&child);
    const KernelEvent *event = events_one(RECORD_LISTEN, PORT);
    cr_assert_str_eq(event->caller.cwd, in_folder("root"));
    expect_as_in_proc(event, child.pid);
    events_child_end(&child);
}

/* --- short lives ---------------------------------------------------------------------------------
 */

static void live_for(long usec) {
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 < usec);
}

Test(kernel_callers, a_thousand_that_live_100_us_are_all_named) {
    enum { LIVES = 1000, FIRST_PORT = 10000 };
    char exe[PATH_MAX];
    static pid_t pids[LIVES];

    read_link(getpid(), "exe", exe);
    for (unsigned i = 0; i < LIVES; i++) {
        int status;
        pids[i] = fork();
        if (pids[i] == 0) {
            int fd = world_socket(
                &(SocketWish){.address = "127.0.0.1", .port = (uint16_t)(FIRST_PORT + i)});
            live_for(100);
            _exit(fd < 0);
        }
        cr_assert(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
        usleep(1000); /* the user's share */
        if (i % 100 == 99)
            events_read();
    }
    cr_assert_eq(events_dropped(), 0);
    for (unsigned i = 0; i < LIVES; i++) {
        const KernelEvent *event = events_one(RECORD_LISTEN, (uint16_t)(FIRST_PORT + i));
        cr_assert_eq(event->caller.pid, pids[i]);
        cr_assert_str_eq(event->caller.exe, exe);
        cr_assert(event->caller.cwd && event->caller.cgroup && event->caller.arguments);
        cr_assert_eq(event->caller.ancestors->items[0].pid, getpid());
        cr_assert_eq(events_one(RECORD_CLOSE, (uint16_t)(FIRST_PORT + i))->listener.cookie,
                     event->listener.cookie);
    }
}
