/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs/when.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_SIZE 16

/* The day that many days from now, as `2026-11-20`. */
static int day_text(usec_t now, int days, char buffer[static DAY_SIZE]) {
    time_t seconds = (time_t)(now / USEC_PER_SEC);
    struct tm tm;

    if (!localtime_r(&seconds, &tm))
        return -EINVAL;
    /* At noon no change of the clock's hour leads to another day. */
    tm.tm_hour = 12;
    tm.tm_mday += days;
    tm.tm_isdst = -1;
    if (mktime(&tm) == (time_t)-1 || strftime(buffer, DAY_SIZE, "%Y-%m-%d", &tm) == 0)
        return -EINVAL;
    return 0;
}

static int parse_day(usec_t now, int days, usec_t *ret) {
    char day[DAY_SIZE];
    int r = day_text(now, days, day);
    return r < 0 ? r : parse_local_time(day, strlen(day), ret);
}

/* `18:00`, `18:00:30`: of today. */
static int parse_clock(const char *text, usec_t now, usec_t *ret) {
    char day[DAY_SIZE], whole[64];
    int r = day_text(now, 0, day);
    if (r < 0)
        return r;
    if (snprintf(whole, sizeof(whole), "%sT%s", day, text) >= (int)sizeof(whole))
        return -EINVAL;
    return parse_local_time(whole, strlen(whole), ret);
}

static int parse_date(const char *text, usec_t *ret) {
    char whole[64];
    if (strlen(text) >= sizeof(whole))
        return -EINVAL;
    memcpy(whole, text, strlen(text) + 1);
    char *blank = strchr(whole, ' ');
    if (blank)
        *blank = 'T';
    return parse_local_time(whole, strlen(whole), ret);
}

static int parse_past(const char *text, size_t length, usec_t now, usec_t *ret) {
    usec_t span;
    int r = parse_duration(text, length, &span);
    if (r < 0)
        return r;
    if (span > now)
        return -ERANGE;
    *ret = now - span;
    return 0;
}

static int parse_future(const char *text, usec_t now, usec_t *ret) {
    usec_t span;
    int r = parse_duration(text, strlen(text), &span);
    if (r < 0)
        return r;
    if (span > USEC_INFINITY - now)
        return -ERANGE;
    *ret = now + span;
    return 0;
}

static int parse_epoch(const char *text, usec_t *ret) {
    uint64_t seconds;
    int r = parse_unsigned(text, strlen(text), USEC_INFINITY / USEC_PER_SEC - 1, &seconds);
    if (r == 0)
        *ret = seconds * USEC_PER_SEC;
    return r;
}

int when_parse(const char *text, usec_t now, usec_t *ret) {
    static const char ago[] = " ago";
    size_t length = strlen(text), tail = sizeof(ago) - 1;

    if (strcmp(text, "now") == 0) {
        *ret = now;
        return 0;
    }
    if (strcmp(text, "today") == 0)
        return parse_day(now, 0, ret);
    if (strcmp(text, "yesterday") == 0)
        return parse_day(now, -1, ret);
    if (strcmp(text, "tomorrow") == 0)
        return parse_day(now, 1, ret);
    if (text[0] == '-')
        return parse_past(text + 1, length - 1, now, ret);
    if (text[0] == '+')
        return parse_future(text + 1, now, ret);
    if (text[0] == '@')
        return parse_epoch(text + 1, ret);
    if (length > tail && strcmp(text + length - tail, ago) == 0)
        return parse_past(text, length - tail, now, ret);
    return strchr(text, '-') ? parse_date(text, ret) : parse_clock(text, now, ret);
}
