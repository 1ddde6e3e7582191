/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether one rule matches all that another does. Internal. */
#pragma once

#include "policy/ruleset.h"

/* True only where it is certain: for every listener, in every world and at every time from now on.
 */
bool rule_covers(const Rule *wide, const Rule *narrow);
