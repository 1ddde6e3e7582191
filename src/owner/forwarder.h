/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of the host that hold a port for a container: docker-proxy, conmon, rootlessport. */
#pragma once

#include "model/owner.h"

/*
 * Sets the container of an owner whose cgroup tells none, when its holders are such a program. The
 * command line is the process's to write, and so believed of root's processes alone that run the
 * verified file of that name; of a user's own rootlessport no more is taken than that it is
 * podman's. Returns 0 or -ENOMEM.
 */
int forwarder_set_container(Owner *owner);
