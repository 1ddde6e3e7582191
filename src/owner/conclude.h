/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of an owner amount to. */
#pragma once

#include <stddef.h>

#include "model/owner.h"

/* Sets cgroup, unit, session and container by what the path says; `owned_from` as in
 * cgroup_path.h. Returns 0 or -ENOMEM. */
int owner_set_cgroup(Owner *owner, const char *path, size_t owned_from);
