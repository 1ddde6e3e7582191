/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a process that was seen at listen() alone; its cgroup is not its own word. */
#include "owner/witness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "util/cleanup.h"
#include "util/memory.h"

#define SOME_USER 4711

/* `sockauditwitnessPID.slice/ssh.service` in the running kernel's tree of cgroups. */
typedef struct Tree {
    OwnerSources sources;
    char slice[64], unit[128];
} Tree;

static Tree tree_new(void) {
    Tree tree;
    cr_assert(owner_sources_open(NULL, &tree.sources) == 0);
    snprintf(tree.slice, sizeof(tree.slice), "sockauditwitness%d.slice", (int)getpid());
    snprintf(tree.unit, sizeof(tree.unit), "%s/ssh.service", tree.slice);
    if (tree.sources.cgroup_fd < 0 || mkdirat(tree.sources.cgroup_fd, tree.slice, 0755) < 0) {
        owner_sources_close(&tree.sources);
        test_cannot_run("no cgroup can be made");
    }
    cr_assert(mkdirat(tree.sources.cgroup_fd, tree.unit, 0755) == 0);
    return tree;
}

static void tree_done(Tree *tree) {
    for (unsigned try = 0; try < 3000; try++) {
        unlinkat(tree->sources.cgroup_fd, tree->unit, AT_REMOVEDIR);
        if (unlinkat(tree->sources.cgroup_fd, tree->slice, AT_REMOVEDIR) == 0)
            break;
        usleep(10000); /* a process that was killed leaves it when it pleases */
    }
    owner_sources_close(&tree->sources);
}

static void enter(void *userdata) {
    const Tree *tree = userdata;
    char path[256];
    snprintf(path, sizeof(path), "%s/cgroup.procs", tree->unit);
    int fd = openat(tree->sources.cgroup_fd, path, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && write(fd, "0", 1) == 1);
    close(fd);
}

static Owner *owner_of(const Tree *tree, const Witnessed *witnessed) {
    Owner *owner;
    cr_assert_eq(witness_owner(witnessed, tree->sources.cgroup_fd, &owner), 0);
    return owner;
}

Test(witness, a_cgroup_names_its_unit_only_where_root_made_it) {
    Tree tree = tree_new();
    TestChild child = test_child(enter, &tree);
    _cleanup_(witnessed_cleanup) Witnessed *witnessed = NULL;

    cr_assert_eq(
        witness_take(tree.sources.proc_fd, tree.sources.root_fd, child.pid, child.pid, &witnessed),
        0);
    cr_assert(witnessed->cgroup && strcmp(witnessed->cgroup + 1, tree.unit) == 0, "%s",
              witnessed->cgroup);
    Owner *owner = owner_of(&tree, witnessed);
    cr_assert(owner->unit && strcmp(owner->unit, "ssh.service") == 0);
    owner_unref(owner);

    /* The same path where a user can make directories of any name. */
    cr_assert(fchownat(tree.sources.cgroup_fd, tree.slice, SOME_USER, SOME_USER, 0) == 0);
    owner = owner_of(&tree, witnessed);
    cr_assert_null(owner->unit);
    cr_assert(strcmp(owner->cgroup + 1, tree.unit) == 0);
    owner_unref(owner);

    /* Gone with its process, the leaf is still the word of who may write above it. */
    test_child_end(&child);
    cr_assert(fchownat(tree.sources.cgroup_fd, tree.slice, 0, 0, 0) == 0);
    for (unsigned try = 0;
         unlinkat(tree.sources.cgroup_fd, tree.unit, AT_REMOVEDIR) < 0 && try < 3000; try++)
        usleep(10000);
    owner = owner_of(&tree, witnessed);
    cr_assert(owner->unit && strcmp(owner->unit, "ssh.service") == 0);
    owner_unref(owner);
    tree_done(&tree);
}

/* Where this process, a listener, is said to work, when `seen` is what is known of it. */
static char *hinted_cwd(const OwnerSources *sources, Witnessed *seen) {
    OwnerSearch *search;
    uint32_t inode;
    int fd = test_listen(&inode);
    Snapshot *snapshot = test_snapshot(inode, 0);

    cr_assert_eq(owner_search_new(sources, snapshot, &search), 0);
    cr_assert_eq(owner_search_hint(search, getpid(), seen), 0);
    cr_assert_eq(owner_search_run(search, SEARCH_FIRST), 0);
    const Holder *holder = test_holder(snapshot->listeners[0].owner, getpid());
    cr_assert(holder && holder->fd == fd && holder->exe && holder->cmdline && holder->cwd);
    char *cwd = strdup(holder->cwd);
    owner_search_free(search);
    snapshot_free(snapshot);
    close(fd);
    return cwd;
}

static void expect_read_again(const OwnerSources *sources, Witnessed *seen, bool again) {
    _cleanup_free_ char *cwd = hinted_cwd(sources, seen);
    cr_expect((strcmp(cwd, "seen") != 0) == again, "%s", cwd);
}

/* What is seen of a process, but for where it works: by that shows what was read again. */
static Witnessed *witness_of(const OwnerSources *sources, pid_t pid) {
    Witnessed *witnessed;
    cr_assert_eq(witness_take(sources->proc_fd, sources->root_fd, pid, pid, &witnessed), 0);
    /* A witness waits for 20 ms, which this process, other than a reader, may have to spend waiting
     * for its turn; and half a minute passes until it tries again what was too slow once. */
    for (unsigned try = 0; !witnessed->whole && try < 9000; try++) {
        witnessed_free(witnessed);
        usleep(10000);
        cr_assert_eq(witness_take(sources->proc_fd, sources->root_fd, pid, pid, &witnessed), 0);
    }
    cr_assert(witnessed->whole);
    free(witnessed->holder.cwd);
    witnessed->holder.cwd = strdup("seen");
    return witnessed;
}

Test(witness, what_a_reader_saw_is_not_read_again_while_the_program_is_the_same) {
    OwnerSources sources;
    cr_assert_eq(owner_sources_open(NULL, &sources), 0);

    Witnessed *witnessed = witness_of(&sources, getpid());
    expect_read_again(&sources, witnessed, false);
    expect_read_again(&sources, witnessed, false); /* its texts are shared by now */
    witnessed_free(witnessed);

    witnessed = witness_of(&sources, getpid());
    witnessed->holder.start++;
    expect_read_again(&sources, witnessed, true);
    witnessed_free(witnessed);

    witnessed = witness_of(&sources, getpid());
    witnessed->holder.comm[0] ^= 1;
    expect_read_again(&sources, witnessed, true);
    witnessed_free(witnessed);

    witnessed = witness_of(&sources, getpid());
    witnessed->holder.exe[1] ^= 1;
    expect_read_again(&sources, witnessed, true);
    witnessed_free(witnessed);

    /* Another file of the same name: replaced, or in another mount namespace. */
    witnessed = witness_of(&sources, getpid());
    witnessed->holder.exe_id.inode++;
    expect_read_again(&sources, witnessed, true);
    witnessed_free(witnessed);
    owner_sources_close(&sources);
}

/* A process that listens, and what a reader sees of it. */
typedef struct Seen {
    OwnerSources sources;
    TestChild child;
    int fd; /* of the child */
    uint32_t inode;
    Witnessed *witnessed;
    Snapshot *snapshot;
} Seen;

static void open_files(void *n_files) {
    for (int i = 0; i < *(int *)n_files; i++)
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
            abort();
}

/* It has opened so many files since. */
static Seen see_listener(int n_files) {
    Seen seen = {};
    cr_assert_eq(owner_sources_open(NULL, &seen.sources), 0);
    seen.fd = test_listen(&seen.inode);
    seen.child = test_child(open_files, &n_files);
    close(seen.fd);
    seen.witnessed = witness_of(&seen.sources, seen.child.pid);
    seen.snapshot = test_snapshot(seen.inode, 0);
    return seen;
}

static void seen_done(Seen *seen) {
    test_child_end(&seen->child);
    snapshot_free(seen->snapshot);
    witnessed_free(seen->witnessed);
    owner_sources_close(&seen->sources);
}

/* Who holds it is found, and whether it was read again. */
static void expect_found(const Seen *seen, bool again) {
    _cleanup_owner_search_ OwnerSearch *search = NULL;

    cr_assert_eq(owner_search_new(&seen->sources, seen->snapshot, &search), 0);
    cr_assert_eq(owner_search_hint(search, seen->child.pid, seen->witnessed), 0);
    cr_assert_eq(owner_search_run(search, SEARCH_FIRST), 0);
    const Holder *holder = test_holder(seen->snapshot->listeners[0].owner, seen->child.pid);
    cr_assert(holder && holder->exe && holder->cmdline && holder->cwd);
    cr_expect_eq(holder->fd, seen->fd);
    cr_expect_eq(strcmp(holder->cwd, "seen") != 0, again);
}

Test(witness, a_listener_among_the_newest_fds_is_seen_to_be_held) {
    Seen seen = see_listener(2);

    cr_assert_geq(seen.witnessed->n_sockets, 1);
    cr_assert_eq(seen.witnessed->sockets[0].inode, seen.inode);
    cr_assert_eq(seen.witnessed->sockets[0].fd, seen.fd);
    /* By what was seen alone: that it has another name is noticed by who reads it. */
    seen.witnessed->holder.comm[0] ^= 1;
    expect_found(&seen, false);
    seen_done(&seen);
}

Test(witness, what_is_held_at_another_fd_by_now_is_looked_for) {
    Seen seen = see_listener(0);

    seen.witnessed->sockets[0].fd += 100;
    seen.witnessed->holder.comm[0] ^= 1;
    expect_found(&seen, true);
    seen_done(&seen);
}

Test(witness, what_another_program_holds_is_not_taken_for_its_predecessors) {
    Seen seen = see_listener(0);

    seen.witnessed->holder.exe_id.inode++;
    expect_found(&seen, true);
    seen_done(&seen);
}

Test(witness, what_was_not_seen_whole_is_read_again) {
    Seen seen = see_listener(0);

    seen.witnessed->whole = false;
    expect_found(&seen, true);
    seen_done(&seen);
}

/* Of a large table, and of many files that are newer, a reader does not go through all. */
Test(witness, a_reader_looks_at_few_fds) {
    static const int n_files[] = {20, 200};

    for (size_t i = 0; i < ELEMENTS(n_files); i++) {
        Seen seen = see_listener(n_files[i]);
        cr_expect_eq(seen.witnessed->n_sockets, 0, "%d", n_files[i]);
        expect_found(&seen, false);
        seen_done(&seen);
    }
}

/* Another user than it began as, so that it may not be dumped and most in its /proc is root's. */
static void become_another(void *userdata) {
    (void)userdata;
    cr_assert_eq(setresuid(SOME_USER + 1, SOME_USER, SOME_USER + 2), 0);
    cr_assert_eq(prctl(PR_GET_DUMPABLE), 0);
}

Test(witness, the_effective_user_is_told_of_who_may_not_be_dumped) {
    if (geteuid() != 0)
        test_cannot_run("needs root");
    OwnerSources sources;
    cr_assert_eq(owner_sources_open(NULL, &sources), 0);
    TestChild child = test_child(become_another, NULL);
    _cleanup_(witnessed_cleanup) Witnessed *witnessed = NULL;

    cr_assert_eq(witness_take(sources.proc_fd, sources.root_fd, child.pid, child.pid, &witnessed),
                 0);
    cr_assert_eq(witnessed->holder.uid, SOME_USER);
    cr_assert(witnessed->whole);
    test_child_end(&child);
    owner_sources_close(&sources);
}

Test(witness, what_was_not_seen_has_no_holder) {
    Owner *owner;
    cr_assert_eq(witness_owner(NULL, -1, &owner), 0);
    cr_assert_eq(owner->n_holders, 0);
    cr_assert_eq(owner->attribution, ATTRIBUTION_NONE);
    cr_assert_not_null(owner->note);
    owner_unref(owner);
}
