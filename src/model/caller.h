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
    FileId exe_id;    /* with the kernel's device number, which differs from stat(2) on btrfs */
    bool exe_deleted; /* the file was unlinked */
    bool exe_placed;  /* the kernel verified that `exe` was the path of the file */
    bool is_kernel;   /* a kernel thread: it has no exe */
    char *cwd;        /* NULL: unknown */
    char *cgroup;     /* of the socket: the path in the unified hierarchy; NULL: unknown */
    char *arguments;  /* as they are in memory: each with its NUL. NULL: unknown */
    size_t arguments_size;
    Ancestors *ancestors; /* NULL: none */
} Caller;

/*
 * Parses a struct KernelRecord (bpf/record.h) in data[0..size), except its head and its socket.
 * Returns the length of the record, -EBADMSG or -ENOMEM.
 */
ssize_t caller_parse(const void *data, size_t size, Caller *ret);

/* Converts a start time of the kernel to clock ticks, the unit of /proc/PID/stat and Holder. */
uint64_t caller_ticks(uint64_t nsec);

/* Frees what it has, and empties it. */
void caller_done(Caller *caller);

#define _cleanup_caller_ _cleanup_(caller_done)
