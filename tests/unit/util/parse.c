/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/parse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/memory.h"

static const uint64_t untouched = 4242;

static int number(const char *text, uint64_t max, uint64_t *ret) {
    *ret = untouched;
    return parse_unsigned(text, strlen(text), max, ret);
}

Test(parse, numbers) {
    uint64_t value;
    cr_assert_eq(number("0", 0, &value), 0);
    cr_assert_eq(value, 0);
    cr_assert_eq(number("65535", 65535, &value), 0);
    cr_assert_eq(value, 65535);
    cr_assert_eq(number("18446744073709551615", UINT64_MAX, &value), 0);
    cr_assert_eq(value, UINT64_MAX);
    cr_assert_eq(number("00022", 65535, &value), 0);
    cr_assert_eq(value, 22);
}

Test(parse, numbers_out_of_range) {
    static const char *const large[] = {"65536", "18446744073709551616", "99999999999999999999999",
                                        "184467440737095516160", "18446744073709551617"};
    uint64_t value;
    for (size_t i = 0; i < ELEMENTS(large); i++) {
        cr_assert_eq(number(large[i], 65535, &value), -ERANGE, "%s", large[i]);
        cr_assert_eq(value, untouched);
    }
    cr_assert_eq(number("18446744073709551616", UINT64_MAX, &value), -ERANGE);
    cr_assert_eq(number("30000000000000000000", UINT64_MAX, &value), -ERANGE);
}

Test(parse, what_is_no_number) {
    static const char *const words[] = {"",    "-1",  "+1", " 1", "1 ",
                                        "0x1", "1e3", "1.", "１", "99999999999999999999999x"};
    uint64_t value;
    for (size_t i = 0; i < ELEMENTS(words); i++) {
        cr_assert_eq(number(words[i], UINT64_MAX, &value), -EINVAL, "%s", words[i]);
        cr_assert_eq(value, untouched);
    }
    cr_assert_eq(parse_unsigned("1\0002", 3, 1000, &value), -EINVAL);
    cr_assert_eq(parse_unsigned("123", 2, 1000, &value), 0, "not a byte beyond the length");
    cr_assert_eq(value, 12);
}

static int duration(const char *text, usec_t *ret) {
    *ret = untouched;
    return parse_duration(text, strlen(text), ret);
}

Test(parse, durations) {
    static const struct {
        const char *text;
        usec_t span;
    } good[] = {
        {"1h30m", 90 * USEC_PER_MINUTE},
        {"30m1h", 90 * USEC_PER_MINUTE},
        {"500ms", USEC_PER_SEC / 2},
        {"1m", USEC_PER_MINUTE},
        {"1min", USEC_PER_MINUTE},
        {"0s", 0},
        {"2w", 14 * USEC_PER_DAY},
        {"1d1h1m1s1ms", USEC_PER_DAY + USEC_PER_HOUR + USEC_PER_MINUTE + USEC_PER_SEC + 1000},
        {"1h 30m", 90 * USEC_PER_MINUTE},
        {"1 hour 30 minutes", 90 * USEC_PER_MINUTE},
        {"2 days", 2 * USEC_PER_DAY},
        {"7us", 7},
        {"1M", UINT64_C(2629800) * USEC_PER_SEC},
        {"1y", UINT64_C(31557600) * USEC_PER_SEC},
        {"18446744073709551ms", UINT64_C(18446744073709551000)},
    };
    usec_t span;
    for (size_t i = 0; i < ELEMENTS(good); i++) {
        cr_assert_eq(duration(good[i].text, &span), 0, "%s", good[i].text);
        cr_assert_eq(span, good[i].span, "%s", good[i].text);
    }
}

Test(parse, what_is_no_duration) {
    static const char *const words[] = {"",      "30",    "s",     "1H",  "-1s", "1hs",
                                        "1.5h",  "h1",    "1h30",  "1s ", " 1s", "1 ",
                                        "never", "1 h h", "1 hou", "1  "};
    static const char *const large[] = {"99999999999999999999w",  "30500569w",
                                        "18446744073710s",        "18446744073709551615s",
                                        "15250284w15250285w",     "18446744073709551ms1s",
                                        "18446744073709551615us", "18446744073709551614us1us"};
    usec_t span;
    for (size_t i = 0; i < ELEMENTS(words); i++) {
        cr_assert_eq(duration(words[i], &span), -EINVAL, "%s", words[i]);
        cr_assert_eq(span, untouched);
    }
    for (size_t i = 0; i < ELEMENTS(large); i++) {
        cr_assert_eq(duration(large[i], &span), -ERANGE, "%s", large[i]);
        cr_assert_eq(span, untouched);
    }
}

static int local_time(const char *zone, const char *text, usec_t *ret) {
    setenv("TZ", zone, 1);
    tzset();
    *ret = untouched;
    return parse_local_time(text, strlen(text), ret);
}

/* Zones are written out, so that no zone files are needed. */
#define UTC    "UTC0"
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define CAIRO  "EET-2EEST,M4.5.5/0,M10.5.4/24" /* summer begins at midnight */

static void assert_time(const char *zone, const char *text, const char *expected) {
    usec_t time;
    char buffer[RFC3339_SIZE];
    cr_assert_eq(local_time(zone, text, &time), 0, "%s in %s", text, zone);
    format_rfc3339(time, buffer);
    cr_assert_str_eq(buffer, expected, "%s in %s gave %s", text, zone, buffer);
}

Test(parse, local_times) {
    assert_time(UTC, "1970-01-01", "1970-01-01T00:00:00.000000Z");
    assert_time(UTC, "2026-12-31", "2026-12-31T00:00:00.000000Z");
    assert_time(UTC, "2026-12-31T18:00", "2026-12-31T18:00:00.000000Z");
    assert_time(UTC, "2026-12-31T23:59:59", "2026-12-31T23:59:59.000000Z");
    assert_time(UTC, "2024-02-29", "2024-02-29T00:00:00.000000Z");
    assert_time(UTC, "2000-02-29", "2000-02-29T00:00:00.000000Z");
    assert_time(UTC, "9999-12-31", "9999-12-31T00:00:00.000000Z");
    assert_time(BERLIN, "2026-01-01", "2025-12-31T23:00:00.000000Z");
    assert_time(BERLIN, "2026-07-01T12:00", "2026-07-01T10:00:00.000000Z");
}

Test(parse, times_that_the_clocks_jump_over) {
    assert_time(BERLIN, "2026-03-29T01:59", "2026-03-29T00:59:00.000000Z");
    assert_time(BERLIN, "2026-03-29T02:30", "2026-03-29T01:30:00.000000Z");
    assert_time(BERLIN, "2026-03-29T03:00", "2026-03-29T01:00:00.000000Z");
    /* A day that has no midnight begins at one. */
    assert_time(CAIRO, "2026-04-24", "2026-04-23T22:00:00.000000Z");
    assert_time(CAIRO, "2026-04-24T01:00", "2026-04-23T22:00:00.000000Z");
    assert_time(CAIRO, "2026-04-25", "2026-04-24T21:00:00.000000Z");
}

Test(parse, what_is_no_time) {
    static const char *const words[] = {
        "",
        "2026",
        "2026-12",
        "2026-1-1",
        "26-12-31",
        "2026/12/31",
        "2026-12-31 18:00",
        "2026-12-31T18",
        "2026-12-31T18:00Z",
        "2026-12-31T18:00:00.5",
        " 2026-12-31",
        "2026-12-31 ",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "2026-02-29",
        "2100-02-29",
        "2026-02-31",
        "2026-04-31",
        "2026-12-31T24:00",
        "2026-12-31T18:60",
        "2026-12-31T18:00:60",
        "2026-12-31T-1:00",
        "+026-12-31",
    };
    usec_t time;
    for (size_t i = 0; i < ELEMENTS(words); i++) {
        cr_assert_eq(local_time(UTC, words[i], &time), -EINVAL, "%s", words[i]);
        cr_assert_eq(time, untouched);
    }
    cr_assert_eq(local_time(UTC, "1969-12-31T23:59:59", &time), -ERANGE);
    cr_assert_eq(local_time(UTC, "0000-01-01", &time), -ERANGE);
    cr_assert_eq(local_time(BERLIN, "1970-01-01", &time), -ERANGE);
    cr_assert_eq(time, untouched);
}

Test(parse, times_are_written_with_microseconds) {
    char buffer[RFC3339_SIZE];
    format_rfc3339(0, buffer);
    cr_assert_str_eq(buffer, "1970-01-01T00:00:00.000000Z");
    format_rfc3339(1, buffer);
    cr_assert_str_eq(buffer, "1970-01-01T00:00:00.000001Z");
    format_rfc3339(USEC_INFINITY, buffer);
    cr_assert_str_eq(buffer, "586524-01-19T08:01:49.551615Z");
}

Test(parse, spans_are_written_in_two_units) {
    static const struct {
        usec_t span;
        const char *text;
    } spans[] = {
        {0, "0ms"},
        {999, "0ms"},
        {999999, "999ms"},
        {USEC_PER_SEC, "1s"},
        {59 * USEC_PER_SEC + 999999, "59s"},
        {USEC_PER_MINUTE, "1min"},
        {61 * USEC_PER_SEC, "1min 1s"},
        {2 * USEC_PER_HOUR + 5 * USEC_PER_MINUTE + 7 * USEC_PER_SEC, "2h 5min"},
        {USEC_PER_DAY + USEC_PER_MINUTE, "1d"},
        {30 * USEC_PER_HOUR, "1d 6h"},
        {USEC_INFINITY, "213503982d 8h"},
    };
    char buffer[DURATION_SIZE];
    for (size_t i = 0; i < ELEMENTS(spans); i++) {
        format_duration(spans[i].span, buffer);
        cr_assert_str_eq(buffer, spans[i].text);
    }
}

Test(parse, formats_local_times) {
    char buffer[LOCAL_TIME_SIZE];
    setenv("TZ", BERLIN, 1);
    tzset();
    format_local_time(0, buffer);
    cr_assert_str_eq(buffer, "1970-01-01 01:00:00");
    cr_assert_str_eq(buffer + LOCAL_TIME_OF_DAY, "01:00:00");
    format_local_time(USEC_INFINITY, buffer);
    cr_assert_str_eq(buffer, "0000-00-00 00:00:00");
}
