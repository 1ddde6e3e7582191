/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of fields that both directions go by. Internal to the room. */
#pragma once

#include "bus/dict.h"
#include "bus/listener.h"

extern const Field wire_listener[]; /* Listener */
extern const Field wire_owner[];    /* Owner */
extern const Field wire_holder[];   /* Holder */
extern const Field wire_hidden[];   /* bool: what is not shown of a holder */
extern const Field wire_rule[];     /* RuleInfo */
extern const Field wire_hits[];     /* uint64_t */
extern const Field wire_standing[]; /* Standing */
extern const Field wire_machine[];  /* BusMachine, but for links, addresses and coverage */
extern const Field wire_link[];     /* Link */
extern const Field wire_address[];  /* LinkAddress */
extern const Field wire_coverage[]; /* Coverage */
extern const Field wire_status[];   /* BusStatus, but for the sources */
extern const Field wire_source[];   /* BusSource */

/* What the coverage of each part of a machine is called, in the order of wire_coverage_of(). */
#define WIRE_COVERAGES (PROTO_COUNT + 3)
const char *wire_coverage_name(size_t index);
Coverage *wire_coverage_of(BusMachine *machine, size_t index);
