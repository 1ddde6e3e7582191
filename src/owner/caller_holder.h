/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the kernel's record of a process to a Holder: of its own sockets, or of one that was asked
 * for. */
#pragma once

#include "model/caller.h"
#include "owner/owners.h"

/* The record is here, and the process waits for nobody: what it is asked for must be quick. */
#define CALLER_PATIENCE_MSEC 20

/*
 * Takes what the record has, all but the fd. Takes over the texts of the caller. Returns 0 with
 * what holder_done() frees, also on -ENOMEM.
 */
int holder_from_caller(const OwnerSources *sources, Caller *caller, Holder *ret);

/*
 * The command line of the record; *ret stays NULL if it has none, or, unless `partial`, not all of
 * it. Returns 0 or -ENOMEM.
 */
int caller_arguments(const Caller *caller, bool partial, char ***ret);
