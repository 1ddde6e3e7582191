/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listing as a person reads it: the table, what is flagged with rule and advice, the sum. Pure.
 */
#pragma once

#include "ctl/print/listing.h"
#include "ctl/print/terminal.h"

/*
 * Renders to text, freed by the caller; NULL when out of memory. `legend`: with headings and all
 * that stands below the rows; else rows alone.
 */
char *report_render(const ListingView *view, const Listing *listing, const ColumnChoice *choice,
                    const Terminal *terminal, bool legend);

/* One flagged listener: the sentence, the rule, the advice. */
void report_flagged(const ListingView *view, const Listener *listener, const Terminal *terminal,
                    FILE *out);

/* The rule as written: escaped, freed by the caller. */
char *rule_text(const RuleInfo *rule);

/* `/etc/sockaudit/sockaudit.rules:42`, or `the default`: escaped, freed by the caller. */
char *rule_place(const RuleInfo *rule);
