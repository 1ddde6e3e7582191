/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the path of a cgroup says: unit, user's unit, session, container. Pure.
 *
 * Whoever may write a directory of the cgroup tree can make cgroups of any name below it: a user
 * in the tree of their own manager, a service with Delegate= and User=, the root of a container.
 * So the outermost name decides: the first component that is no slice is the system unit or none
 * is, and the first that is a container is the container. What stands below the place from which
 * others than root may have named things names no system unit, and no container but a rootless
 * podman's without its id (which could be forged; the path itself shows it): to claim that one
 * gains nothing that running podman would not give.
 */
#pragma once

#include <stddef.h>

#include "model/owner.h"

typedef struct CgroupIdentity {
    char *unit, *user_unit, *session;
    ContainerRuntime runtime;
    char *container_id, *container_name;
} CgroupIdentity;

/*
 * Interprets an absolute path in the cgroup tree. `owned_from` is the number of leading bytes of it
 * that root alone has named, SIZE_MAX: all (what lies below user@UID.service counts as the user's
 * in any case). What the path does not tell is NULL. Returns 0 or -ENOMEM.
 */
int cgroup_path_interpret(const char *path, size_t owned_from, CgroupIdentity *ret);

void cgroup_identity_done(CgroupIdentity *identity);

/*
 * Whether a component (undone from cgroup escaping: see below) is the name of a unit that has
 * processes: service, scope, slice, socket, mount, swap (systemd.unit(5), 255 bytes at most).
 */
bool unit_name_is_valid(const char *name, size_t length);

#define _cleanup_cgroup_identity_ _cleanup_(cgroup_identity_done)
