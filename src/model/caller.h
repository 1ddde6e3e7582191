/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that called listen() or bind(), as the kernel recorded it at that moment. Plain data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/owner.h"

typedef struct Caller {
    pid_t pid, tid;
    uid_t uid;      /* effective */
    pid_t group;    /* process group */
    uint64_t start; /* clock ticks since boot, as in Holder */
    char *comm;
    char *exe;        /* NULL: none, or its path is too deep */
    FileId exe_id;    /* as the kernel names the device, which differs from stat(2) on btrfs */
    bool exe_deleted; /* the file has lost its name */
    bool exe_placed;  /* `exe` led to that file when it was recorded, says the kernel */
    bool is_kernel;   /* a kernel thread: it has no exe */
    char *cwd;        /* NULL: unknown */
    char *cgroup;     /* of the socket: the path in the unified hierarchy; NULL: unknown */
    char *arguments;  /* as they are in memory: each with its NUL. NULL: unknown */
    size_t arguments_size;
    Ancestors *ancestors; /* NULL: none */
} Caller;

/* Frees what it has, and empties it. */
void caller_done(Caller *caller);

#define _cleanup_caller_ _cleanup_(caller_done)
