/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How good an event source is, in words that a user understands. Pure. */
#pragma once

#include <stdbool.h>

#include "bpf/kernel_program.h"
#include "util/parse.h"

typedef enum SourceId {
    SOURCE_SOCKETS,  /* the program in the kernel: listen() and its end, bind() of UDP */
    SOURCE_UDP_GONE, /* sock_diag's destroy groups */
    SOURCE_LINKS,    /* rtnetlink's notifications */
    SOURCE_FORWARDS, /* nf_tables' notifications */
    SOURCE_COUNT,
} SourceId;

typedef enum SourceQuality {
    SOURCE_FULL,
    SOURCE_LIMITED, /* it works, but not as well as it could */
    SOURCE_MISSING,
} SourceQuality;

/* The name for display: `socket events`, `closed UDP sockets`, `network changes`,
 * `NAT rules`. */
const char *source_name(SourceId id);

/* At what it failed. */
typedef enum SourceStep {
    STEP_PROGRAM, /* the program in the kernel: SourceStatus.kernel_step */
    STEP_MAP,     /* its ring buffer */
    STEP_SOCKET,  /* a netlink socket */
    STEP_READ,    /* it broke while it was used */
} SourceStep;

#define SOURCE_TEXT_SIZE 200

typedef struct SourceStatus {
    SourceQuality quality;
    SourceStep step;              /* at which it failed, if it is not full */
    KernelStep kernel_step;       /* STEP_PROGRAM */
    int error;                    /* a negative errno, or 0 */
    char why[SOURCE_TEXT_SIZE];   /* what stands in the way; empty when full */
    char means[SOURCE_TEXT_SIZE]; /* what the user loses by it; empty when full */
} SourceStatus;

/* How often the daemon looks by itself: at what it has no events of, and at everything. */
typedef struct SourcePeriods {
    usec_t poll, reconcile;
} SourcePeriods;

/* Fills the status of a source that failed at `step` with `error` (a negative errno). */
void source_status_failed(SourceId id, SourceStep step, int error, const SourcePeriods *periods,
                          SourceStatus *ret);

/* The same for the program in the kernel. It is limited where only UDP is not told.
 * `locked_down`: the kernel is in lockdown mode "confidentiality". */
void source_status_no_program(const KernelFailure *failure, bool locked_down,
                              const SourcePeriods *periods, SourceStatus *ret);

/* Writes anew what the user loses, for other periods than before. A full status has nothing. */
void source_status_set_periods(SourceId id, const SourcePeriods *periods, SourceStatus *status);

/* Whether the text of /sys/kernel/security/lockdown says confidentiality:
 * `none integrity [confidentiality]`. */
bool lockdown_is_confidential(const char *text);
