/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many alerts a user may cause: `set burst` at once, and as many a minute (a token bucket, so
 * at most twice that in any minute). What goes beyond is summed up and told once a minute. Users
 * don't share a bucket, so one who floods neither delays nor hides what is told of another.
 * Forwards, which belong to no user, have a bucket of their own. Half as many alerts again are
 * reserved for severity error and critical, and half as many again for critical, so that a flood of
 * less severe ones does not hide them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/endpoint.h"
#include "model/verdict.h"
#include "util/cleanup.h"
#include "util/parse.h"

/* So many users with alerts in the last minutes are known apart; one more shares a bucket with all
 * further ones, whose uid is told as RATE_OTHERS. */
#define RATE_USERS  256
#define RATE_OTHERS ((uid_t)-1)
/* All forwards, instead of a uid. */
#define RATE_FORWARDS ((uid_t)-2)
/* What was summed up is told after this time. */
#define RATE_PERIOD USEC_PER_MINUTE
/* Limit of transient listeners that are logged per user and period. */
#define RATE_TRANSIENTS 2000

typedef struct Rate Rate;

/* What was not told of one user. */
typedef struct RateSum {
    uid_t uid;            /* or RATE_OTHERS, RATE_FORWARDS */
    uint64_t n_flagged;   /* alerts, and transient listeners that were flagged */
    uint64_t n_reminders; /* of flags that stand */
    uint64_t n_refused;   /* listeners that could not be kept track of, at least */
    Severity worst;       /* of the alerts and reminders */
    Endpoint endpoint;    /* of the first with that severity */
    usec_t span;          /* since the first of them */
} RateSum;

/* What asks to be told. */
typedef struct RateAlert {
    uid_t uid;
    Severity severity;
    Endpoint endpoint;
} RateAlert;

/* `max_users`: RATE_USERS but in tests, at least 1. NULL: out of memory. */
Rate *rate_new(size_t max_users, uint64_t burst);
/* Takes NULL, returns NULL. */
Rate *rate_free(Rate *rate);

/* A burst of 0 tells nothing but sums. */
void rate_set_burst(Rate *rate, uint64_t burst);

/* Whether an alert may be told at `now` (of a clock that never goes back); if not, it is counted.
 */
bool rate_take_alert(Rate *rate, const RateAlert *alert, usec_t now);

/* The same for a reminder, which leaves half of the bucket to alerts. */
bool rate_take_reminder(Rate *rate, const RateAlert *alert, usec_t now);

/* The same for logging a transient listener, with a separate bucket. */
bool rate_take_transient(Rate *rate, const RateAlert *alert, usec_t now);

/* Says that `count` listeners of the user are not kept track of: told with the next sum, which it
 * brings about. Of several calls in a period the largest count is told. */
void rate_add_refused(Rate *rate, uid_t uid, uint64_t count, usec_t now);

/* When rate_tick() is to be called next; USEC_INFINITY: not at all. */
usec_t rate_next_deadline(const Rate *rate);

/* Tells the sums that are due. `sink` must not call the rate. */
void rate_tick(Rate *rate, usec_t now, void (*sink)(void *userdata, const RateSum *sum),
               void *userdata);

DEFINE_CLEANUP(Rate, rate_cleanup, rate_free)
#define _cleanup_rate_ _cleanup_(rate_cleanup)
