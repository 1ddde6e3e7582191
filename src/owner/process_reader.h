/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What processes are, from the kernel's iterator over them (bpf/processes.bpf.c), which needs no
 * capability: who it is, what it runs and where. Many are read at once, as each reading goes
 * through all threads of the machine.
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

/* Adds a process to those of the next reading. Returns false if it has no place among them: read
 * first. */
bool process_reader_add(ProcessReader *reader, pid_t pid);
/* Reads them, in place of those that were read before. Returns 0 or a negative errno. */
int process_reader_read(ProcessReader *reader);
/* Forgets what was read: it grows old. */
void process_reader_forget(ProcessReader *reader);

/*
 * Gets a process from what was read, as often as it is asked for: one with many threads is. Reads
 * it alone if it is not there; none may have been added since the last reading. Returns 0 with what
 * caller_done() frees, -ESRCH, -EBUSY if many were read alone lately, or another negative errno.
 */
int process_reader_get(ProcessReader *reader, pid_t pid, Caller *ret);
