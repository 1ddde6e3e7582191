/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the process that the kernel recorded at listen() or bind() to the owner of the listener. */
#pragma once

#include "model/caller.h"
#include "owner/owners.h"

/*
 * The owner of a socket that `caller` just bound: that process alone, as far as it is known. What
 * the record does not have is read from /proc if the process is still there and runs the same
 * program. `created` is when (realtime). Takes over the texts of the caller. Returns 0 with a new
 * reference in *ret, or -ENOMEM.
 */
int owner_of_caller(const OwnerSources *sources, Caller *caller, usec_t created, Owner **ret);
