/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/caller_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owner/caller_holder.h"
#include "owner/cgroups.h"
#include "owner/conclude.h"
#include "owner/forwarder.h"
#include "owner/proc_parse.h"
#include "owner/process.h"
#include "util/cleanup.h"

static bool is_whole(const Holder *holder) {
    return holder->exe_state == EXE_VERIFIED && holder->cmdline && holder->cwd;
}

static void swap_texts(char **a, char **b) {
    char *kept = *a;
    *a = *b;
    *b = kept;
}

/*
 * Whether it still runs the program that was recorded. The path alone is not enough: another
 * program may have been mounted there. Where stat(2) shows another device than the kernel's, path
 * and inode must do.
 */
static bool runs_same(const Holder *now, const Holder *holder, const FileId *recorded) {
    return now->start == holder->start &&
           (file_id_equal(&now->exe_id, recorded) ||
            (holder->exe && now->exe && strcmp(now->exe, holder->exe) == 0 &&
             now->exe_id.inode == recorded->inode));
}

/* Takes from /proc what the record lacks. */
static void take_missing(Holder *holder, Holder *now) {
    if (now->exe && holder->exe_state != EXE_VERIFIED) {
        swap_texts(&holder->exe, &now->exe);
        holder->exe_state = now->exe_state;
        holder->exe_id = now->exe_id;
        holder->exe_deleted = now->exe_deleted;
    }
    if (!holder->cwd)
        swap_texts(&holder->cwd, &now->cwd);
    if (!holder->cmdline) {
        holder->cmdline = now->cmdline;
        now->cmdline = NULL;
    }
}

/* Completes holder and cgroup. Returns 0 or -ENOMEM. */
static int ask_proc(const OwnerSources *sources, const Caller *caller, Holder *holder,
                    char **cgroup) {
    char name[16];
    _cleanup_holder_ Holder now = {};

    snprintf(name, sizeof(name), "%d", (int)holder->pid);
    _cleanup_close_ int process_fd =
        openat(sources->proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_fd < 0)
        return 0;
    const ProcessWish wish = {holder->pid, process_fd, CMDLINE_BYTES_MAX, CALLER_PATIENCE_MSEC,
                              NULL};
    /* The iterator would return the same record again, but /proc has the whole command line. */
    bool lacks = sources->processes ? !holder->cmdline : !is_whole(holder);
    int r = lacks ? process_read(sources, &wish, &now, NULL) : 0;
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    if (runs_same(&now, holder, &caller->exe_id))
        take_missing(holder, &now);
    if (*cgroup || process_start(process_fd) != holder->start)
        return 0;
    r = process_read_cgroup(process_fd, cgroup);
    return r == -ENOMEM ? r : 0;
}

static const char *why_partial(const Holder *holder, const Caller *caller) {
    if (is_whole(holder) || caller->is_kernel)
        return NULL;
    if (!holder->exe)
        return "its program could not be read: the path is too long, the process ended, or it runs "
               "another program";
    if (!holder->cmdline)
        return "its command line could not be read: the process ended, runs another program, or is "
               "hidden in /proc";
    return holder->cwd ? NULL
                       : "its working directory could not be read: the process ended or runs "
                         "another program";
}

/* Without a cgroup of its own, which is the root's on a cgroup v1 host, it is the process's. */
static int set_origin(const OwnerSources *sources, const char *socket_cgroup,
                      const char *process_cgroup, Owner *owner) {
    if (socket_cgroup && strcmp(socket_cgroup, "/") != 0)
        return owner_set_cgroup(owner, socket_cgroup,
                                cgroup_path_owned_from(sources->cgroup_fd, socket_cgroup));
    if (!process_cgroup)
        return socket_cgroup ? owner_set_cgroup(owner, socket_cgroup, SIZE_MAX) : 0;
    return owner_set_cgroup(owner, process_cgroup,
                            process_cgroup_owned_from(sources->cgroup_fd, process_cgroup));
}

int owner_of_caller(const OwnerSources *sources, Caller *caller, usec_t created, Owner **ret) {
    _cleanup_(owner_cleanup) Owner *owner = owner_new();
    _cleanup_free_ char *process_cgroup = NULL;
    bool has_cgroup = caller->cgroup && strcmp(caller->cgroup, "/") != 0;

    if (!owner)
        return -ENOMEM;
    owner->holders = calloc(1, sizeof(*owner->holders));
    if (!owner->holders)
        return -ENOMEM;
    Holder *holder = &owner->holders[0];
    owner->n_holders = owner->n_holders_seen = 1;
    int r = holder_from_caller(sources, caller, holder);
    if (r >= 0 && (!is_whole(holder) || !has_cgroup))
        r = ask_proc(sources, caller, holder, &process_cgroup);
    if (r >= 0 && !holder->cmdline)
        r = caller_arguments(caller, true, &holder->cmdline);
    if (r >= 0)
        r = set_origin(sources, caller->cgroup, process_cgroup, owner);
    if (r >= 0)
        r = forwarder_set_container(owner);
    if (r < 0)
        return r;
    owner->created = created;
    owner->note = why_partial(holder, caller);
    owner->note_is_literal = true;
    owner->attribution = owner->note ? ATTRIBUTION_PARTIAL : ATTRIBUTION_FULL;
    *ret = TAKE_PTR(owner);
    return 0;
}
