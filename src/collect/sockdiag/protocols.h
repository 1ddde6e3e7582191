/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which transport protocols the kernel has, and whether any socket uses them: /proc/net/protocols.
 * It is asked before sock_diag is, because to ask for a protocol whose module is not loaded loads
 * it, and an audit must not open new doors (SCTP).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/endpoint.h"

typedef struct Protocols {
    bool known;                /* the file could be read; else nothing below says anything */
    bool present[PROTO_COUNT]; /* registered, over IPv4 or IPv6 */
    bool in_use[PROTO_COUNT];  /* a socket is counted in this network namespace */
} Protocols;

/* Reads the text of the file. Pure; a line that makes no sense is passed over. */
void protocols_parse(const char *text, size_t length, Protocols *ret);

/*
 * Corrects what a kernel of that release (uname(2)) does not count: before 6.3 no MPTCP socket is
 * counted, so MPTCP is taken to be in use wherever it is present (KERNEL.md 5). Pure.
 */
void protocols_correct(const char *release, Protocols *protocols);

/*
 * Reads it below procfs from a namespace's directory (net_directory()). Where it can't be read
 * `known` is false.
 */
void protocols_read(int proc_fd, const char *directory, Protocols *ret);
