/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One rule against one listener. */
#pragma once

#include "policy/language/key.h"
#include "util/glob.h"

/*
 * Whether the rule holds. *needs_holders (never set to false) becomes true when more holders than
 * the owner knows yet could change the answer.
 */
bool rule_matches(const Rule *rule, const Case *judged, bool *needs_holders);

/* Whether one match of a rule with that action holds, its `not` considered. */
bool match_holds(const Match *match, Action action, Answer answer);

static inline bool rule_is_expired(const Rule *rule, usec_t now) {
    return now >= rule->until;
}

bool pattern_matches(const Pattern *pattern, const char *text, GlobFlags flags);

/* Whether it may have holders that the owner does not know. */
static inline bool holders_may_lack(const Listener *listener) {
    return !listener->owner || !listener->owner->complete;
}

static inline size_t holders_count(const Listener *listener) {
    return listener->owner ? listener->owner->n_holders : 0;
}

/* Returns the tool of the listener, or NULL. */
const char *case_tool(const Case *judged);

/* What one holder alone says to an `exe` list. */
Answer holder_runs(const Case *judged, const Match *match, const Holder *holder);
