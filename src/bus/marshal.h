/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners, rules, the machine and the daemon's state as D-Bus dictionaries: the way out. The
 * keys are described in org.sockaudit1(5). */
#pragma once

#include "bus/access.h"
#include "bus/dict.h"

/* Holders of one listener beyond so many bytes are left out; n_holders_seen counts them. */
#define MARSHAL_HOLDERS_MAX (32 * 1024)
/* Of a machine with more, the rest is left out and the coverage says so. */
#define MARSHAL_LINKS_MAX     2048
#define MARSHAL_ADDRESSES_MAX 4096

/* Each appends one `a{sv}`, with what the viewer may see. */
void marshal_listener(DictWriter *writer, const BusListener *listener, const Viewer *viewer);
void marshal_rule(DictWriter *writer, const RuleInfo *rule, uint64_t hits);
void marshal_machine(DictWriter *writer, const BusMachine *machine);
void marshal_status(DictWriter *writer, const BusStatus *status);
