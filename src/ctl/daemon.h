/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon, for the verbs that need it. */
#pragma once

#include "bus/client.h"
#include "ctl/options.h"
#include "ctl/print/listing.h"

/* Where its socket lies: the option, else what systemd tells a service, else the usual place. */
const char *daemon_directory(const Options *options);

/* Connects; says on stderr why it can't, and what to type. */
ExitStatus daemon_open(const Options *options, BusClient **ret);

/* Says that a call failed with that errno, and why. `what`: a sentence part, `cannot reload`. */
ExitStatus daemon_failed(const BusClient *client, int error, const char *what);

/* The machine, and the listeners of a selection (`all`, `flagged`, …) or, with `what`, of a port or
 * id. The view is to be done with either way. */
ExitStatus daemon_fetch(BusClient *client, const char *selection, const char *what, BusView *view);

/* How the listeners of the view are shown. Borrows it. */
ListingView daemon_view(const BusView *view);

/* Prints text of several lines, each escaped. */
void print_lines(const char *text, const char *indent, FILE *out);
