/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Converts the kernel's record of a process to a Holder: the record of an event, or of the iterator
 * over processes. */
#pragma once

#include "model/caller.h"
#include "owner/owners.h"

/* The time limit for completing a record. The process does not wait, so lookups must be fast. */
#define CALLER_PATIENCE_MSEC 20

/*
 * Fills everything of a Holder except the fd. Takes over the texts of `caller`. Returns 0 or
 * -ENOMEM; the caller calls holder_done() in both cases.
 */
int holder_from_caller(const OwnerSources *sources, Caller *caller, Holder *ret);

/*
 * Returns the command line of the record in *ret. It stays NULL if the record has none, or only a
 * part of it and `partial` is not set. Returns 0 or -ENOMEM.
 */
int caller_arguments(const Caller *caller, bool partial, char ***ret);
