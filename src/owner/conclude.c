/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a search amounts to for one listener: where it belongs, how sure that is, and why. */
#include "owner/conclude.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "owner/cgroup_path.h"
#include "owner/forwarder.h"
#include "owner/search.h"
#include "util/cleanup.h"

/* Returns whether the search covers all users' processes: by the iterators, or with privileges. The
 * messages then do not recommend to run as root. */
static bool may_see_all(const OwnerSearch *search) {
    return (search->iterated && search->sources.processes) || owner_may_read_proc();
}

static const char cgroup_is_gone[] = "the cgroup of the socket was removed, so its unit is unknown";

int owner_set_cgroup(Owner *owner, const char *path, size_t owned_from) {
    CgroupIdentity identity;
    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    int r = cgroup_path_interpret(path, owned_from, &identity);
    if (r < 0)
        return r;

    free(owner->cgroup);
    free(owner->unit);
    free(owner->user_unit);
    free(owner->session);
    free(owner->container_id);
    free(owner->container_name);
    owner->cgroup = TAKE_PTR(copy);
    owner->unit = identity.unit;
    owner->user_unit = identity.user_unit;
    owner->session = identity.session;
    owner->runtime = identity.runtime;
    owner->container_id = identity.container_id;
    owner->container_name = identity.container_name;
    return 0;
}

int search_set_origin(OwnerSearch *search, Listener *listener, ListenerState *state) {
    const Cgroup *cgroup =
        listener->cgroup_id ? cgroup_find(&search->cgroups, listener->cgroup_id) : NULL;

    /* The root is where every process of a cgroup v1 host is (KERNEL.md 8). */
    state->wants_cgroup =
        !cgroup || search->cgroups.fd < 0 || (cgroup->path && strcmp(cgroup->path, "/") == 0);
    if (!cgroup || !cgroup->path)
        return 0;
    return owner_set_cgroup(listener->owner, cgroup->path, cgroup->owned_from);
}

static int compare_holders(const void *left, const void *right) {
    const Holder *a = left, *b = right;
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return (a->fd > b->fd) - (a->fd < b->fd);
}

/* The time of a start in clock ticks since boot. 0: unknown. */
static usec_t realtime_of_start(uint64_t start) {
    struct timespec real, boot;
    long ticks = sysconf(_SC_CLK_TCK);
    if (start == 0 || ticks <= 0 || clock_gettime(CLOCK_REALTIME, &real) < 0 ||
        clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
        return 0;
    int64_t booted = ((int64_t)real.tv_sec - boot.tv_sec) * (int64_t)USEC_PER_SEC +
                     (real.tv_nsec - boot.tv_nsec) / 1000;
    if (booted < 0 || start > UINT64_MAX / USEC_PER_SEC)
        return 0;
    return (usec_t)booted + start * USEC_PER_SEC / (uint64_t)ticks;
}

/*
 * The start of the holder that is there longest stands for the socket's age where the kernel does
 * not tell it: right for a program that listens when it starts.
 */
static void estimate_created(Owner *owner) {
    uint64_t first = 0;
    if (owner->created != 0)
        return;
    for (size_t i = 0; i < owner->n_holders; i++)
        if (owner->holders[i].start != 0 && (first == 0 || owner->holders[i].start < first))
            first = owner->holders[i].start;
    owner->created = realtime_of_start(first);
}

/*
 * Whether no process was left out. A /proc mounted with hidepid= does not list what it hides: pid 1
 * is the one that must be there, and is closed to all but those who may look at every other.
 */
static bool saw_every_process(const OwnerSearch *search) {
    if (!search_is_finished(search) || search->denied || search->ring_busy)
        return false;
    return (search->iterated || idmap_find(&search->visited, 1)) &&
           search_is_of_first_namespace(search);
}

static const char *why_closed(const OwnerSearch *search, const char *why) {
    return search->sources.is_service ? "the service cannot read processes of other users without "
                                        "BPF iterators (see sockauditd(8))"
                                      : why;
}

/* The reason, the weightiest first, for which no holder is known. */
static const char *why_none(const OwnerSearch *search, const Listener *listener) {
    if (listener->origin == ORIGIN_FORWARD)
        return "a forwarded port without a socket";
    if (listener->owner->unheld)
        return "no process has the socket (kernel-owned or in transit between processes)";
    if (search->list_error < 0)
        return "/proc could not be read";
    if (search->denied && !may_see_all(search))
        return why_closed(search, "probably a process of another user; run with sudo to see it");
    if (!may_see_all(search))
        return why_closed(search,
                          "no visible process has the socket; run with sudo to see all processes");
    if (search->denied)
        return "no readable process has the socket (a process that is closed to root, "
               "kernel-owned, or in transit between processes)";
    return "no visible process has the socket";
}

/* The reason for which something may be missing, or NULL: nothing is. */
static const char *why_partial(const OwnerSearch *search, const Listener *listener,
                               const ListenerState *state) {
    const Owner *owner = listener->owner;
    const Cgroup *cgroup =
        listener->cgroup_id ? cgroup_find(&search->cgroups, listener->cgroup_id) : NULL;

    if (!search_is_finished(search))
        return "not all processes were checked; others may have the socket, too";
    if (state->truncated)
        return "too many processes have the socket to list all of them";
    if (search->denied && !may_see_all(search))
        return why_closed(
            search, "processes of other users could not be checked; run with sudo to include them");
    if (search->denied)
        return "some processes are closed to root; they may have the socket, too";
    if (search->ring_busy)
        return "an io_uring was too busy to be checked, or a user has too many file descriptors; "
               "they may have the socket, too";
    if (state->unreadable)
        return "the process could not be read completely";
    if (state->cgroup_differs)
        return "the cgroup of the socket is unknown, and its processes are in several";
    if (state->holder_cgroup && owner->unit && strcmp(owner->cgroup, state->holder_cgroup) == 0)
        return "unit and container are those of the process, because the cgroup of the socket is "
               "unknown (cgroup v1)";
    if (cgroup && !cgroup->path && search->cgroups.fd >= 0)
        return cgroup->error == -ESTALE ? cgroup_is_gone
                                        : "the cgroup of the socket could not be read";
    return NULL;
}

/* A holder's own cgroup, where the socket's is not told: only when all holders are known, so that
 * a socket handed to a service does not become that service's. */
static int take_holder_cgroup(OwnerSearch *search, Owner *owner, ListenerState *state) {
    if (!state->holder_cgroup || state->cgroup_differs || !search_is_finished(search) ||
        strcmp(state->holder_cgroup, "/") == 0)
        return 0;
    return owner_set_cgroup(owner, state->holder_cgroup,
                            process_cgroup_owned_from(search->cgroups.fd, state->holder_cgroup));
}

int search_conclude(OwnerSearch *search, Listener *listener, ListenerState *state) {
    Owner *owner = listener->owner;

    if (owner->n_holders > 1)
        qsort(owner->holders, owner->n_holders, sizeof(*owner->holders), compare_holders);
    estimate_created(owner);
    int r = take_holder_cgroup(search, owner, state);
    if (r >= 0)
        r = forwarder_set_container(owner);
    if (r < 0)
        return r;

    owner->complete = search_is_finished(search) && !state->truncated;
    owner->unheld =
        owner->n_holders == 0 && listener->origin == ORIGIN_SOCKET && saw_every_process(search);
    const char *why =
        owner->n_holders == 0 ? why_none(search, listener) : why_partial(search, listener, state);
    owner->attribution = owner->n_holders == 0 ? ATTRIBUTION_NONE
                         : why                 ? ATTRIBUTION_PARTIAL
                                               : ATTRIBUTION_FULL;
    owner->note = why;
    owner->note_is_literal = true;
    return 0;
}

static int copy_text(const char *from, char **ret) {
    free(*ret);
    *ret = from ? strdup(from) : NULL;
    return from && !*ret ? -ENOMEM : 0;
}

int owner_remember_origin(Owner *owner, const Owner *before) {
    if (owner->cgroup || !before || !before->cgroup)
        return 0;
    if (copy_text(before->unit, &owner->unit) < 0 ||
        copy_text(before->user_unit, &owner->user_unit) < 0 ||
        copy_text(before->session, &owner->session) < 0 ||
        copy_text(before->container_id, &owner->container_id) < 0 ||
        copy_text(before->container_name, &owner->container_name) < 0 ||
        copy_text(before->cgroup, &owner->cgroup) < 0)
        return -ENOMEM;
    owner->runtime = before->runtime;
    if (owner->note == cgroup_is_gone) {
        owner->note = NULL;
        owner->attribution = ATTRIBUTION_FULL;
    }
    return 0;
}
