/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/rate.h"

#include <criterion/criterion.h>

TestSuite(rate);

typedef struct Sums {
    unsigned n;
    RateSum last;
    uint64_t n_flagged;
} Sums;

static void sink(void *userdata, const RateSum *sum) {
    Sums *sums = userdata;
    sums->n++;
    sums->last = *sum;
    sums->n_flagged += sum->n_flagged;
}

static const RateAlert *asked(uid_t uid, Severity severity, uint16_t port) {
    static RateAlert alert;
    alert = (RateAlert){uid, severity, {.port = port}};
    return &alert;
}

static unsigned take(Rate *rate, uid_t uid, unsigned tries, usec_t now) {
    unsigned n = 0;
    for (unsigned i = 0; i < tries; i++)
        n += rate_take_alert(rate, asked(uid, SEVERITY_WARNING, 80), now);
    return n;
}

Test(rate, lets_a_burst_through_and_as_many_a_minute) {
    _cleanup_rate_ Rate *rate = rate_new(4, 10);
    usec_t now = USEC_PER_DAY;
    cr_assert_eq(rate_next_deadline(rate), USEC_INFINITY);
    cr_assert_eq(take(rate, 1000, 100, now), 10);
    cr_assert_eq(take(rate, 1000, 100, now + 6 * USEC_PER_SEC - 1), 0);
    cr_assert_eq(take(rate, 1000, 100, now + 6 * USEC_PER_SEC), 1);
    cr_assert_eq(take(rate, 1000, 100, now + 30 * USEC_PER_SEC), 4);
    cr_assert_eq(take(rate, 1000, 100, now + USEC_PER_HOUR), 10);
    rate_set_burst(rate, 0);
    cr_assert_eq(take(rate, 1000, 100, now + USEC_PER_DAY), 0);
}

Test(rate, tells_the_sum_once_a_minute) {
    _cleanup_rate_ Rate *rate = rate_new(4, 2);
    Sums sums = {0};
    usec_t now = USEC_PER_DAY;
    take(rate, 1000, 5, now);
    /* Use the reserves for severity error and critical. */
    cr_assert(rate_take_alert(rate, asked(1000, SEVERITY_CRITICAL, 1), now));
    cr_assert(rate_take_alert(rate, asked(1000, SEVERITY_CRITICAL, 2), now));
    cr_assert_not(rate_take_alert(rate, asked(1000, SEVERITY_CRITICAL, 6379), now + 1));
    cr_assert_not(rate_take_alert(rate, asked(1000, SEVERITY_CRITICAL, 4), now + 1));
    rate_take_reminder(rate, asked(1000, SEVERITY_ERROR, 5), now + 2);
    rate_add_refused(rate, 1000, 7, now + 2);
    rate_add_refused(rate, 1000, 5, now + 3);
    cr_assert_eq(rate_next_deadline(rate), now + RATE_PERIOD);
    rate_tick(rate, now + RATE_PERIOD - 1, sink, &sums);
    cr_assert_eq(sums.n, 0);
    rate_tick(rate, now + RATE_PERIOD, sink, &sums);
    cr_assert_eq(sums.n, 1);
    cr_assert_eq(sums.last.uid, 1000);
    cr_assert_eq(sums.last.n_flagged, 5);
    cr_assert_eq(sums.last.n_reminders, 1);
    cr_assert_eq(sums.last.n_refused, 7);
    cr_assert_eq(sums.last.worst, SEVERITY_CRITICAL);
    cr_assert_eq(sums.last.endpoint.port, 6379);
    cr_assert_eq(sums.last.span, RATE_PERIOD);
    cr_assert_eq(rate_next_deadline(rate), USEC_INFINITY);
    rate_tick(rate, now + USEC_PER_DAY, sink, &sums);
    cr_assert_eq(sums.n, 1);
}

Test(rate, leaves_tokens_to_alerts) {
    _cleanup_rate_ Rate *rate = rate_new(4, 10);
    unsigned n = 0;
    for (unsigned i = 0; i < 100; i++)
        n += rate_take_reminder(rate, asked(1000, SEVERITY_WARNING, 80), USEC_PER_DAY);
    cr_assert_eq(n, 5);
    cr_assert_eq(take(rate, 1000, 100, USEC_PER_DAY), 5);
}

Test(rate, reserves_alerts_for_severe_ones) {
    _cleanup_rate_ Rate *rate = rate_new(4, 10);
    usec_t now = USEC_PER_DAY;
    unsigned n_errors = 0, n_critical = 0;
    cr_assert_eq(take(rate, 1000, 100, now), 10);
    for (unsigned i = 0; i < 100; i++)
        n_errors += rate_take_alert(rate, asked(1000, SEVERITY_ERROR, 80), now);
    for (unsigned i = 0; i < 100; i++)
        n_critical += rate_take_alert(rate, asked(1000, SEVERITY_CRITICAL, 80), now);
    cr_assert_eq(n_errors, 5);
    cr_assert_eq(n_critical, 5);
    cr_assert_eq(take(rate, 1000, 100, now), 0);
    rate_set_burst(rate, 0);
    cr_assert_not(rate_take_alert(rate, asked(1001, SEVERITY_CRITICAL, 80), now));
}

/* A flood of forwards takes nothing from root, nor from those who are not told apart. */
Test(rate, keeps_forwards_apart) {
    _cleanup_rate_ Rate *rate = rate_new(1, 10);
    Sums sums = {0};
    usec_t now = USEC_PER_DAY;
    cr_assert_eq(take(rate, RATE_FORWARDS, 1000, now), 10);
    cr_assert_eq(take(rate, 0, 1000, now), 10);
    cr_assert_eq(take(rate, 1000, 1000, now), 10);
    cr_assert_eq(take(rate, RATE_FORWARDS, 1000, now + RATE_PERIOD / 10), 1);
    rate_tick(rate, now + RATE_PERIOD, sink, &sums);
    cr_assert_eq(sums.n, 3);
}

Test(rate, keeps_users_apart) {
    _cleanup_rate_ Rate *rate = rate_new(4, 10);
    Sums sums = {0};
    usec_t now = USEC_PER_DAY;
    cr_assert_eq(take(rate, 1000, 1000, now), 10);
    cr_assert_eq(take(rate, 1001, 1000, now), 10);
    rate_tick(rate, now + RATE_PERIOD, sink, &sums);
    cr_assert_eq(sums.n, 2);
}

Test(rate, shares_a_bucket_when_there_are_too_many_users) {
    _cleanup_rate_ Rate *rate = rate_new(3, 10);
    Sums sums = {0};
    usec_t now = USEC_PER_DAY;
    for (uid_t uid = 1; uid <= 3; uid++)
        cr_assert_eq(take(rate, uid, 2, now), 2);
    cr_assert_eq(take(rate, 4, 100, now), 10);
    cr_assert_eq(take(rate, 5, 100, now), 0); /* with 4 */
    cr_assert_eq(take(rate, 1, 100, now), 8); /* those before keep their own */
    rate_tick(rate, now + RATE_PERIOD, sink, &sums);
    cr_assert_eq(sums.n, 2);
    cr_assert_eq(sums.n_flagged, 92 + 90 + 100);
    /* Whose bucket is full again makes room. */
    now += 2 * RATE_PERIOD;
    cr_assert_eq(take(rate, 5, 100, now), 10);
    cr_assert_eq(take(rate, 6, 100, now), 10);
}
