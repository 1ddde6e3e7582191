/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of CPUs as sysfs writes them: `0-3,8`. Pure. */
#pragma once

#include <stddef.h>

/* More CPUs than any Linux is built for (CONFIG_NR_CPUS goes to 8192). */
#define CPU_MAX 8192

/*
 * Parses text[0..length), a newline at its end allowed, into a new array of CPU numbers, ascending
 * and each once, which the caller frees. The empty list gives 0 CPUs and *ret NULL. Returns 0,
 * -EBADMSG when it is no such list or goes beyond CPU_MAX, -ENOMEM.
 */
int cpu_list_parse(const char *text, size_t length, unsigned **ret, size_t *ret_n);

/*
 * Reads and parses devices/system/cpu/online below `sys_fd`, a directory where sysfs is mounted.
 * Returns 0 or a negative errno.
 */
int cpu_list_online(int sys_fd, unsigned **ret, size_t *ret_n);
