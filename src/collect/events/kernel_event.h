/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One record of the program in the kernel (bpf/record.h). Pure: bytes in, struct out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "model/caller.h"
#include "model/snapshot.h"
#include "util/parse.h"

typedef struct KernelEvent {
    enum RecordKind kind;
    usec_t time;       /* CLOCK_BOOTTIME */
    Listener listener; /* without owner and scope. RECORD_CLOSE: endpoint, uid and cookie alone;
                        * RECORD_DROPPED: uid alone */
    Caller caller;     /* RECORD_LISTEN and RECORD_BIND; owned */
} KernelEvent;

/*
 * Reads one record. Returns 1 with *ret filled, to be freed with caller_done(); 0 for one that is
 * not ours (another protocol or family); -EBADMSG for one that no kernel program writes; -ENOMEM.
 */
int kernel_event_parse(const void *record, size_t size, KernelEvent *ret);
