/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the container runtimes name cgroups: docs/KERNEL-FACTS.md, "owner". Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/owner.h"

/* One component of a cgroup path, not terminated. */
typedef struct CgroupComponent {
    const char *name;
    size_t length;
} CgroupComponent;

/* What a component claims to be. Pointers lead into the component; lengths of 0: not told. */
typedef struct ContainerClaim {
    ContainerRuntime runtime;
    const char *id;
    size_t id_length;
    const char *name; /* as escaped by systemd where it stands in a unit's name */
    size_t name_length;
} ContainerClaim;

/* Whether `component`, below `parent` (empty at the top), is a container's. */
bool container_component_parse(const CgroupComponent *parent, const CgroupComponent *component,
                               ContainerClaim *ret);

/* Undoes systemd's \xNN. A NUL that this would give stays escaped. Returns 0 or -ENOMEM. */
int container_name_unescape(const char *text, size_t length, char **ret);
