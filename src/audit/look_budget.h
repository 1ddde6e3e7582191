/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much of a core the looks may take that users bring about by beginning and ceasing to listen,
 * each of them and all together: most looks cost some 0.3 ms, but where a whole port or protocol
 * must be asked for, or all of /proc be searched, it can be a hundred times that. Who is over it
 * waits for the next dump of everything, which finds what all of them opened: their alerts are
 * delayed, nobody else's. Pure: the clock is passed in.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/parse.h"

/* A user may use a tenth of a core, all a quarter; and of what was not used, so much at once. */
#define LOOK_SHARE_OF_USER 10
#define LOOK_SHARE_OF_ALL  4
#define LOOK_BURST_OF_USER (USEC_PER_SEC / 2)
#define LOOK_BURST_OF_ALL  USEC_PER_SEC
/* Users with debts that are told apart; further ones share one budget, as do unknown ones. */
#define LOOK_USERS  64
#define LOOK_OTHERS ((uid_t)-1)

typedef struct LookUser {
    usec_t limit; /* limits the CPU time multiplied by the share (limit.h) */
    uid_t uid;
} LookUser;

/* Zeroed, nobody owes anything. */
typedef struct LookBudget {
    usec_t all;
    LookUser others, users[LOOK_USERS];
} LookBudget;

/* Whether a look may be taken for that user `now`, of a clock that never goes back. */
bool look_budget_has(LookBudget *budget, uid_t uid, usec_t now);

/* So much CPU time was spent for that user. */
void look_budget_charge(LookBudget *budget, uid_t uid, usec_t spent, usec_t now);
