/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One process of the search: which of the wanted sockets it holds, and then what it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "owner/file_identity.h"
#include "owner/proc_parse.h"
#include "owner/process.h"
#include "owner/search.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* What is kept of each command line once the search's budget is spent. */
#define CMDLINE_CUT 256

typedef struct Hit {
    int fd;
    uint32_t inode;
    uint32_t socket; /* the first that has this inode */
} Hit;

/* One fd table, looked through. */
typedef struct Visit {
    OwnerSearch *search;
    const struct FdRecord *seen; /* the record of the iterator over fds; NULL: not used */
    Hit *hits;
    size_t n_hits, hits_allocated;
} Visit;

static int visit_socket(void *userdata, int fd, uint32_t inode) {
    Visit *visit = userdata;
    const uint32_t *socket = idmap_find(&visit->search->wanted, inode);
    if (!socket)
        return 0;
    int r = ARRAY_RESERVE(visit->hits, visit->hits_allocated, visit->n_hits + 1);
    if (r < 0)
        return r;
    visit->hits[visit->n_hits++] = (Hit){.fd = fd, .inode = inode, .socket = *socket};
    /* Of who just called listen() the one fd is enough: a server may have many others. */
    return visit->search->hinted && visit->search->n_missing == 1;
}

/* Whether the fd still is that socket, now that the process has been read. */
static bool still_holds(int fd_directory, const Hit *hit) {
    char name[16];
    uint32_t inode;

    if (hit->fd < 0 || fd_directory < 0) /* in an io_uring, or closed even to root */
        return true;
    snprintf(name, sizeof(name), "%d", hit->fd);
    int kind = fd_read(fd_directory, name, &inode);
    /* EACCES: closed even to root, but the kernel itself said so (search_visit_records()). */
    return kind == -EACCES || (kind == FD_SOCKET && inode == hit->inode);
}

/*
 * When the socket was made, from the inode's change time, which no process can set back. Most
 * kernels leave it 0 for a socket; a changed one (fchown) can only seem younger.
 */
static void note_created(Owner *owner, int fd_directory, const Hit *hit) {
    char name[16];
    struct statx st;
    if (owner->created != 0 || hit->fd < 0 || fd_directory < 0)
        return;
    snprintf(name, sizeof(name), "%d", hit->fd);
    /* The fd may be a file by now, and its server may be away: it is not asked. */
    if (statx(fd_directory, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_CTIME,
              &st) == 0 &&
        S_ISSOCK(st.stx_mode) && st.stx_ctime.tv_sec > 0)
        owner->created = (usec_t)st.stx_ctime.tv_sec * USEC_PER_SEC + st.stx_ctime.tv_nsec / 1000;
}

static bool same_exe(const Holder *a, const Holder *b) {
    return a->exe_state == b->exe_state && file_id_equal(&a->exe_id, &b->exe_id) && a->exe &&
           b->exe && strcmp(a->exe, b->exe) == 0;
}

/* Whether another holder of that user may be kept: 1 or 0; -ENOMEM. Counts it if so. */
static int may_keep(OwnerSearch *search, uid_t uid) {
    uint32_t *count;
    int r = idmap_add(&search->kept_of_user, uid, 0, &count);
    if (r < 0)
        return r;
    if (*count >= HOLDERS_OF_USER_MAX || (uid != 0 && search->n_kept >= HOLDERS_OF_USERS_MAX))
        return 0;
    ++*count;
    search->n_kept += uid != 0;
    return 1;
}

/* Most have one, and stay for long in the daemon: room for eight would be most of what it takes. */
static int reserve_holder(Owner *owner, ListenerState *state) {
    if (owner->n_holders > 0)
        return ARRAY_RESERVE(owner->holders, state->holders_allocated, owner->n_holders + 1);
    if (state->holders_allocated > 0)
        return 0;
    owner->holders = malloc(sizeof(*owner->holders));
    state->holders_allocated = owner->holders ? 1 : 0;
    return owner->holders ? 0 : -ENOMEM;
}

/* Keeps the holder for a listener, or counts it. */
static int add_holder(OwnerSearch *search, Owner *owner, ListenerState *state, Holder *holder) {
    /* A ring may have it in several slots, and several threads may share a table of their own. */
    for (size_t i = 0; i < owner->n_holders; i++)
        if (owner->holders[i].pid == holder->pid && owner->holders[i].fd == holder->fd)
            return 0;

    owner->n_holders_seen++;
    int keep = owner->n_holders == HOLDERS_MAX ? 0 : may_keep(search, holder->uid);
    if (keep < 0)
        return keep;
    if (keep == 0 && owner->n_holders > 0) {
        /* Another worker of the same program says nothing new to a rule. */
        for (size_t i = 0; i < owner->n_holders; i++)
            if (same_exe(&owner->holders[i], holder))
                return 0;
        state->truncated = true;
        return 0;
    }
    int r = reserve_holder(owner, state);
    if (r >= 0)
        r = holder_share(holder, &owner->holders[owner->n_holders]);
    if (r < 0)
        return r;
    owner->n_holders++;
    return 0;
}

/* Takes note of the process's own cgroup where the socket's tells nothing. */
static int note_cgroup(ListenerState *state, int process_fd, char **cgroup) {
    if (!state->wants_cgroup || state->cgroup_differs)
        return 0;
    if (!*cgroup) {
        int r = process_read_cgroup(process_fd, cgroup);
        if (r < 0)
            return r == -ENOMEM ? r : 0;
    }
    if (!state->holder_cgroup) {
        state->holder_cgroup = strdup(*cgroup);
        return state->holder_cgroup ? 0 : -ENOMEM;
    }
    state->cgroup_differs = strcmp(state->holder_cgroup, *cgroup) != 0;
    return 0;
}

static int keep_hit(OwnerSearch *search, const Hit *hit, int fd_directory, int process_fd,
                    Holder *holder, bool unreadable, char **cgroup) {
    for (uint32_t i = hit->socket; i != NO_SOCKET; i = search->same[i]) {
        uint32_t index = search->snapshot->sockets[i].listener;
        ListenerState *state = &search->listeners[index];
        Owner *owner = search->snapshot->listeners[index].owner;

        if (!search->held[i]) {
            search->held[i] = true;
            search->n_missing--;
        }
        holder->fd = hit->fd;
        state->unreadable |= unreadable;
        note_created(owner, fd_directory, hit);
        int r = add_holder(search, owner, state, holder);
        if (r >= 0)
            r = note_cgroup(state, process_fd, cgroup);
        if (r < 0)
            return r;
    }
    return 0;
}

static size_t holder_cmdline_size(const Holder *holder) {
    size_t size = 0;
    for (char **argument = holder->cmdline; argument && *argument; argument++)
        size += strlen(*argument) + 1;
    return size;
}

/* Reads the process behind the hits and makes it a holder of each. */
static int keep_hits(Visit *visit, pid_t pid, int fd_directory, int process_fd) {
    OwnerSearch *search = visit->search;
    const ProcessWish wish = {
        .pid = pid,
        .process_fd = process_fd,
        .cmdline_max = search->cmdline_budget > 0 ? CMDLINE_BYTES_MAX : CMDLINE_CUT,
        .patience_msec = PROCESS_PATIENCE_MSEC,
        .seen = visit->seen,
    };
    _cleanup_free_ char *cgroup = NULL;
    _cleanup_holder_ Holder holder = {};
    int error = 0;

    int r = process_read(&search->sources, &wish, &holder, &error);
    if (r < 0)
        return r == -ESRCH ? 0 : r;

    size_t size = holder_cmdline_size(&holder);
    for (size_t i = 0; i < visit->n_hits; i++) {
        if (!still_holds(fd_directory, &visit->hits[i]))
            continue;
        r = keep_hit(search, &visit->hits[i], fd_directory, process_fd, &holder, error < 0,
                     &cgroup);
        if (r < 0)
            return r;
    }
    if (holder.shared) /* was kept, once for all hits */
        search->cmdline_budget -= size < search->cmdline_budget ? size : search->cmdline_budget;
    return 0;
}

/* `..` of the table that was read: the same process, even if its pid is another's by now. */
static int keep_hits_of_table(Visit *visit, pid_t pid, int fd_directory) {
    if (visit->n_hits == 0)
        return 0;
    _cleanup_close_ int process_fd = openat(fd_directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return process_fd < 0 ? 0 : keep_hits(visit, pid, fd_directory, process_fd);
}

static int visit_table(OwnerSearch *search, pid_t pid, int fd_directory) {
    Visit visit = {.search = search};
    FdVisitor visitor = {
        .socket = visit_socket, .userdata = &visit, .newest_first = search->hinted};

    int r = fds_visit(fd_directory, &visitor);
    search->ring_busy |= visitor.ring_busy;
    if (r == -EACCES || r == -EPERM)
        search->denied = true;
    if (r != -ENOMEM)
        r = keep_hits_of_table(&visit, pid, fd_directory);
    free(visit.hits);
    return r;
}

int search_visit_table(OwnerSearch *search, pid_t pid, const char *path) {
    _cleanup_close_ int fd =
        openat(search->sources.proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return visit_table(search, pid, fd);
    if (errno != ENOENT && errno != ESRCH)
        search->denied = true;
    return 0;
}

int search_visit_process(OwnerSearch *search, pid_t pid) {
    char path[32];
    int r = idmap_add(&search->visited, (uint64_t)pid, 0, NULL);
    if (r <= 0)
        return r;
    snprintf(path, sizeof(path), "%d/fd", (int)pid);
    return search_visit_table(search, pid, path);
}

/* Visits one record: a socket, or an io_uring whose files /proc lists. */
static int visit_record(FdVisitor *visitor, int fd_directory, const struct FdRecord *record) {
    char name[16];
    if (record->inode != 0)
        return visitor->socket(visitor->userdata, record->in_ring ? -1 : (int)record->fd,
                               (uint32_t)record->inode);
    if (fd_directory < 0 || !record->in_ring) {
        visitor->ring_busy = true;
        return 0;
    }
    snprintf(name, sizeof(name), "%u", record->fd);
    int r = io_uring_visit(fd_directory, name, visitor);
    if (r < 0 && r != -ENOMEM && r != -ENOENT && r != -ESRCH)
        visitor->ring_busy = true;
    return r == -ENOMEM ? r : 0;
}

int search_visit_records(OwnerSearch *search, const struct FdRecord *records, size_t n) {
    Visit visit = {.search = search, .seen = records};
    FdVisitor visitor = {.socket = visit_socket, .userdata = &visit};
    pid_t pid = (pid_t)records->pid;
    char path[64];
    int r = 0;

    snprintf(path, sizeof(path), "%u/task/%u", records->pid, records->tid);
    if (records->pid == records->tid)
        snprintf(path, sizeof(path), "%u", records->pid);
    _cleanup_close_ int process_fd =
        openat(search->sources.proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_fd < 0 && !search->sources.processes)
        return 0;
    _cleanup_close_ int fd_directory =
        search->sources.processes ? -1
                                  : openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < n && r >= 0; i++)
        r = visit_record(&visitor, fd_directory, &records[i]);
    search->ring_busy |= visitor.ring_busy;
    if (r >= 0 && visit.n_hits > 0)
        r = keep_hits(&visit, pid, fd_directory, process_fd);
    free(visit.hits);
    return r;
}
