/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This machine: the handles that collect and owner look through, and what the matcher asks it. */
#pragma once

#include "collect/netlink/handles.h"
#include "owner/owners.h"
#include "policy/lint/lint.h"
#include "policy/policy.h"
#include "util/name_service.h"

typedef struct Machine {
    bool is_open; /* false in a zeroed one */
    int proc_fd, sys_fd;
    OwnerSources sources;
    uint16_t ephemeral_first, ephemeral_last;
    struct { /* the groups of the user that was asked for last */
        bool known;
        bool missed; /* some could not be told, and a verdict was without them */
        uid_t uid;
        gid_t groups[NAME_GROUPS_MAX];
        int n_groups;
    } members;
} Machine;

/*
 * Returns 0 or a negative errno. The struct must not be moved afterwards. With handles (NULL:
 * none), it describes the host of the handles: programs are looked up in the passed root directory,
 * because that of the service has no /home and another /tmp.
 */
int machine_open(Machine *machine, const NetHandles *handles);
void machine_close(Machine *machine);

/* Reads again which ports the kernel gives to who asks for none; the handles are those that it was
 * opened with. Whether they are others now, or verdicts were given that lacked a user's groups. */
bool machine_renew(Machine *machine, const NetHandles *handles);

/* What a verdict on a listener of the snapshot needs. Borrows machine and snapshot. */
JudgeContext machine_judge_context(Machine *machine, const Snapshot *snapshot, usec_t now);

/* What the linter asks. Borrows links. */
LintContext machine_lint_context(const LinkTable *links, usec_t now);

#define _cleanup_machine_ _cleanup_(machine_close)

/*
 * Whether only root can change what an absolute path leads to: each directory on the way, and of
 * each symbolic link's target, and the file itself. 0; -EPERM with the place that others can write
 * in *ret_place (freed by the caller); or another negative errno (-ENOENT).
 */
int path_is_safe(const char *path, char **ret_place);
