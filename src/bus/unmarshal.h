/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From D-Bus dictionaries back to what a scan would have given, so that one renderer serves both.
 * What comes is not trusted: an error is -EBADMSG, and what was read before it stays valid.
 */
#pragma once

#include "bus/dict.h"
#include "bus/listener.h"
#include "util/cleanup.h"

/* Listeners as the daemon told them. A zeroed one is empty. */
typedef struct BusView {
    Snapshot *snapshot;  /* owned: netns, links, coverage, listeners with owners and rules */
    Standing *standings; /* of each listener, by its index */
    Coverage owners;     /* who holds what */
    uint64_t links_generation;
    size_t standings_allocated;
    RuleInfo **rules; /* owned: what the verdicts refer to; NULL: of none */
    size_t rules_allocated, n_rules;
} BusView;

/* Returns 0 or -ENOMEM. */
int bus_view_init(BusView *view);
void bus_view_done(BusView *view);
/* Forgets the listeners, keeps the machine. */
void bus_view_clear(BusView *view);

typedef struct BusRule {
    RuleInfo info; /* its texts are owned */
    uint64_t hits;
} BusRule;
void bus_rule_done(BusRule *rule);

/* What was read into a BusStatus: its texts are owned. */
typedef struct BusStatusRead {
    char *version;
    BusStatus status;
} BusStatusRead;
void bus_status_done(BusStatusRead *status);

/* Each reads one `a{sv}`. Returns 0, -EBADMSG or -ENOMEM. */
int unmarshal_machine(sd_bus_message *message, BusView *view);
int unmarshal_listener(sd_bus_message *message, BusView *view); /* adds it */
int unmarshal_rule(sd_bus_message *message, BusRule *ret);      /* done with either way */
int unmarshal_status(sd_bus_message *message, BusStatusRead *ret);

/* Bounds of what is taken. */
#define UNMARSHAL_LISTENERS_MAX 100000
#define UNMARSHAL_LINKS_MAX     65536

#define _cleanup_bus_view_ _cleanup_(bus_view_done)
