/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From cgroup ids to units, on the running kernel's cgroup2 and on recorded trees. */
#include "owner/cgroups.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "owner/search.h"

/* A tree of cgroups that the test makes in the running kernel's, and takes away. */
typedef struct Tree {
    OwnerSources sources;
    char slice[64], unit[128];
    uint64_t slice_id, unit_id;
} Tree;

static uint64_t make(int cgroup_fd, const char *path) {
    struct stat st;
    if (mkdirat(cgroup_fd, path, 0755) < 0)
        return 0;
    cr_assert(fstatat(cgroup_fd, path, &st, 0) == 0);
    return st.st_ino;
}

static Tree tree_new(void) {
    Tree tree;
    cr_assert(owner_sources_open(NULL, &tree.sources) == 0);
    snprintf(tree.slice, sizeof(tree.slice), "sockaudittest%d.slice", (int)getpid());
    snprintf(tree.unit, sizeof(tree.unit), "%s/ssh.service", tree.slice);
    tree.slice_id = tree.sources.cgroup_fd < 0 ? 0 : make(tree.sources.cgroup_fd, tree.slice);
    if (tree.slice_id == 0) {
        owner_sources_close(&tree.sources);
        test_cannot_run("no cgroup can be made");
    }
    tree.unit_id = make(tree.sources.cgroup_fd, tree.unit);
    cr_assert(tree.unit_id != 0);
    return tree;
}

static void tree_done(Tree *tree) {
    for (unsigned try = 0; try < 100; try++) {
        unlinkat(tree->sources.cgroup_fd, tree->unit, AT_REMOVEDIR);
        if (unlinkat(tree->sources.cgroup_fd, tree->slice, AT_REMOVEDIR) == 0)
            break;
        usleep(10000);
    }
    owner_sources_close(&tree->sources);
}

static const Cgroup *resolve(CgroupResolver *resolver, uint64_t id) {
    cr_assert_eq(cgroups_resolve(resolver, &id, 1), 0);
    const Cgroup *cgroup = cgroup_find(resolver, id);
    cr_assert(cgroup);
    return cgroup;
}

Test(cgroups, fact_8_an_id_leads_to_its_path_and_is_remembered_after_rmdir) {
    Tree tree = tree_new();
    CgroupResolver resolver = {.fd = tree.sources.cgroup_fd}, later = {.fd = resolver.fd};
    const Cgroup *cgroup = resolve(&resolver, tree.unit_id);
    cr_assert(cgroup->path && strcmp(cgroup->path + 1, tree.unit) == 0);
    cr_assert_eq(cgroup->owned_from, SIZE_MAX);

    cr_assert(unlinkat(resolver.fd, tree.unit, AT_REMOVEDIR) == 0);
    cr_assert(strcmp(resolve(&resolver, tree.unit_id)->path + 1, tree.unit) == 0);
    cr_assert_eq(resolve(&later, tree.unit_id)->error, -ESTALE);
    cgroup_resolver_done(&resolver);
    cgroup_resolver_done(&later);
    tree_done(&tree);
}

static int resolve_as_nobody(uint64_t id, const char *unit, int cgroup_fd) {
    pid_t pid = fork();
    if (pid == 0) {
        CgroupResolver resolver = {.fd = cgroup_fd};
        if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
            _exit(100);
        const Cgroup *cgroup = resolve(&resolver, id);
        _exit(cgroup->path && strcmp(cgroup->path + 1, unit) == 0 ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(cgroups, fact_8_without_privilege_the_tree_is_walked) {
    Tree tree = tree_new();
    cr_assert_eq(resolve_as_nobody(tree.unit_id, tree.unit, tree.sources.cgroup_fd), 0);
    tree_done(&tree);
}

/* A socket of a cgroup, searched for by guidance alone: the holder is in that cgroup. */
static void enter(void *userdata) {
    int fd = openat(((Tree *)userdata)->sources.cgroup_fd, ((Tree *)userdata)->unit,
                    O_PATH | O_DIRECTORY);
    int procs = openat(fd, "cgroup.procs", O_WRONLY);
    cr_assert(write(procs, "0", 1) == 1);
    close(procs);
    close(fd);
}

Test(cgroups, fact_13_the_search_goes_by_the_sockets_cgroup_first) {
    Tree tree = tree_new();
    uint32_t inode;
    int fd = test_listen(&inode);
    TestChild child = test_child(enter, &tree);
    Snapshot *snapshot = test_snapshot(inode, tree.unit_id);
    test_search_by(snapshot, SEARCH_FIRST, TEST_WALK);
    const Owner *owner = snapshot->listeners[0].owner;
    /* The test itself holds it, too, but is not in that cgroup: it was not looked at. */
    cr_assert_eq(owner->n_holders, 1);
    cr_assert(test_holder(owner, child.pid));
    cr_assert_eq(owner->attribution, ATTRIBUTION_PARTIAL);
    cr_assert(!owner->complete && owner->note);
    cr_assert_str_eq(owner->unit, "ssh.service");
    snapshot_free(snapshot);
    test_child_end(&child);
    close(fd);
    tree_done(&tree);
}

Test(cgroups, a_cgroup_that_a_user_made_is_no_system_unit) {
    Tree tree = tree_new();
    uint32_t inode;
    int fd = test_listen(&inode);
    cr_assert(fchownat(tree.sources.cgroup_fd, tree.slice, 65534, 65534, 0) == 0);
    Snapshot *snapshot = test_snapshot(inode, tree.unit_id);
    test_search_by(snapshot, SEARCH_ALL, TEST_WALK);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert(owner->cgroup && strcmp(owner->cgroup + 1, tree.unit) == 0);
    cr_assert(owner->unit == NULL, "%s", owner->unit);
    snapshot_free(snapshot);
    close(fd);
    tree_done(&tree);
}

static int second_fd = -1;

static void duplicate(int signal) {
    (void)signal;
    (void)!dup(second_fd);
}

static void enter_and_wait_for_signal(void *userdata) {
    signal(SIGUSR1, duplicate);
    enter(userdata);
}

Test(cgroups, fact_13_a_process_that_the_cgroup_led_to_is_not_looked_at_again) {
    Tree tree = tree_new();
    uint32_t inode;
    OwnerSearch *search;
    second_fd = test_listen(&inode);
    TestChild child = test_child(enter_and_wait_for_signal, &tree);
    Snapshot *snapshot = test_snapshot(inode, tree.unit_id);
    const Owner *owner;
    cr_assert(owner_search_new(&tree.sources, snapshot, &search) == 0);
    search->iterate_min = UINT_MAX;
    cr_assert(owner_search_run(search, SEARCH_FIRST) == 0);
    owner = snapshot->listeners[0].owner;
    cr_assert_eq(owner->n_holders, 1);

    /* What it opens between is not seen, as it was looked at; the test itself was not yet. */
    kill(child.pid, SIGUSR1);
    usleep(50000);
    cr_assert(owner_search_run(search, SEARCH_ALL) == 0);
    cr_assert_eq(owner->n_holders, 2, "%zu", owner->n_holders);
    cr_assert(test_holder(owner, getpid()) && test_holder(owner, child.pid));
    cr_assert(owner->complete);
    owner_search_free(search);
    snapshot_free(snapshot);
    test_child_end(&child);
    close(second_fd);
    tree_done(&tree);
}

/* A recorded machine: plain directories, where only a walk by inode can tell. */
typedef struct Recording {
    char root[64];
    OwnerSources sources;
} Recording;

static void record_directory(const Recording *recording, const char *path) {
    char full[512];
    snprintf(full, sizeof(full), "%s/%s", recording->root, path);
    for (char *at = full + strlen(recording->root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(full, 0755);
        *at = '/';
    }
    cr_assert(mkdir(full, 0755) == 0 || errno == EEXIST);
}

static void record_file(const Recording *recording, const char *path, const char *text,
                        size_t length) {
    char full[512];
    snprintf(full, sizeof(full), "%s/%s", recording->root, path);
    FILE *file = fopen(full, "we");
    cr_assert(file && fwrite(text, 1, length, file) == length && fclose(file) == 0);
}

static void record_link(const Recording *recording, const char *path, const char *target) {
    char full[512];
    snprintf(full, sizeof(full), "%s/%s", recording->root, path);
    cr_assert(symlink(target, full) == 0);
}

#define RECORD_FILE(recording, path, text)                                                         \
    record_file((recording), (path), (text), sizeof(text) - 1)

static Recording recording_new(void) {
    Recording recording = {.root = "/tmp/sockaudit-recording-XXXXXX"};
    cr_assert(mkdtemp(recording.root));
    record_directory(&recording, "proc/77/fd");
    record_directory(&recording, "proc/78/fd");
    record_directory(&recording, "sys/fs/cgroup/system.slice/web.service");
    record_directory(&recording, "usr/bin");
    RECORD_FILE(&recording, "usr/bin/web", "x");
    RECORD_FILE(&recording, "proc/77/stat",
                "77 (we) b\n) S 1 2 3 4 5 0 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n");
    RECORD_FILE(&recording, "proc/77/status", "Name:\twe\nUid:\t5\t33\t5\t5\n");
    RECORD_FILE(&recording, "proc/77/cmdline", "web\0--port\0003000\0");
    RECORD_FILE(&recording, "proc/77/cgroup", "1:name=systemd:/system.slice/old.service\n0::/\n");
    record_link(&recording, "proc/77/cwd", "/srv\x1b[2J");
    record_link(&recording, "proc/77/fd/0", "/dev/null");
    record_link(&recording, "proc/77/fd/3", "socket:[12345]");
    record_link(&recording, "proc/77/fd/bad", "socket:[12346]");
    RECORD_FILE(&recording, "sys/fs/cgroup/system.slice/web.service/cgroup.procs",
                "77\n0\nx\n99999\n");
    cr_assert(owner_sources_open(recording.root, &recording.sources) == 0);
    return recording;
}

static void recording_done(Recording *recording) {
    char command[128];
    owner_sources_close(&recording->sources);
    snprintf(command, sizeof(command), "rm -rf '%s'", recording->root);
    cr_assert(system(command) == 0);
}

static void search_recording(const Recording *recording, Snapshot *snapshot, SearchDepth depth) {
    OwnerSearch *search;
    cr_assert(owner_search_new(&recording->sources, snapshot, &search) == 0);
    cr_assert(owner_search_run(search, depth) == 0);
    owner_search_free(search);
}

/* The unit of process 77's socket, where that tells no cgroup and the process is in this one. */
static char *unit_by_holder(const Recording *recording, const char *cgroup) {
    char text[128];
    int length = snprintf(text, sizeof(text), "0::%s\n", cgroup);
    record_file(recording, "proc/77/cgroup", text, (size_t)length);
    Snapshot *snapshot = test_snapshot(12345, 0);
    search_recording(recording, snapshot, SEARCH_ALL);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert_str_eq(owner->cgroup, cgroup);
    char *unit = owner->unit ? strdup(owner->unit) : NULL;
    snapshot_free(snapshot);
    return unit;
}

Test(recording, a_holders_own_cgroup_in_a_users_part_is_no_unit) {
    Recording recording = recording_new();
    record_directory(&recording, "sys/fs/cgroup/alice.slice/ssh.service");
    cr_assert(geteuid() != 0 || fchmodat(recording.sources.cgroup_fd, "alice.slice", 0777, 0) == 0);

    cr_expect_null(unit_by_holder(&recording, "/alice.slice/ssh.service"));
    cr_expect_null(unit_by_holder(&recording, "/alice.slice/gone.service"));
    char *unit = unit_by_holder(&recording, "/only-in-v1.slice/ssh.service");
    cr_expect(unit && strcmp(unit, "ssh.service") == 0);
    free(unit);
    recording_done(&recording);
}

Test(recording, a_recorded_machine_is_searched_by_its_handles) {
    Recording recording = recording_new();
    struct stat st;
    cr_assert(fstatat(recording.sources.cgroup_fd, "system.slice/web.service", &st, 0) == 0);
    Snapshot *snapshot = test_snapshot(12345, st.st_ino);
    test_add(snapshot, 12346, st.st_ino + 1000000);
    search_recording(&recording, snapshot, SEARCH_ALL);

    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert_str_eq(owner->unit, "web.service");
    cr_assert_str_eq(owner->cgroup, "/system.slice/web.service");
    cr_assert_eq(owner->n_holders, 1);
    const Holder *holder = &owner->holders[0];
    cr_assert(holder->pid == 77 && holder->fd == 3 && holder->uid == 33);
    cr_assert_str_eq(holder->comm, "we) b\n");
    cr_assert_str_eq(holder->cwd, "/srv\x1b[2J");
    cr_assert_str_eq(holder->cmdline[2], "3000");
    cr_assert(holder->exe == NULL && holder->exe_state == EXE_UNKNOWN);
    cr_assert_eq(owner->attribution, ATTRIBUTION_PARTIAL); /* exe could not be read */

    owner = snapshot->listeners[1].owner;
    cr_assert(owner->attribution == ATTRIBUTION_NONE && owner->note && owner->unit == NULL);
    snapshot_free(snapshot);
    recording_done(&recording);
}

Test(recording, fact_8_without_cgroup_ids_the_unit_is_the_holders_and_is_said_to_be) {
    Recording recording = recording_new();
    Snapshot *snapshot = test_snapshot(12345, 1);
    close(recording.sources.cgroup_fd);
    recording.sources.cgroup_fd = -1;
    RECORD_FILE(&recording, "proc/77/exe", "x");
    search_recording(&recording, snapshot, SEARCH_FIRST);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert_str_eq(owner->unit, "old.service");
    cr_assert_eq(owner->attribution, ATTRIBUTION_PARTIAL);
    snapshot_free(snapshot);
    recording_done(&recording);
}

Test(recording, fact_8_holders_of_several_cgroups_give_no_unit) {
    Recording recording = recording_new();
    RECORD_FILE(&recording, "proc/78/stat",
                "78 (x) S 1 2 3 4 5 0 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n");
    RECORD_FILE(&recording, "proc/78/cgroup", "0::/system.slice/other.service\n");
    record_link(&recording, "proc/78/fd/9", "socket:[12345]");
    Snapshot *snapshot = test_snapshot(12345, 0);
    search_recording(&recording, snapshot, SEARCH_ALL);
    const Owner *owner = snapshot->listeners[0].owner;
    cr_assert_eq(owner->n_holders, 2);
    cr_assert(owner->unit == NULL);
    snapshot_free(snapshot);
    recording_done(&recording);
}

Test(recording, a_missing_proc_is_told) {
    OwnerSources sources = {.proc_fd = -1, .cgroup_fd = -1, .root_fd = -1};
    OwnerSearch *search;
    Snapshot *snapshot = test_snapshot(12345, 0);
    cr_assert(owner_search_new(&sources, snapshot, &search) == 0);
    cr_assert(owner_search_run(search, SEARCH_ALL) == 0);
    cr_assert(strstr(snapshot->listeners[0].owner->note, "/proc could not be read"));
    owner_search_free(search);
    snapshot_free(snapshot);
    cr_assert(owner_sources_open("/nowhere/at/all", &sources) < 0);
}
