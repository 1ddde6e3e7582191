/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the user, the program and the working directory of processes from a BPF iterator
 * (bpf/processes.bpf.c), which needs no capability. Many processes should be read at once, because
 * each reading visits all threads of the machine.
 */
#pragma once

#include "model/caller.h"

typedef struct ProcessReader ProcessReader;

/*
 * `link_fd` and `wanted_fd` are those of kernel_open_processes(). Takes over both, also on failure.
 * Returns 0 or a negative errno (-EPERM: a kernel before 5.19, without CAP_BPF).
 */
int process_reader_new(int link_fd, int wanted_fd, ProcessReader **ret);
/* Takes NULL, returns NULL. */
ProcessReader *process_reader_free(ProcessReader *reader);

/* Adds a process to the next reading. Returns false if there is no room for it: the caller must
 * read first. */
bool process_reader_add(ProcessReader *reader, pid_t pid);
/* Reads the added processes, and drops those of the last reading. Returns 0 or a negative errno. */
int process_reader_read(ProcessReader *reader);
/* Drops the processes of the last reading, before they are outdated. */
void process_reader_forget(ProcessReader *reader);

/*
 * Returns a process of the last reading, any number of times: each thread of a process needs it. If
 * the process is not there, reads it alone; no process may have been added since the last reading.
 * Returns 0, -ESRCH, -EBUSY if many were read alone recently, or another negative errno. The caller
 * frees *ret with caller_done().
 */
int process_reader_get(ProcessReader *reader, pid_t pid, Caller *ret);
