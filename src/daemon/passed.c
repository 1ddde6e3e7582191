/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service may neither open a netlink socket in the host's network namespace nor load a program
 * into the kernel. A program that may (`--pass-sockets`) does so before it, and the service manager
 * keeps the file descriptors.
 *
 * The sockets are for one daemon: half of an answer may wait in them. The program in the kernel
 * stays after its daemon, and its ring buffer with it: the next daemon has a program of its own,
 * and first reads what the one before left. So each program's fds have a stamp in their names.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "bpf/kernel_program.h"
#include "collect/netns.h"
#include "daemon/daemon.h"
#include "owner/owners.h"
#include "util/cleanup.h"

#define KEPT_WITHIN (5 * USEC_PER_SEC)

/* Programs whose rings no daemon has read: each daemon that failed to start leaves one. */
#define PROGRAMS_MAX 16
#define NAME_SIZE    80

/* The fds of the BPF iterators. They need no stamp, because iterators keep no records. */
typedef enum Iterator { FDS_LINK, PROCESSES_LINK, PROCESSES_WANTED_MAP, ITERATOR_FDS } Iterator;
static const char *const iterator_names[ITERATOR_FDS] = {
    [FDS_LINK] = "fds-link",
    [PROCESSES_LINK] = "processes-link",
    [PROCESSES_WANTED_MAP] = "processes-wanted",
};
/* The name of an fd that reports why there is no program, or none for UDP. */
#define FAILED_FORMAT "events-failed-%u-%d"

typedef struct Program {
    uint64_t stamp;
    KernelHandles handles;
} Program;

struct Passed {
    NetHandles sockets;
    int iterators[ITERATOR_FDS]; /* 0: none */
    KernelFailure failure;
    Program programs[PROGRAMS_MAX];
    size_t n_programs, newest;
};

static void have_removed(const char *name) {
    char state[NAME_SIZE + 40];
    snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);
    (void)sd_notify(0, state);
}

static void program_name(KernelHandle handle, uint64_t stamp, char ret[static NAME_SIZE]) {
    snprintf(ret, NAME_SIZE, "%s.%" PRIu64, kernel_handle_name(handle), stamp);
}

/* --- in the daemon -------------------------------------------------------------------------------
 */

static Program *find_program(Passed *passed, uint64_t stamp) {
    for (size_t i = 0; i < passed->n_programs; i++)
        if (passed->programs[i].stamp == stamp)
            return &passed->programs[i];
    if (passed->n_programs == PROGRAMS_MAX)
        return NULL;
    Program *program = &passed->programs[passed->n_programs++];
    program->stamp = stamp;
    kernel_handles_init(&program->handles);
    if (stamp >= passed->programs[passed->newest].stamp)
        passed->newest = passed->n_programs - 1;
    return program;
}

/* Takes an fd of a program. Returns whether it was one. */
static bool take_program(Passed *passed, const char *name, int fd) {
    for (KernelHandle i = 0; i < KERNEL_HANDLES; i++) {
        size_t length = strlen(kernel_handle_name(i));
        uint64_t stamp;
        if (strncmp(name, kernel_handle_name(i), length) != 0 ||
            sscanf(name + length, ".%" SCNu64, &stamp) != 1)
            continue;
        Program *program = find_program(passed, stamp);
        if (!program || program->handles.fds[i] >= 0)
            return false;
        program->handles.fds[i] = fd;
        return true;
    }
    return false;
}

/* Returns whether the fd is to be kept open. */
static bool take(Passed *passed, const char *name, int fd) {
    KernelFailure failure;

    if (take_program(passed, name, fd))
        return true;
    have_removed(name);
    if (sscanf(name, FAILED_FORMAT, (unsigned *)&failure.step, &failure.error) == 2 &&
        failure.step < KERNEL_STEPS) {
        failure.error = -failure.error;
        passed->failure = failure;
        return false;
    }
    for (Iterator i = 0; i < ITERATOR_FDS; i++)
        if (strcmp(name, iterator_names[i]) == 0 && passed->iterators[i] == 0) {
            passed->iterators[i] = fd;
            return true;
        }
    return net_handles_take(&passed->sockets, name, fd);
}

int passed_receive(Passed **ret) {
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    *ret = NULL;
    if (n <= 0)
        return n;
    Passed *passed = calloc(1, sizeof(*passed));
    if (passed) {
        net_handles_init(&passed->sockets);
        kernel_handles_init(&passed->programs[0].handles);
    }
    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (passed && !take(passed, names[i], fd))
            close(fd);
        free(names[i]);
    }
    free(names);
    if (!passed)
        return -ENOMEM;
    *ret = passed;
    return net_handles_complete(&passed->sockets) ? 1 : -EBADF;
}

Passed *passed_free(Passed *passed) {
    if (!passed)
        return NULL;
    net_handles_close(&passed->sockets);
    for (size_t i = 0; i < passed->n_programs; i++)
        kernel_handles_close(&passed->programs[i].handles);
    for (Iterator i = 0; i < ITERATOR_FDS; i++)
        if (passed->iterators[i] > 0)
            close(passed->iterators[i]);
    free(passed);
    return NULL;
}

const NetHandles *passed_sockets(const Passed *passed) {
    return passed ? &passed->sockets : NULL;
}

const KernelHandles *passed_program(const Passed *passed) {
    return passed ? &passed->programs[passed->newest].handles : NULL;
}

const KernelFailure *passed_failure(const Passed *passed) {
    return passed ? &passed->failure : NULL;
}

void passed_take_iterators(Passed *passed, OwnerSources *sources) {
    int *fds = passed->iterators;

    sources->fds_link = fds[FDS_LINK];
    /* If the iterators fail, the daemon reads the part of /proc that it can access. */
    if (fds[FDS_LINK] > 0 && fds[PROCESSES_LINK] > 0 && fds[PROCESSES_WANTED_MAP] > 0) {
        (void)process_reader_new(fds[PROCESSES_LINK], fds[PROCESSES_WANTED_MAP],
                                 &sources->processes);
        fds[PROCESSES_LINK] = fds[PROCESSES_WANTED_MAP] = 0;
    }
    fds[FDS_LINK] = 0;
}

static void end_program(Program *program) {
    char name[NAME_SIZE];

    kernel_handles_close(&program->handles);
    for (KernelHandle i = 0; i < KERNEL_HANDLES; i++) {
        program_name(i, program->stamp, name);
        have_removed(name);
    }
}

void passed_take_left(Passed *passed, void (*socket)(KernelEvent *event, void *data), void *data) {
    for (size_t i = 0; passed && i < passed->n_programs; i++) {
        Program *program = &passed->programs[i];
        if (i == passed->newest)
            continue;
        if (kernel_handles_work(&program->handles))
            (void)sources_read_left(&program->handles, socket, data);
        end_program(program);
    }
}

/* --- before the daemon ---------------------------------------------------------------------------
 */

static int say(int error, const char *what) {
    fprintf(stderr, "sockauditd: %s: %s\n", what, strerror(-error));
    return error;
}

/* A container's service manager may not have been able to make a namespace of our own: then there
 * is nothing to enter, and perhaps no right to. */
static int enter_first(const char *kind, int type) {
    char path[64];
    struct stat own, first;

    snprintf(path, sizeof(path), "/proc/1/ns/%s", kind);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", kind);
    if (fd < 0 || fstat(fd, &first) < 0 || stat(path, &own) < 0)
        return -errno;
    if (own.st_dev == first.st_dev && own.st_ino == first.st_ino)
        return 0;
    return setns(fd, type) < 0 ? -errno : 0;
}

/* FDPOLL=0: the service manager would drop a map's fd, which looks to it like one that hung up. */
static int keep(const char *name, int fd) {
    char state[NAME_SIZE + 40];

    snprintf(state, sizeof(state), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    int r = sd_pid_notify_with_fds(0, 0, state, &fd, 1);
    return r == 0 ? -ENOTCONN : r;
}

/* In the place of what is kept under that name from the last time, when no daemon came to take it.
 */
static int keep_instead(const char *name, int fd) {
    have_removed(name);
    return keep(name, fd);
}

static int keep_sockets(int proc_fd) {
    NetHandles handles;

    int r = net_handles_open(proc_fd, &handles);
    if (r < 0)
        return say(r, "Failed to open the sockets for events");
    for (NetHandle i = 0; i < HANDLE_COUNT && r >= 0; i++)
        if (handles.fds[i] >= 0)
            r = keep_instead(net_handle_name(i), handles.fds[i]);
    net_handles_close(&handles);
    return r < 0 ? say(r, "Failed to store the sockets in the service manager") : 0;
}

/* The daemon says what is missing, and polls. */
static void keep_failure(const KernelFailure *failure, int proc_fd) {
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), FAILED_FORMAT, (unsigned)failure->step, -failure->error);
    (void)keep_instead(name, proc_fd);
}

static int keep_iterators(void) {
    int fds[ITERATOR_FDS] = {-1, -1, -1}, r = 0;

    fds[FDS_LINK] = kernel_open_fds();
    fds[PROCESSES_LINK] = kernel_open_processes(&fds[PROCESSES_WANTED_MAP]);
    for (Iterator i = 0; i < ITERATOR_FDS; i++) {
        if (fds[i] < 0)
            continue;
        if (r >= 0)
            r = keep_instead(iterator_names[i], fds[i]);
        close(fds[i]);
    }
    return r;
}

static int keep_program(int proc_fd) {
    KernelHandles handles;
    KernelFailure failure;
    OwnerSources sources;
    uint64_t stamp = monotonic_now();

    int r = owner_sources_open(NULL, &sources);
    if (r < 0)
        return r;
    r = kernel_open_events((uint32_t)netns_current(proc_fd).inode, sources.cgroup_fd, &handles,
                           &failure);
    owner_sources_close(&sources);
    if (failure.error < 0)
        keep_failure(&failure, proc_fd);
    if (r < 0)
        return r;
    for (KernelHandle i = 0; i < KERNEL_HANDLES && r >= 0; i++) {
        char name[NAME_SIZE];
        program_name(i, stamp, name);
        if (handles.fds[i] >= 0)
            r = keep(name, handles.fds[i]);
    }
    kernel_handles_close(&handles);
    return r < 0 ? r : keep_iterators();
}

int passed_open(void) {
    _cleanup_close_ int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (proc_fd < 0)
        return say(-errno, "Failed to open /proc");
    int r = enter_first("net", CLONE_NEWNET);
    if (r < 0)
        return say(r, "Failed to enter the network namespace of process 1");
    /* The service manager runs even a privileged command in a copy of this mount namespace, which
     * ends with the command. The programs of other processes are not in that copy. */
    r = enter_first("mnt", CLONE_NEWNS);
    if (r < 0)
        return say(r, "Failed to enter the mount namespace of process 1");
    r = keep_sockets(proc_fd);
    if (r < 0)
        return r;
    r = keep_program(proc_fd);
    if (r < 0)
        (void)say(r, "Failed to load a program into the kernel");
    r = sd_notify_barrier(0, KEPT_WITHIN);
    return r < 0 ? say(r, "Failed to get an answer from the service manager") : 0;
}
