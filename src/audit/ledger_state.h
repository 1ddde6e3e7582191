/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger's part of the state file: what it writes, and how it goes on from there. */
#pragma once

#include "audit/ledger.h"
#include "audit/state.h"

/* Every alert that was told is where it belongs. */
#define UNSURE_NONE INT64_MAX

/*
 * Saves the ledger, with the hit counters that the caller keeps, below dir_fd (opened for reading).
 * `generation`: another than that of the last save or load; the log goes on with it. Flags that
 * were told at `unsure_since` or later are written as STATE_TELLING: their alerts wait for a
 * journal that is away. Returns as state_save().
 */
int ledger_save(const Ledger *ledger, int dir_fd, const char *boot_id, uint64_t generation,
                const StateHits *hits, size_t n_hits, BootTime unsure_since, const AuditTime *now);

/*
 * Goes on from a state: to be called on a new ledger, before its first update. Within the boot
 * `boot_id` sockets are known again by their cookies; after another one by identity. Flags that
 * were told are not told again while their identity stays flagged; they are resolved when it is
 * allowed, or gone from a full dump for LEDGER_RETURN. Of a flag that was about to be told,
 * `was_told` says whether it was (NULL: no); if not, it is told. Returns 0 or -ENOMEM.
 */
int ledger_load(Ledger *ledger, const State *state, const char *boot_id,
                bool (*was_told)(void *userdata, const StateFlag *flag), void *userdata,
                const AuditTime *now);

/* The log's record of a change that is flagged, still-flagged or resolved, for state_log():
 * STATE_TELLING before it is told, STATE_TOLD after. */
StateFlag ledger_flag_record(const LedgerChange *change, StateStatus status);
