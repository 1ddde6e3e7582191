/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the kernel's record of a process to an owner, with /proc of live processes and of made ones.
 */
#include "owner/caller_owner.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "machine.h"
#include "owner/file_identity.h"
#include "owner/proc_parse.h"
#include "util/memory.h"

#define CREATED 1700000000000000

static OwnerSources sources;
static TestChild child;
static char exe[PATH_MAX]; /* what this process and the child run */
static FileId exe_id;
static uint64_t start; /* the child's */

static void keep_open(void *userdata) {
    (void)userdata;
}

static void set_up(void) {
    char path[64], text[1024];
    ProcStat stat;

    cr_assert_eq(owner_sources_open(NULL, &sources), 0);
    /* Any directory of root's: a hierarchy in which none of the cgroups below exists. */
    if (sources.cgroup_fd >= 0)
        close(sources.cgroup_fd);
    sources.cgroup_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
    cr_assert_eq(file_identity(sources.root_fd, exe, &exe_id), 0);
    child = test_child(keep_open, NULL);
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)child.pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text));
    cr_assert(n > 0 && proc_stat_parse(text, (size_t)n, &stat) == 0);
    close(fd);
    start = stat.start;
}

static void tear_down(void) {
    if (child.pid > 0)
        test_child_end(&child);
    owner_sources_close(&sources);
}

TestSuite(caller_owner, .init = set_up, .fini = tear_down);

/* A record of the child whose texts are another's, so that it shows which were taken. */
static Caller make_caller(void) {
    static const char arguments[] = "recorded\0--all";
    Caller caller = {
        .pid = child.pid,
        .tid = child.pid,
        .uid = 4711,
        .group = 4712,
        .start = start,
        .comm = strdup("recorded"),
        .exe = strdup(exe),
        .exe_id = exe_id,
        .cwd = strdup("/recorded"),
        .cgroup = strdup("/recorded.service"),
        .arguments = malloc(sizeof(arguments)),
        .arguments_size = sizeof(arguments),
        .ancestors = calloc(1, sizeof(Ancestors)),
    };
    memcpy(caller.arguments, arguments, sizeof(arguments));
    *caller.ancestors = (Ancestors){1, {{.pid = 77, .start = 5, .name = "parent"}}};
    return caller;
}

static void forget(char **text) {
    free(*text);
    *text = NULL;
}

static Owner *find_owner(Caller *caller) {
    Owner *owner;

    cr_assert_eq(owner_of_caller(&sources, caller, CREATED, &owner), 0);
    caller_done(caller);
    cr_assert_eq(owner->n_holders, 1);
    cr_assert_eq(owner->n_holders_seen, 1);
    cr_assert_eq(owner->created, CREATED);
    return owner;
}

static bool is_recorded(const Holder *holder) {
    return holder->cmdline && strv_length(holder->cmdline) == 2 &&
           strcmp(holder->cmdline[0], "recorded") == 0 && strcmp(holder->cmdline[1], "--all") == 0;
}

static void expect_full(const Owner *owner) {
    cr_assert_eq(owner->attribution, ATTRIBUTION_FULL, "%s", owner->note);
    cr_assert_null(owner->note);
}

static void expect_partial(const Owner *owner) {
    cr_assert_eq(owner->attribution, ATTRIBUTION_PARTIAL);
    cr_assert(owner->note && *owner->note);
}

static void set_arguments(Caller *caller, const char *bytes, size_t size) {
    free(caller->arguments);
    caller->arguments = malloc(size);
    memcpy(caller->arguments, bytes, size);
    caller->arguments_size = size;
}

/* The title of Perl's $0 is followed by a NUL and blanks; /proc/PID/cmdline ends at the NUL. */
Test(caller_owner, a_title_ends_as_in_proc) {
    static const char bytes[] = "app.pl\0        ";
    Caller caller = make_caller();
    set_arguments(&caller, bytes, sizeof(bytes) - 1);
    Owner *owner = find_owner(&caller);
    expect_full(owner);
    cr_assert_eq(strv_length(owner->holders[0].cmdline), 1);
    cr_assert_str_eq(owner->holders[0].cmdline[0], "app.pl");
    owner_unref(owner);
}

/* One that goes on behind the arguments is read of the process, or told as far as it is known. */
Test(caller_owner, a_long_title_is_read_of_the_process) {
    Caller caller = make_caller();
    set_arguments(&caller, "gunicorn: mas", 13);
    Owner *owner = find_owner(&caller);
    cr_assert(owner->holders[0].cmdline && owner->holders[0].cmdline[0]);
    cr_assert_str_neq(owner->holders[0].cmdline[0], "gunicorn: mas");
    owner_unref(owner);

    caller = make_caller();
    set_arguments(&caller, "gunicorn: mas", 13);
    caller.start++; /* another process has that pid */
    owner = find_owner(&caller);
    cr_assert_str_eq(owner->holders[0].cmdline[0], "gunicorn: mas");
    owner_unref(owner);
}

/* Nothing of /proc is wanted then. */
Test(caller_owner, a_whole_record_is_the_owner) {
    Caller caller = make_caller();
    Owner *owner = find_owner(&caller);
    const Holder *holder = &owner->holders[0];

    expect_full(owner);
    cr_assert(holder->pid == child.pid && holder->uid == 4711 && holder->group == 4712);
    cr_assert_eq(holder->start, start);
    cr_assert_eq(holder->fd, -1);
    cr_assert_str_eq(holder->comm, "recorded");
    cr_assert_str_eq(holder->exe, exe);
    cr_assert_eq(holder->exe_state, EXE_VERIFIED);
    cr_assert(file_id_equal(&holder->exe_id, &exe_id));
    cr_assert_str_eq(holder->cwd, "/recorded");
    cr_assert(is_recorded(holder));
    const Ancestors *ancestors = holder_ancestors(holder);
    cr_assert(ancestors && ancestors->n == 1 && ancestors->items[0].pid == 77);
    cr_assert_str_eq(owner->cgroup, "/recorded.service");
    cr_assert_str_eq(owner->unit, "recorded.service");
    owner_unref(owner);
}

Test(caller_owner, a_whole_record_needs_no_process) {
    Caller caller = make_caller();
    test_child_end(&child);
    child.pid = 0;
    Owner *owner = find_owner(&caller);
    expect_full(owner);
    cr_assert_eq(owner->holders[0].exe_state, EXE_VERIFIED);
    owner_unref(owner);
}

/* As of btrfs: the kernel's number of the device is not what stat(2) tells. */
Test(caller_owner, another_device_is_settled_by_proc) {
    Caller caller = make_caller();
    caller.exe_id.device++;
    Owner *owner = find_owner(&caller);
    const Holder *holder = &owner->holders[0];

    expect_full(owner);
    cr_assert_eq(holder->exe_state, EXE_VERIFIED);
    cr_assert(file_id_equal(&holder->exe_id, &exe_id), "the identity is what stat(2) tells");
    cr_assert(is_recorded(holder), "what the record has is kept");
    cr_assert_str_eq(holder->cwd, "/recorded");
    owner_unref(owner);
}

Test(caller_owner, another_device_of_a_process_that_is_gone_is_not_verified) {
    Caller caller = make_caller();
    caller.exe_id.device++;
    test_child_end(&child);
    child.pid = 0;
    Owner *owner = find_owner(&caller);
    cr_assert_eq(owner->holders[0].exe_state, EXE_UNVERIFIED);
    cr_assert_str_eq(owner->holders[0].exe, exe);
    cr_assert(is_recorded(&owner->holders[0]));
    owner_unref(owner);
}

/* The root directory has no such path, which shows that no path is looked up. */
Test(caller_owner, a_program_placed_by_the_kernel_is_verified) {
    Caller caller = make_caller();
    test_child_end(&child);
    child.pid = 0;
    close(sources.root_fd);
    sources.root_fd = open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
    caller.exe_id.device = makedev(8, 1);
    caller.exe_placed = true;
    Owner *owner = find_owner(&caller);
    const Holder *holder = &owner->holders[0];
    expect_full(owner);
    cr_assert_eq(holder->exe_state, EXE_VERIFIED);
    cr_assert(holder->exe_id.device == makedev(8, 1) && holder->exe_id.inode == exe_id.inode);
    owner_unref(owner);
}

/* On btrfs, several files may share the kernel's device and inode numbers: stat() of the path
 * decides. */
Test(caller_owner, without_a_block_device_stat_identifies_the_program) {
    for (int other = 0; other < 2; other++) {
        Caller caller = make_caller();
        caller.exe_id = (FileId){makedev(0, 0xffff), exe_id.inode + (ino_t)other};
        caller.exe_placed = true;
        caller.start--; /* prevents reading the process */
        Owner *owner = find_owner(&caller);
        const Holder *holder = &owner->holders[0];
        cr_assert_eq(holder->exe_state, other ? EXE_UNVERIFIED : EXE_VERIFIED);
        cr_assert(other || file_id_equal(&holder->exe_id, &exe_id));
        owner_unref(owner);
    }
}

/* On btrfs, a user can create a file with the inode number of an allowed program in another
 * subvolume, run it, and then replace it with a link to that program. */
Test(caller_owner, a_link_in_place_of_a_program_is_not_followed) {
    char home[] = "/tmp/sockaudit-home-XXXXXX", path[64];
    cr_assert(mkdtemp(home));
    snprintf(path, sizeof(path), "%s/server", home);
    cr_assert_eq(symlink(exe, path), 0);
    Caller caller = make_caller();
    forget(&caller.exe);
    caller.exe = strdup(path);
    caller.exe_id.device = makedev(0, 0xffff);
    caller.exe_placed = true;
    caller.start--; /* prevents reading the process */
    Owner *owner = find_owner(&caller);
    cr_assert_eq(owner->holders[0].exe_state, EXE_UNVERIFIED);
    cr_assert_not(file_id_equal(&owner->holders[0].exe_id, &exe_id));
    owner_unref(owner);
    unlink(path);
    rmdir(home);
}

/* The daemon may not look up the path. It relies on the kernel for the path, and has no identity.
 */
Test(caller_owner, a_program_in_a_closed_directory_is_verified_by_its_path) {
    char home[] = "/tmp/sockaudit-home-XXXXXX", path[64];
    cr_assert(mkdtemp(home));
    snprintf(path, sizeof(path), "%s/server", home);
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    else
        cr_assert_eq(chmod(home, 0), 0);
    for (int placed = 0; placed < 2; placed++) {
        Caller caller = make_caller();
        forget(&caller.exe);
        caller.exe = strdup(path);
        caller.exe_id.device = makedev(0, 0xffff);
        caller.exe_placed = placed;
        Owner *owner = find_owner(&caller);
        const Holder *holder = &owner->holders[0];
        cr_assert_eq(holder->exe_state, placed ? EXE_VERIFIED : EXE_UNVERIFIED);
        cr_assert_str_eq(holder->exe, path);
        cr_assert_not(file_id_is_known(&holder->exe_id));
        owner_unref(owner);
    }
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    rmdir(home);
}

/* Another file under that path, such as one that was mounted there: the path leads elsewhere. */
Test(caller_owner, another_file_is_never_taken_for_it) {
    Caller caller = make_caller();
    caller.exe_id.inode++;
    Owner *owner = find_owner(&caller);
    cr_assert_eq(owner->holders[0].exe_state, EXE_UNVERIFIED);
    cr_assert_str_eq(owner->holders[0].exe, exe);
    owner_unref(owner);
}

Test(caller_owner, what_is_missing_is_read_of_the_process) {
    Caller caller = make_caller();
    char cwd[PATH_MAX];

    forget(&caller.exe);
    forget(&caller.cwd);
    forget(&caller.arguments);
    Owner *owner = find_owner(&caller);
    const Holder *holder = &owner->holders[0];
    expect_full(owner);
    cr_assert_str_eq(holder->exe, exe);
    cr_assert_eq(holder->exe_state, EXE_VERIFIED);
    cr_assert_str_eq(holder->cwd, getcwd(cwd, sizeof(cwd)));
    cr_assert(holder->cmdline && holder->cmdline[0] && !is_recorded(holder));
    cr_assert_str_eq(holder->comm, "recorded");
    owner_unref(owner);
}

static void lose_exe(Caller *caller) {
    forget(&caller->exe);
}

static void lose_cwd(Caller *caller) {
    forget(&caller->cwd);
}

static void lose_arguments(Caller *caller) {
    forget(&caller->arguments);
}

Test(caller_owner, what_is_missing_of_a_process_that_is_gone_is_said) {
    static void (*const losses[])(Caller *) = {lose_exe, lose_cwd, lose_arguments};
    const char *notes[ELEMENTS(losses)];

    pid_t pid = child.pid;
    test_child_end(&child);
    for (size_t i = 0; i < ELEMENTS(losses); i++) {
        child.pid = pid;
        Caller caller = make_caller();
        losses[i](&caller);
        Owner *owner = find_owner(&caller);
        expect_partial(owner);
        notes[i] = owner->note;
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(notes[i], notes[j]);
        cr_assert_eq(owner->holders[0].pid, pid);
        cr_assert_eq(owner->holders[0].exe != NULL, i != 0);
        owner_unref(owner);
    }
    child.pid = 0;
}

/* Nothing is taken of what it runs now: neither where its path is known, nor where it is not. */
Test(caller_owner, another_program_by_now_is_not_taken) {
    for (int known = 0; known < 2; known++) {
        Caller caller = make_caller();
        forget(&caller.exe);
        forget(&caller.arguments);
        caller.exe = known ? strdup("/nowhere/else") : NULL;
        caller.exe_id = (FileId){exe_id.device, exe_id.inode + 1};
        Owner *owner = find_owner(&caller);
        const Holder *holder = &owner->holders[0];
        expect_partial(owner);
        cr_assert_neq(holder->exe_state, EXE_VERIFIED);
        cr_assert_null(holder->cmdline);
        if (known)
            cr_assert_str_eq(holder->exe, "/nowhere/else");
        else
            cr_assert_null(holder->exe);
        owner_unref(owner);
    }
}

Test(caller_owner, another_process_of_that_pid_is_not_taken) {
    Caller caller = make_caller();
    forget(&caller.exe);
    forget(&caller.cwd);
    forget(&caller.cgroup);
    caller.start--;
    Owner *owner = find_owner(&caller);
    expect_partial(owner);
    cr_assert_null(owner->holders[0].exe);
    cr_assert_null(owner->holders[0].cwd);
    cr_assert_null(owner->cgroup);
    owner_unref(owner);
}

Test(caller_owner, a_thread_of_the_kernel_lacks_nothing) {
    Caller caller = make_caller();
    forget(&caller.exe);
    forget(&caller.cwd);
    forget(&caller.arguments);
    caller.is_kernel = true;
    caller.exe_id = (FileId){};
    caller.pid = 2;
    Owner *owner = find_owner(&caller);
    expect_full(owner);
    cr_assert_null(owner->holders[0].exe);
    owner_unref(owner);
}

/* --- cgroups -------------------------------------------------------------------------------------
 */

static void write_file(const char *folder, const char *name, const char *text) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* A process of cgroup v1, where every socket is of the root: as a recording has it. */
static Owner *find_owner_in_recording(const char *socket_cgroup, uint64_t started) {
    char root[] = "/tmp/sockaudit-caller-XXXXXX", folder[64], command[80];
    Caller caller = make_caller();

    cr_assert(mkdtemp(root));
    snprintf(folder, sizeof(folder), "%s/123", root);
    cr_assert_eq(mkdir(folder, 0755), 0);
    write_file(folder, "stat", "123 (web) S 1 123 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 999 0 0\n");
    write_file(folder, "status", "Name:\tweb\nUid:\t0\t0\t0\t0\n");
    write_file(folder, "cmdline", "web");
    write_file(folder, "cgroup", "1:name=systemd:/system.slice/web.service\n0::/\n");
    close(sources.proc_fd);
    sources.proc_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    caller.pid = 123;
    caller.start = started;
    forget(&caller.cgroup);
    caller.cgroup = socket_cgroup ? strdup(socket_cgroup) : NULL;
    Owner *owner = find_owner(&caller);
    snprintf(command, sizeof(command), "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
    return owner;
}

Test(caller_owner, a_socket_of_the_root_cgroup_is_in_its_process_s) {
    Owner *owner = find_owner_in_recording("/", 999);
    cr_assert_str_eq(owner->cgroup, "/system.slice/web.service");
    cr_assert_str_eq(owner->unit, "web.service");
    expect_full(owner);
    owner_unref(owner);
}

Test(caller_owner, a_socket_whose_cgroup_is_not_known_is_in_its_process_s) {
    Owner *owner = find_owner_in_recording(NULL, 999);
    cr_assert_str_eq(owner->cgroup, "/system.slice/web.service");
    owner_unref(owner);
}

Test(caller_owner, a_socket_has_its_own_cgroup_wherever_the_process_is) {
    Owner *owner = find_owner_in_recording("/system.slice/made.service", 999);
    cr_assert_str_eq(owner->cgroup, "/system.slice/made.service");
    owner_unref(owner);
}

Test(caller_owner, the_cgroup_of_another_process_is_not_taken) {
    Owner *owner = find_owner_in_recording("/", 998);
    cr_assert_str_eq(owner->cgroup, "/");
    cr_assert_null(owner->unit);
    owner_unref(owner);
}
