/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is to last over a restart, in a directory that the caller opened:
 *
 *   state      everything, written whole and atomically. Text, a line a record, numbers and
 *              addresses alone (nothing that a process chose), with a checksum at the end.
 *   state.log  alerts told since, a line each, appended: so that a kill right after an alert does
 *              not make it be told twice, without writing 50,000 listeners each time. Every line
 *              names the generation of the `state` that it follows, and has its own checksum.
 *
 * Cookies mean something in the boot that they are of alone; identities (audit/identity.h) do in
 * every boot.
 */
#pragma once

#include "audit/identity.h"
#include "audit/time.h"
#include "util/cleanup.h"

#define STATE_SIZE_MAX     (16u << 20) /* bytes of `state`: 65,536 listeners are under 11 MiB */
#define STATE_LOG_SIZE_MAX (16u << 20)
/* From here on it is time for another `state`; alerts of one moment are noted yet. */
#define STATE_LOG_FULL (1u << 20)
#define STATE_WHY_SIZE 120
#define BOOT_ID_SIZE   37 /* as /proc/sys/kernel/random/boot_id has it, with a NUL */

typedef enum StateStatus {
    STATE_TOLD,    /* the alert was told */
    STATE_SUMMED,  /* it was counted in a sum */
    STATE_SILENT,  /* it is snoozed */
    STATE_TELLING, /* it was about to be told: whether it was, the journal knows */
    STATE_STATUS_COUNT,
} StateStatus;

typedef struct StateListener {
    Identity identity;
    uint64_t cookie;
    usec_t first_seen;
    BootTime born;
} StateListener;

typedef struct StateFlag {
    Identity identity;
    uint64_t cookie;
    StateStatus status;
    Severity severity;
    BootTime since, told;
    uint32_t n_returned; /* since it was told last */
    uint32_t n_returned_ever;
} StateFlag;

typedef struct StateSnooze {
    Identity identity;
    BootTime until; /* of the boot that wrote it: what is left counts */
} StateSnooze;

typedef struct StateHits {
    uint64_t rule; /* hash of its text and file */
    uint64_t count;
} StateHits;

typedef struct StateHeader {
    char boot[BOOT_ID_SIZE];
    uint64_t generation;
    AuditTime saved;
    uint64_t n_told, n_summed, n_evicted, n_returned;
} StateHeader;

typedef struct State {
    StateHeader header;
    StateListener *listeners;
    StateFlag *flags;
    StateSnooze *snoozes;
    StateHits *hits;
    size_t n_listeners, listeners_allocated;
    size_t n_flags, flags_allocated;
    size_t n_snoozes, snoozes_allocated;
    size_t n_hits, hits_allocated;
} State;

/* Releases what it holds, leaves it empty. An empty one is a zeroed one. */
void state_done(State *state);

/*
 * Reads the bytes of `state` into an empty State. Returns 0, -ENOMEM, or -EBADMSG with a sentence
 * in `why` and nothing in *ret.
 */
int state_parse(const char *text, size_t length, State *ret, char why[static STATE_WHY_SIZE]);

/*
 * Applies the bytes of `state.log`. Lines that are torn or of another generation are passed over.
 * Returns how many were applied, or -ENOMEM.
 */
int state_parse_log(const char *text, size_t length, State *state);

/*
 * Loads both files. A `state` that is corrupt, or can't be read, is renamed to `state.corrupt`
 * (over an earlier one) and told as -EBADMSG with the reason in `why`: begin with nothing. -ENOENT:
 * there is none yet. -ENOMEM: call again. Other negative errno: nor can it be set aside.
 */
int state_load(int dir_fd, State *ret, char why[static STATE_WHY_SIZE]);

typedef struct StateWriter StateWriter;

/*
 * Writes `state` anew: `fill` tells the records, then the file is synced, takes the old one's
 * place, and the directory is synced; on any error the old one stays as it is. The log becomes
 * void by the header's generation, which must be another than the last, and is removed. Returns
 * 0; 1: the new one counts, but a power cut may bring the old one back; or a negative errno
 * (-ENOSPC, …).
 */
int state_save(int dir_fd, const StateHeader *header,
               void (*fill)(void *userdata, StateWriter *writer), void *userdata);
void state_write_listener(StateWriter *writer, const StateListener *listener);
void state_write_flag(StateWriter *writer, const StateFlag *flag);
void state_write_snooze(StateWriter *writer, const StateSnooze *snooze);
void state_write_hits(StateWriter *writer, const StateHits *hits);

/*
 * Appends the new state of an alert to the log; `gone`: the alert was resolved. The entry is one
 * write(2) without a sync: it survives a kill of the daemon, but not a power failure. The log stays
 * open in *log_fd (-1: not open), which the caller closes. A log that was removed is created again.
 * Returns 0; 1: the caller should call state_save(); or a negative errno, -EFBIG beyond
 * STATE_LOG_SIZE_MAX.
 */
int state_log(int dir_fd, int *log_fd, uint64_t generation, const StateFlag *flag, bool gone);

#define _cleanup_state_ _cleanup_(state_done)
