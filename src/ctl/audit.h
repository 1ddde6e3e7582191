/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The audit of this machine, once: what listens, who holds it, what the policy says of it. */
#pragma once

#include "ctl/machine.h"
#include "policy/advice/advice.h"

typedef struct Audit {
    Machine machine;
    Snapshot *snapshot;
    OwnerSearch *search;
    ExeTable *exes; /* the context's: which files the policy's `exe` rules name */
    JudgeContext context;
    usec_t now; /* realtime, of the snapshot */
} Audit;

/*
 * Collects, finds the holders to `depth`, judges; where a verdict hangs on holders that were not
 * looked for, looks for all of them and judges again. Then adds advice to what is flagged: the
 * rule's own, else the table's (`advice` may be NULL). The audit must not move afterwards; its
 * verdicts refer to the policy. Returns 0, or a negative errno with nothing to be closed.
 */
int audit_run(Audit *audit, const Policy *policy, const AdviceTable *advice, SearchDepth depth);
void audit_close(Audit *audit);

/* Fills a new snapshot with what listens and nothing more: no owners, no verdicts. */
int audit_collect(const Machine *machine, Snapshot **ret);

/* Sets the tool of the listener from the table (which may be NULL), unless it is set. */
void audit_recognise(const AdviceTable *advice, Listener *listener);

/*
 * Sets the tool and the advice of a flagged listener. The advice of the rule takes precedence over
 * the table's. The listener must not have an advice.
 */
void audit_advise(const AdviceTable *advice, Listener *listener);

/* Frees the tool and the advice. */
void audit_drop_advice(Listener *listener);

#define _cleanup_audit_ _cleanup_(audit_close)
