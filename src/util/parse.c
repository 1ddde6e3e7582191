/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/memory.h"

int parse_unsigned(const char *text, size_t length, uint64_t max, uint64_t *ret) {
    uint64_t value = 0;
    bool above = false;

    if (length == 0)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        above |= __builtin_mul_overflow(value, 10, &value) ||
                 __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value) || value > max;
    }
    if (above)
        return -ERANGE;
    *ret = value;
    return 0;
}

/* The units of systemd.time(7), with the same lengths of a month and a year. */
static const struct {
    const char *names; /* each between spaces */
    usec_t usec;
} duration_units[] = {
    {" us usec ", 1},
    {" ms msec ", USEC_PER_MSEC},
    {" s sec second seconds ", USEC_PER_SEC},
    {" m min minute minutes ", USEC_PER_MINUTE},
    {" h hr hour hours ", USEC_PER_HOUR},
    {" d day days ", USEC_PER_DAY},
    {" w week weeks ", 7 * USEC_PER_DAY},
    {" M month months ", 2629800 * USEC_PER_SEC},
    {" y year years ", 31557600 * USEC_PER_SEC},
};

/* Returns the unit of that name, or 0. */
static usec_t duration_unit(const char *name, size_t length) {
    char wanted[16];

    if (length == 0 || length + 3 > sizeof(wanted))
        return 0;
    snprintf(wanted, sizeof(wanted), " %.*s ", (int)length, name);
    for (size_t i = 0; i < ELEMENTS(duration_units); i++)
        if (strstr(duration_units[i].names, wanted))
            return duration_units[i].usec;
    return 0;
}

/* Returns the end of the longest part of text[at..length) with only characters `in` the set, or
 * with `in` false, with none of them. */
static size_t span_end(const char *text, size_t at, size_t length, const char *set, bool in) {
    while (at < length && (text[at] != '\0' && strchr(set, text[at])) == in)
        at++;
    return at;
}

int parse_duration(const char *text, size_t length, usec_t *ret) {
    usec_t span = 0;

    for (size_t at = 0, end; at < length || at == 0; at = end) {
        uint64_t count;
        usec_t part;

        size_t number = at > 0 ? span_end(text, at, length, " ", true) : 0;
        size_t blank = span_end(text, number, length, "0123456789", true);
        size_t name = span_end(text, blank, length, " ", true);
        end = span_end(text, name, length, " 0123456789", false);
        usec_t unit = duration_unit(text + name, end - name);
        if (unit == 0)
            return -EINVAL;
        int r = parse_unsigned(text + number, blank - number, UINT64_MAX - 1, &count);
        if (r < 0)
            return r;
        if (__builtin_mul_overflow(count, unit, &part) || __builtin_add_overflow(span, part, &span))
            return -ERANGE;
    }
    if (span == USEC_INFINITY)
        return -ERANGE;
    *ret = span;
    return 0;
}

static bool date_exists(int year, int month, int day) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (leap && month == 2);
}

/* The digits at text[0..length) that a shape has vouched for. */
static int digits_value(const char *text, size_t length) {
    int value = 0;
    while (length-- > 0)
        value = value * 10 + (*text++ - '0');
    return value;
}

static bool has_shape(const char *text, size_t length, const char *shape) {
    if (strlen(shape) != length)
        return false;
    for (size_t at = 0; at < length; at++)
        if (shape[at] == 'd' ? text[at] < '0' || text[at] > '9' : text[at] != shape[at])
            return false;
    return true;
}

int parse_local_time(const char *text, size_t length, usec_t *ret) {
    bool minutes = has_shape(text, length, "dddd-dd-ddTdd:dd");
    bool seconds = has_shape(text, length, "dddd-dd-ddTdd:dd:dd");
    if (!minutes && !seconds && !has_shape(text, length, "dddd-dd-dd"))
        return -EINVAL;

    struct tm tm = {
        .tm_year = digits_value(text, 4) - 1900,
        .tm_mon = digits_value(text + 5, 2) - 1,
        .tm_mday = digits_value(text + 8, 2),
        .tm_hour = minutes || seconds ? digits_value(text + 11, 2) : 0,
        .tm_min = minutes || seconds ? digits_value(text + 14, 2) : 0,
        .tm_sec = seconds ? digits_value(text + 17, 2) : 0,
        .tm_isdst = -1,
    };
    /* mktime() makes 3 March of 31 February: such a date is the user's slip, not a date. */
    if (!date_exists(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 59)
        return -EINVAL;

    /* An hour that the clocks jump over (at midnight, in some zones) counts in winter time: then
     * the first second of such a day is the moment of the jump, and not the day before. */
    struct tm normal = tm;
    time_t since_epoch = mktime(&normal);
    if (normal.tm_hour != tm.tm_hour || normal.tm_min != tm.tm_min) {
        tm.tm_isdst = 0;
        since_epoch = mktime(&tm);
    }
    if (since_epoch < 0)
        return -ERANGE;
    *ret = (usec_t)since_epoch * USEC_PER_SEC;
    return 0;
}

void format_rfc3339(usec_t realtime, char buffer[static RFC3339_SIZE]) {
    time_t seconds = (time_t)(realtime / USEC_PER_SEC);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm)) {
        buffer[0] = '\0';
        return;
    }
    size_t length = strftime(buffer, RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buffer + length, RFC3339_SIZE - length, ".%06" PRIu64 "Z", realtime % USEC_PER_SEC);
}

void format_local_time(usec_t realtime, char buffer[static LOCAL_TIME_SIZE]) {
    time_t seconds = (time_t)(realtime / USEC_PER_SEC);
    struct tm tm;
    if (!localtime_r(&seconds, &tm) || strftime(buffer, LOCAL_TIME_SIZE, "%F %T", &tm) == 0)
        memcpy(buffer, "0000-00-00 00:00:00", LOCAL_TIME_SIZE);
}

void format_duration(usec_t span, char buffer[static DURATION_SIZE]) {
    static const struct {
        const char *name;
        usec_t usec;
    } units[] = {
        {"d", USEC_PER_DAY},
        {"h", USEC_PER_HOUR},
        {"min", USEC_PER_MINUTE},
        {"s", USEC_PER_SEC},
    };

    for (size_t i = 0; i < ELEMENTS(units); i++) {
        if (span < units[i].usec)
            continue;
        int length =
            snprintf(buffer, DURATION_SIZE, "%" PRIu64 "%s", span / units[i].usec, units[i].name);
        if (i + 1 < ELEMENTS(units) && span % units[i].usec >= units[i + 1].usec)
            snprintf(buffer + length, DURATION_SIZE - (size_t)length, " %" PRIu64 "%s",
                     span % units[i].usec / units[i + 1].usec, units[i + 1].name);
        return;
    }
    snprintf(buffer, DURATION_SIZE, "%" PRIu64 "ms", span / (USEC_PER_SEC / 1000));
}
