/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON as INTERFACE promises it. Text of others is escaped first, so it is always valid UTF-8. */
#pragma once

#include <jansson.h>

#include "ctl/print/listing.h"

/* Raw text escaped, NULL as null. Like the following: NULL when out of memory, else owned. */
json_t *json_text(const char *raw);

/* Appends the members of `more` to `object` and returns it. Takes over both. Returns NULL if one of
 * them is NULL or memory runs out. */
json_t *json_merged(json_t *object, json_t *more);

/* An array of the lines of a raw text, each escaped; of NULL, an empty one. */
json_t *json_lines(const char *raw);

/* `{"file","line","text","id"}`; NULL as null. */
json_t *json_rule(const RuleInfo *rule);

/* The severity, or null if the action is not `flag`. */
json_t *json_severity(Action action, Severity severity);

/* All fields of a listener, in the documented order. */
json_t *json_listener(const ListingView *view, const Listener *listener);

/*
 * The head that `scan` and `list` share: schema, host, time, complete, coverage. `owners` is the
 * coverage of who holds what.
 */
json_t *json_head(const ListingView *view, const char *host, const Coverage *owners);

/* The document as text with a newline, freed by the caller; takes over the reference to `document`,
 * which may be NULL (out of memory): then NULL. */
char *json_document(json_t *document);

/*
 * The head with `"listeners"` behind it, as json_document() would write it, but with one listener
 * at a time in memory: its values take four times its text. Takes over `head`, which may be NULL.
 */
char *json_listing(json_t *head, const ListingView *view, const Listing *listing);

DEFINE_CLEANUP(json_t, json_cleanup, json_decref)
#define _cleanup_json_ _cleanup_(json_cleanup)
