/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/parse.h"

#include <ctype.h>
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

static const struct {
    const char *name;
    usec_t usec;
} duration_units[] = {
    {"w", 7 * USEC_PER_DAY},  {"d", USEC_PER_DAY},    {"h", USEC_PER_HOUR},
    {"min", USEC_PER_MINUTE}, {"m", USEC_PER_MINUTE}, {"ms", USEC_PER_SEC / 1000},
    {"s", USEC_PER_SEC},
};

static int duration_unit(const char *name, size_t length, usec_t *ret) {
    for (size_t i = 0; i < ELEMENTS(duration_units); i++)
        if (strlen(duration_units[i].name) == length &&
            memcmp(duration_units[i].name, name, length) == 0) {
            *ret = duration_units[i].usec;
            return 0;
        }
    return -EINVAL;
}

int parse_duration(const char *text, size_t length, usec_t *ret) {
    usec_t span = 0;
    size_t at = 0;

    if (length == 0)
        return -EINVAL;
    while (at < length) {
        size_t digits = at, name;
        while (digits < length && text[digits] >= '0' && text[digits] <= '9')
            digits++;
        for (name = digits; name < length && text[name] >= 'a' && text[name] <= 'z'; name++)
            ;

        uint64_t count;
        usec_t unit, part;
        int r = duration_unit(text + digits, name - digits, &unit);
        if (r < 0)
            return r;
        r = parse_unsigned(text + at, digits - at, UINT64_MAX - 1, &count);
        if (r < 0)
            return r;
        if (__builtin_mul_overflow(count, unit, &part) ||
            __builtin_add_overflow(span, part, &span) || span == USEC_INFINITY)
            return -ERANGE;
        at = name;
    }
    *ret = span;
    return 0;
}

int parse_local_time(const char *text, size_t length, usec_t *ret) {
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};
    static const char *const shapes[] = {"dddd-dd-dd", "dddd-dd-ddTdd:dd", "dddd-dd-ddTdd:dd:dd"};

    for (size_t i = 0; i < ELEMENTS(forms); i++) {
        char copy[32];
        bool fits = strlen(shapes[i]) == length;
        for (size_t at = 0; fits && at < length; at++)
            fits = shapes[i][at] == 'd' ? isdigit((unsigned char)text[at]) != 0
                                        : text[at] == shapes[i][at];
        if (!fits)
            continue;
        memcpy(copy, text, length);
        copy[length] = '\0';

        struct tm tm = {}, normal;
        const char *end = strptime(copy, forms[i], &tm);
        if (!end || *end)
            return -EINVAL;
        tm.tm_isdst = -1;
        normal = tm;
        time_t seconds = mktime(&normal);
        /* mktime() makes 3 March of 31 February: such a date is the user's slip, not a date. */
        if (normal.tm_mday != tm.tm_mday || normal.tm_mon != tm.tm_mon)
            return -EINVAL;
        if (seconds < 0)
            return -ERANGE;
        *ret = (usec_t)seconds * USEC_PER_SEC;
        return 0;
    }
    return -EINVAL;
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
