/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of a search. A socket's cgroup at its creation is most often that of its holder now:
 * the processes there come first, then the rest of /proc, for as long as something is missing;
 * then the threads that have fd tables of their own.
 */
#include "owner/search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "owner/proc_parse.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* Command lines of one search are kept whole up to this sum; then they are cut (visit.c). */
#define CMDLINE_BUDGET (16u << 20)

/*
 * So many processes make the iterator worth its start: libbpf takes 13 ms to load it, and a walk
 * through /proc some 60 µs a process of 50 fds (tests/bench, owners). One that is loaded costs 0.4
 * ms.
 */
#define ITERATE_PROCESSES_MIN 220
#define ITERATE_LOADED_MIN    20

OwnerSearch *owner_search_free(OwnerSearch *search) {
    if (!search)
        return NULL;
    for (size_t i = 0; search->listeners && i < search->snapshot->n_listeners; i++)
        free(search->listeners[i].holder_cgroup);
    cgroup_resolver_done(&search->cgroups);
    idmap_done(&search->wanted);
    idmap_done(&search->visited);
    idmap_done(&search->kept_of_user);
    free(search->same);
    free(search->held);
    free(search->listeners);
    free(search->pids);
    free(search);
    return NULL;
}

static int want_sockets(OwnerSearch *search) {
    const Snapshot *snapshot = search->snapshot;

    for (uint32_t i = 0; i < snapshot->n_sockets; i++) {
        const Socket *socket = &snapshot->sockets[i];
        uint32_t *first;
        search->same[i] = NO_SOCKET;
        /* No inode: it has no file and so no holder. A forward has neither. */
        if (socket->inode == 0 || search->listeners[socket->listener].given)
            continue;
        int r = idmap_add(&search->wanted, socket->inode, i, &first);
        if (r < 0)
            return r;
        if (r == 0) {
            search->same[i] = search->same[*first];
            search->same[*first] = i;
        }
        search->n_missing++;
    }
    return 0;
}

static int resolve_cgroups(OwnerSearch *search) {
    const Snapshot *snapshot = search->snapshot;
    _cleanup_free_ uint64_t *ids = calloc(snapshot->n_listeners + 1, sizeof(*ids));
    size_t n_ids = 0;
    if (!ids)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        if (!search->listeners[i].given && snapshot->listeners[i].cgroup_id != 0)
            ids[n_ids++] = snapshot->listeners[i].cgroup_id;
    return cgroups_resolve(&search->cgroups, ids, n_ids);
}

static int make_owners(OwnerSearch *search) {
    Snapshot *snapshot = search->snapshot;
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        Listener *listener = &snapshot->listeners[i];
        if (search->listeners[i].given)
            continue;
        listener->owner = owner_new();
        if (!listener->owner)
            return -ENOMEM;
        int r = search_set_origin(search, listener, &search->listeners[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

int owner_search_new(const OwnerSources *sources, Snapshot *snapshot, OwnerSearch **ret) {
    _cleanup_owner_search_ OwnerSearch *search = calloc(1, sizeof(*search));
    if (!search)
        return -ENOMEM;
    search->sources = *sources;
    search->snapshot = snapshot;
    search->cgroups.fd = sources->cgroup_fd;
    search->cmdline_budget = CMDLINE_BUDGET;
    search->iterate_min = sources->fds_link > 0 ? ITERATE_LOADED_MIN : ITERATE_PROCESSES_MIN;
    search->same = calloc(snapshot->n_sockets + 1, sizeof(*search->same));
    search->held = calloc(snapshot->n_sockets + 1, sizeof(*search->held));
    search->listeners = calloc(snapshot->n_listeners + 1, sizeof(*search->listeners));
    if (!search->same || !search->held || !search->listeners)
        return -ENOMEM;

    for (size_t i = 0; i < snapshot->n_listeners; i++)
        search->listeners[i].given = snapshot->listeners[i].owner != NULL;
    int r = want_sockets(search);
    if (r >= 0)
        r = resolve_cgroups(search);
    if (r >= 0)
        r = make_owners(search);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(search);
    return 0;
}

/* Lists /proc, once. Those that start later are looked at afterwards (newcomers.c). */
static int list_processes(OwnerSearch *search) {
    if (search->listed)
        return 0;
    search->listed = true;
    int fd = openat(search->sources.proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        search->list_error = -errno;
        return 0;
    }
    _cleanup_closedir_ DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -ENOMEM;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        int pid;
        if (proc_number_parse(entry->d_name, &pid) < 0)
            continue;
        int r = ARRAY_RESERVE(search->pids, search->pids_allocated, search->n_pids + 1);
        if (r < 0)
            return r;
        search->pids[search->n_pids++] = pid;
    }
    return 0;
}

/* Whether the listener's cgroup leads to its processes: the root's are everyone's. */
static bool cgroup_guides(const Cgroup *cgroup) {
    return cgroup && cgroup->path && cgroup->path[1] != '\0';
}

static int visit_cgroups(OwnerSearch *search) {
    _cleanup_free_ pid_t *pids = NULL;
    size_t n_pids = 0, allocated = 0;

    if (search->cgroups_done)
        return 0;
    search->cgroups_done = true;
    for (size_t i = 0; i < search->cgroups.n_cgroups; i++) {
        const Cgroup *cgroup = &search->cgroups.cgroups[i];
        if (!cgroup_guides(cgroup))
            continue;
        int r = cgroup_read_processes(&search->cgroups, cgroup, &pids, &n_pids, &allocated);
        if (r == -ENOMEM)
            return r;
    }
    for (size_t i = 0; i < n_pids; i++) {
        int r = search_visit_process(search, pids[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

bool search_is_finished(const OwnerSearch *search) {
    return search->iterated || (search->listed && search->next_pid == search->n_pids &&
                                search->next_threads == search->n_pids);
}

static int visit_rest(OwnerSearch *search, bool to_the_end) {
    int r = list_processes(search);
    while (r >= 0 && search->next_pid < search->n_pids && (to_the_end || search->n_missing > 0))
        r = search_visit_process(search, search->pids[search->next_pid++]);
    if (r < 0 || search->next_pid < search->n_pids)
        return r;
    while (r >= 0 && search->next_threads < search->n_pids && (to_the_end || search->n_missing > 0))
        r = search_visit_threads(search, search->pids[search->next_threads++]);
    return r;
}

/* Without cgroups to go by, half of a pass is looked at anyway, and units come from all holders. */
static bool is_unguided(const OwnerSearch *search) {
    for (size_t i = 0; i < search->cgroups.n_cgroups; i++)
        if (cgroup_guides(&search->cgroups.cgroups[i]))
            return false;
    return true;
}

int owner_search_hint(OwnerSearch *search, pid_t pid) {
    if (search->n_missing == 0 || search->sources.processes) /* one reading covers all processes */
        return 0;
    search->hinted = true;
    int r = search_visit_process(search, pid);
    search->hinted = false;
    return r;
}

int owner_search_run(OwnerSearch *search, SearchDepth depth) {
    Snapshot *snapshot = search->snapshot;
    bool is_done = search->n_missing == 0 && depth == SEARCH_FIRST;

    if (!is_done && search->newest_pid == 0)
        search->newest_pid = search_newest_pid(search);
    int r = search->n_missing > 0 || depth == SEARCH_ALL ? search_iterate(search, depth) : 0;

    if (r == 0 && depth == SEARCH_FIRST && search->n_missing > 0)
        r = visit_cgroups(search);
    if (r == 0 && (depth == SEARCH_ALL || search->n_missing > 0))
        r = visit_rest(search, depth == SEARCH_ALL || is_unguided(search));
    if (r >= 0 && search_is_finished(search))
        r = search_visit_newcomers(search);
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        if (search->listeners[i].given)
            continue;
        int concluded = search_conclude(search, &snapshot->listeners[i], &search->listeners[i]);
        if (r >= 0)
            r = concluded;
    }
    return r < 0 ? r : 0;
}
