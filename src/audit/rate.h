/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits the alerts of a user to `set burst` at once, and as many a minute (a token bucket, so at
 * most twice that in any minute). Further alerts are counted and summarized once a minute. Users do
 * not share a bucket, so a flood of one user neither delays nor hides alerts for another. Forwards,
 * which belong to no user, have a separate bucket. Half of `set burst` is reserved in addition for
 * severity error and critical, and another half for critical, so that a flood of less severe alerts
 * does not hide them.
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

/* The number of users with alerts in the last minutes that have separate buckets. All further users
 * share one bucket, which is reported as RATE_OTHERS. */
#define RATE_USERS  256
#define RATE_OTHERS ((uid_t)-1)
/* All forwards, instead of a uid. */
#define RATE_FORWARDS ((uid_t)-2)
/* The time after which suppressed alerts are summarized. */
#define RATE_PERIOD USEC_PER_MINUTE
/* Limit of transient listeners that are logged per user and period. */
#define RATE_TRANSIENTS 2000

typedef struct Rate Rate;

/* The suppressed alerts of one user. */
typedef struct RateSum {
    uid_t uid;            /* or RATE_OTHERS, RATE_FORWARDS */
    uint64_t n_flagged;   /* alerts, and transient listeners that were flagged */
    uint64_t n_reminders; /* for alerts that are still active */
    uint64_t n_refused;   /* at least so many listeners are not tracked */
    Severity worst;       /* of the alerts and reminders */
    Endpoint endpoint;    /* of the first one with that severity */
    usec_t span;          /* since the first one */
} RateSum;

/* An alert that is to be sent. */
typedef struct RateAlert {
    uid_t uid;
    Severity severity;
    Endpoint endpoint;
} RateAlert;

/* `max_users`: RATE_USERS but in tests, at least 1. NULL: out of memory. */
Rate *rate_new(size_t max_users, uint64_t burst);
/* Takes NULL, returns NULL. */
Rate *rate_free(Rate *rate);

/* With a burst of 0, only sums are sent. */
void rate_set_burst(Rate *rate, uint64_t burst);

/* Returns whether the alert may be sent at `now` (of a clock that never goes back). If not, the
 * alert is counted. */
bool rate_take_alert(Rate *rate, const RateAlert *alert, usec_t now);

/* The same for a reminder, which leaves half of the bucket to alerts. */
bool rate_take_reminder(Rate *rate, const RateAlert *alert, usec_t now);

/* The same for logging a transient listener, with a separate bucket. */
bool rate_take_transient(Rate *rate, const RateAlert *alert, usec_t now);

/* Records that `count` listeners of the user are not tracked, and makes a sum due that reports
 * them. If it is called several times in a period, the largest count is reported. */
void rate_add_refused(Rate *rate, uid_t uid, uint64_t count, usec_t now);

/* When rate_tick() is to be called next; USEC_INFINITY: not at all. */
usec_t rate_next_deadline(const Rate *rate);

/* Passes the sums that are due to `sink`, which must not call the rate. */
void rate_tick(Rate *rate, usec_t now, void (*sink)(void *userdata, const RateSum *sum),
               void *userdata);

DEFINE_CLEANUP(Rate, rate_cleanup, rate_free)
#define _cleanup_rate_ _cleanup_(rate_cleanup)
