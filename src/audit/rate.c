/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/rate.h"

#include <stdlib.h>

#include "util/limit.h"

/* Buckets: all alerts, the two reserves, and transient listeners. */
enum { BUCKET_ALL, BUCKET_ERROR, BUCKET_CRITICAL, BUCKET_TRANSIENT, BUCKETS };

typedef struct RateUser {
    uid_t uid;
    bool used;
    usec_t limits[BUCKETS];
    RateSum sum;
    usec_t due; /* when the sum is to be told; USEC_INFINITY: there is none */
    usec_t from;
} RateUser;

struct Rate {
    uint64_t burst;
    usec_t next_due;
    size_t n_users;
    RateUser users[]; /* the first two are for the others and for forwards */
};

enum { OF_OTHERS, OF_FORWARDS, OF_USERS };

Rate *rate_new(size_t max_users, uint64_t burst) {
    Rate *rate = calloc(1, sizeof(*rate) + (max_users + OF_USERS) * sizeof(rate->users[0]));
    if (!rate)
        return NULL;
    rate->n_users = max_users + OF_USERS;
    rate->next_due = USEC_INFINITY;
    for (size_t i = 0; i < rate->n_users; i++)
        rate->users[i] = (RateUser){.uid = RATE_OTHERS, .due = USEC_INFINITY};
    rate->users[OF_FORWARDS].uid = RATE_FORWARDS;
    rate_set_burst(rate, burst);
    return rate;
}

Rate *rate_free(Rate *rate) {
    free(rate);
    return NULL;
}

void rate_set_burst(Rate *rate, uint64_t burst) {
    rate->burst = burst < RATE_PERIOD ? burst : RATE_PERIOD;
}

/* Returns whether the user has no sum and all tokens, like a user without an entry. */
static bool is_at_rest(const RateUser *user, usec_t now) {
    for (size_t i = 0; i < BUCKETS; i++)
        if (limit_used(user->limits[i], now) > 0)
            return false;
    return user->due == USEC_INFINITY;
}

/* The user's bucket, or that of the others when all are in use by users of the last minutes. */
static RateUser *find_user(Rate *rate, uid_t uid, usec_t now) {
    RateUser *free_one = NULL;
    if (uid == RATE_OTHERS || uid == RATE_FORWARDS)
        return &rate->users[uid == RATE_OTHERS ? OF_OTHERS : OF_FORWARDS];
    for (size_t i = OF_USERS; i < rate->n_users; i++) {
        RateUser *user = &rate->users[i];
        if (user->used && user->uid == uid)
            return user;
        if (!user->used || is_at_rest(user, now))
            free_one = free_one ? free_one : user;
    }
    if (!free_one)
        return &rate->users[OF_OTHERS];
    *free_one = (RateUser){.uid = uid, .used = true, .due = USEC_INFINITY};
    return free_one;
}

/* Takes a token, of `burst` per period, if at least `spare` of them remain. */
static bool take(usec_t *limit, uint64_t burst, uint64_t spare, usec_t now) {
    if (burst == 0)
        return false;
    usec_t token = RATE_PERIOD / burst;
    if (limit_used(*limit, now) + token > token * (burst - spare))
        return false;
    limit_use(limit, token, now);
    return true;
}

static RateSum *begin_sum(Rate *rate, RateUser *user, usec_t now) {
    if (user->due == USEC_INFINITY) {
        user->sum = (RateSum){.uid = user->uid};
        user->from = now;
        user->due = now + RATE_PERIOD;
        if (user->due < rate->next_due)
            rate->next_due = user->due;
    }
    return &user->sum;
}

static void note_severity(RateSum *sum, const RateAlert *alert) {
    if (sum->n_flagged + sum->n_reminders > 1 && alert->severity <= sum->worst)
        return;
    sum->worst = alert->severity;
    sum->endpoint = alert->endpoint;
}

static void count_alert(Rate *rate, RateUser *user, const RateAlert *alert, usec_t now) {
    RateSum *sum = begin_sum(rate, user, now);
    sum->n_flagged++;
    note_severity(sum, alert);
}

bool rate_take_alert(Rate *rate, const RateAlert *alert, usec_t now) {
    RateUser *user = find_user(rate, alert->uid, now);
    uint64_t reserve = (rate->burst + 1) / 2;

    if (take(&user->limits[BUCKET_ALL], rate->burst, 0, now) ||
        (alert->severity >= SEVERITY_ERROR && take(&user->limits[BUCKET_ERROR], reserve, 0, now)) ||
        (alert->severity >= SEVERITY_CRITICAL &&
         take(&user->limits[BUCKET_CRITICAL], reserve, 0, now)))
        return true;
    count_alert(rate, user, alert, now);
    return false;
}

bool rate_take_reminder(Rate *rate, const RateAlert *alert, usec_t now) {
    RateUser *user = find_user(rate, alert->uid, now);
    if (take(&user->limits[BUCKET_ALL], rate->burst, rate->burst / 2, now))
        return true;
    RateSum *sum = begin_sum(rate, user, now);
    sum->n_reminders++;
    note_severity(sum, alert);
    return false;
}

bool rate_take_transient(Rate *rate, const RateAlert *alert, usec_t now) {
    RateUser *user = find_user(rate, alert->uid, now);
    if (take(&user->limits[BUCKET_TRANSIENT], RATE_TRANSIENTS, 0, now))
        return true;
    count_alert(rate, user, alert, now);
    return false;
}

void rate_add_refused(Rate *rate, uid_t uid, uint64_t count, usec_t now) {
    RateSum *sum = begin_sum(rate, find_user(rate, uid, now), now);
    if (count > sum->n_refused)
        sum->n_refused = count;
}

usec_t rate_next_deadline(const Rate *rate) {
    return rate->next_due;
}

void rate_tick(Rate *rate, usec_t now, void (*sink)(void *userdata, const RateSum *sum),
               void *userdata) {
    if (now < rate->next_due)
        return;
    rate->next_due = USEC_INFINITY;
    for (size_t i = 0; i < rate->n_users; i++) {
        RateUser *user = &rate->users[i];
        if (user->due <= now) {
            user->sum.span = now - user->from;
            user->due = USEC_INFINITY;
            sink(userdata, &user->sum);
        } else if (user->due < rate->next_due) {
            rate->next_due = user->due;
        }
    }
}
