/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs that list listeners share: the filter, the table or JSON, what could not be seen.
 */
#pragma once

#include "ctl/options.h"
#include "ctl/print/json.h"
#include "policy/policy.h"

/* Reads the FILTER of the command line; says on stderr what is wrong with it. */
ExitStatus filter_read(const Options *options, Filter **ret);

/* What --all, --flagged and --allowed choose. */
ListingSelection options_selection(const Options *options);

/* The document of `scan --json` and `list --json`, or NULL: out of memory. */
json_t *listing_json(const ListingView *view, const Listing *listing, const Coverage *owners);

/* Prints it as the options say. */
ExitStatus listing_print(const Options *options, const ListingView *view, const Listing *listing,
                         const ColumnChoice *choice, const Coverage *owners);

/* Warns of what could not be seen: an empty list must never mean "could not look". Returns whether
 * everything was. */
bool tell_unseen(const Snapshot *snapshot, const Coverage *owners);
