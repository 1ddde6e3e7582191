/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs/when.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Saturday 2026-11-21 10:30:15 UTC. */
#define NOW (UINT64_C(1795257015) * USEC_PER_SEC)
#define DAY (UINT64_C(1795219200) * USEC_PER_SEC)

static void utc(void) {
    setenv("TZ", "UTC", 1);
    tzset();
}

static void is(const char *text, usec_t expected) {
    usec_t when = 0;
    cr_assert_eq(when_parse(text, NOW, &when), 0, "%s", text);
    cr_assert_eq(when, expected, "%s: %lu", text, when);
}

Test(when, words, .init = utc) {
    is("now", NOW);
    is("today", DAY);
    is("yesterday", DAY - USEC_PER_DAY);
    is("tomorrow", DAY + USEC_PER_DAY);
}

Test(when, times, .init = utc) {
    is("18:00", DAY + 18 * USEC_PER_HOUR);
    is("18:00:30", DAY + 18 * USEC_PER_HOUR + 30 * USEC_PER_SEC);
    is("2026-11-20", DAY - USEC_PER_DAY);
    is("2026-11-20 18:00", DAY - 6 * USEC_PER_HOUR);
    is("2026-11-20T18:00", DAY - 6 * USEC_PER_HOUR);
    is("2026-11-20 18:00:01", DAY - 6 * USEC_PER_HOUR + USEC_PER_SEC);
    is("-1h", NOW - USEC_PER_HOUR);
    is("-1h30m", NOW - 90 * USEC_PER_MINUTE);
    is("2d ago", NOW - 2 * USEC_PER_DAY);
    is("+5m", NOW + 5 * USEC_PER_MINUTE);
    is("@1795257015", NOW);
}

Test(when, spans_in_words, .init = utc) {
    is("1 hour ago", NOW - USEC_PER_HOUR);
    is("2 hours 30 min ago", NOW - 150 * USEC_PER_MINUTE);
    is("-2 days", NOW - 2 * USEC_PER_DAY);
    is("-3weeks", NOW - 21 * USEC_PER_DAY);
    is("+1 minute 5s", NOW + USEC_PER_MINUTE + 5 * USEC_PER_SEC);
    is("1 month ago", NOW - UINT64_C(2629800) * USEC_PER_SEC);
    is("-1M", NOW - UINT64_C(2629800) * USEC_PER_SEC);
    is("-1y", NOW - UINT64_C(31557600) * USEC_PER_SEC);
}

Test(when, none, .init = utc) {
    static const char *const bad[] = {
        "",
        "noon",
        "25:00",
        "18",
        "2026-02-30",
        "2026-11-20  18:00",
        "-",
        "-1",
        "--1h",
        "+",
        "ago",
        "1h ago ago",
        "1 ago",
        "@",
        "@-1",
        "@1x",
        "2026-11-20 ",
        "-99999999999999w",
        " ago",
        "-1 fortnight",
        "-1 hou",
        "-hour",
        "-1h  x",
        "1 hour  2 ago",
        " 1h",
        "now ",
        "2026-11-20T",
        "18:00:00:00",
    };
    usec_t when;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_lt(when_parse(bad[i], NOW, &when), 0, "%s", bad[i]);
    cr_assert_eq(when_parse("-9999w", USEC_PER_DAY, &when), -ERANGE);
}

/* The clock goes back an hour on 2026-10-25: that day has 25 hours. */
Test(when, days_of_25_hours) {
    usec_t now = UINT64_C(1792969200) * USEC_PER_SEC, today, yesterday;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    cr_assert_eq(when_parse("today", now, &today), 0);
    cr_assert_eq(when_parse("yesterday", now, &yesterday), 0);
    cr_assert_eq(today - yesterday, 25 * USEC_PER_HOUR);
}
