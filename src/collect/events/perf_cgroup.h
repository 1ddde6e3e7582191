/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the cgroup id in a perf sample is one of cgroup v2: it is that of the hierarchy which has
 * the controller perf_event, and that may be mounted as cgroup v1 (hybrid hosts with Docker).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From the text of /proc/cgroups: the hierarchy's number is 0 for cgroup v2. True where the line is
 * missing: then there is no cgroup v1 either. Pure. */
bool perf_cgroup_parse(const char *text, size_t length);

/* Reads it below procfs; true where it can't be read (a kernel without cgroup v1 has none). */
bool perf_cgroup_is_v2(int proc_fd);
