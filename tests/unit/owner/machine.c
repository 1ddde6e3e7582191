/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/kernel_program.h"
#include "owner/search.h"
#include "util/memory.h"

int test_listen(uint32_t *ret_inode) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0);
    cr_assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    cr_assert(listen(fd, 1) == 0);
    *ret_inode = test_inode(fd);
    return fd;
}

uint32_t test_inode(int fd) {
    struct stat st;
    cr_assert(fstat(fd, &st) == 0);
    return (uint32_t)st.st_ino;
}

size_t test_add(Snapshot *snapshot, uint32_t inode, uint64_t cgroup_id) {
    size_t index = snapshot->n_listeners;
    Listener found = {
        .endpoint = {.proto = PROTO_TCP,
                     .address = {.family = AF_INET},
                     .port = (uint16_t)(index + 1)},
        .inode = inode,
        .cookie = index + 1,
        .cgroup_id = cgroup_id,
    };
    cr_assert(snapshot_add(snapshot, &found) == 1);
    return index;
}

Snapshot *test_snapshot(uint32_t inode, uint64_t cgroup_id) {
    Snapshot *snapshot = snapshot_new();
    cr_assert(snapshot);
    test_add(snapshot, inode, cgroup_id);
    return snapshot;
}

bool test_open_links(OwnerSources *sources) {
    int wanted;

    sources->fds_link = kernel_open_fds();
    if (sources->fds_link < 0) {
        sources->fds_link = 0;
        return false;
    }
    int link = kernel_open_processes(&wanted);
    cr_assert_geq(link, 0);
    cr_assert_eq(process_reader_new(link, wanted, &sources->processes), 0);
    return true;
}

bool test_search_by(Snapshot *snapshot, SearchDepth depth, TestWay way) {
    OwnerSources sources;
    OwnerSearch *search;
    cr_assert(owner_sources_open(NULL, &sources) == 0);
    bool can = way != TEST_LINKS || test_open_links(&sources);
    cr_assert(owner_search_new(&sources, snapshot, &search) == 0);
    search->iterate_min = way == TEST_WALK ? UINT_MAX : 0;
    cr_assert(owner_search_run(search, depth) == 0);
    owner_search_free(search);
    owner_sources_close(&sources);
    return can;
}

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Skips programs without a path: /proc has no path longer than PATH_MAX, the iterator does. */
static void expect_same_program(const Holder *a, const Holder *b) {
    if (!a->exe)
        return;
    cr_assert_eq(a->exe_state, b->exe_state, "%s %d, %s %d", a->exe, (int)a->exe_state, b->exe,
                 (int)b->exe_state);
    cr_assert(same_text(a->exe, b->exe), "%s, %s", a->exe, b->exe);
    cr_assert(same_text(a->cwd, b->cwd) && same_text(a->comm, b->comm));
    cr_assert(a->uid == b->uid && a->group == b->group);
    /* The walk returns the start time of the thread whose table it read. */
    cr_assert(a->start >= b->start && a->start - b->start < 500, "%" PRIu64 ", %" PRIu64, a->start,
              b->start);
    cr_assert_eq(a->exe_deleted, b->exe_deleted);
    cr_assert(a->exe_state != EXE_VERIFIED || file_id_equal(&a->exe_id, &b->exe_id));
    cr_assert(a->cmdline && b->cmdline && strv_length(a->cmdline) == strv_length(b->cmdline));
    for (size_t i = 0; a->cmdline[i]; i++)
        cr_assert_str_eq(a->cmdline[i], b->cmdline[i]);
}

/* Both searches were for the same sockets, at the same time. */
static void expect_same_holders(const Snapshot *one, const Snapshot *other) {
    for (size_t i = 0; i < other->n_sockets; i++) {
        const Owner *a = one->listeners[i].owner;
        const Owner *b = other->listeners[other->sockets[i].listener].owner;
        if (other->listeners[other->sockets[i].listener].n_sockets > 1)
            continue;
        cr_assert_eq(a->n_holders_seen, b->n_holders_seen, "%zu, %zu", a->n_holders_seen,
                     b->n_holders_seen);
        for (size_t h = 0; h < a->n_holders; h++) {
            cr_assert(a->holders[h].pid == b->holders[h].pid &&
                      a->holders[h].fd == b->holders[h].fd);
            expect_same_program(&a->holders[h], &b->holders[h]);
        }
    }
}

static Snapshot *make_twin(const Snapshot *snapshot) {
    Snapshot *twin = snapshot_new();
    cr_assert(twin);
    for (size_t i = 0; i < snapshot->n_sockets; i++)
        test_add(twin, snapshot->sockets[i].inode,
                 snapshot->listeners[snapshot->sockets[i].listener].cgroup_id);
    return twin;
}

void test_search(Snapshot *snapshot) {
    Snapshot *walked = make_twin(snapshot), *linked = make_twin(snapshot);

    test_search_by(walked, SEARCH_ALL, TEST_WALK);
    test_search_by(snapshot, SEARCH_ALL, TEST_ITERATE);
    expect_same_holders(walked, snapshot);
    if (test_search_by(linked, SEARCH_ALL, TEST_LINKS))
        expect_same_holders(walked, linked);
    snapshot_free(walked);
    snapshot_free(linked);
}

bool test_can_iterate(void) {
    int fd = fd_iterator_open(0);
    if (fd >= 0)
        close(fd);
    return USE_BPF && fd >= 0 && test_sees_all_pids();
}

bool test_sees_all_pids(void) {
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == 0xEFFFFFFC /* PROC_PID_INIT_INO */;
}

TestChild test_child(void (*body)(void *userdata), void *userdata) {
    int ready[2], hold[2];
    cr_assert(pipe(ready) == 0 && pipe(hold) == 0);
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        char c;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ready[0]);
        close(hold[1]);
        body(userdata);
        close(ready[1]);
        while (read(hold[0], &c, 1) < 0)
            ;
        _exit(0);
    }
    char c;
    close(ready[1]);
    close(hold[0]);
    cr_assert(read(ready[0], &c, 1) == 0);
    close(ready[0]);
    return (TestChild){.pid = pid, .hold = hold[1]};
}

void test_child_end(TestChild *child) {
    close(child->hold);
    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
}

const Holder *test_holder(const Owner *owner, pid_t pid) {
    for (size_t i = 0; i < owner->n_holders; i++)
        if (owner->holders[i].pid == pid)
            return &owner->holders[i];
    return NULL;
}

void test_cannot_run(const char *why) {
    const char *ci = getenv("CI");
    cr_assert(!ci || !*ci, "can't run here, which CI does not allow: %s", why);
    cr_skip_test("%s", why);
}
