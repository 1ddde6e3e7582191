/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that called listen() or bind(), as the kernel recorded it at that moment. Plain data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

/*
 * Reads a struct KernelRecord (bpf/record.h) from data[0..size), all but its head and its socket.
 * Returns how long it is, -EBADMSG or -ENOMEM.
 */
ssize_t caller_parse(const void *data, size_t size, Caller *ret);

/* A start time of the kernel as /proc/PID/stat has it, and Holder. */
uint64_t caller_ticks(uint64_t nsec);

/* Frees what it has, and empties it. */
void caller_done(Caller *caller);

#define _cleanup_caller_ _cleanup_(caller_done)
