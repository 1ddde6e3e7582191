/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/subuids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/parse.h"

/* useradd(8) makes names of 32 bytes at most; LDAP's may be longer. */
#define NAME_MAX_LENGTH 255

void subuids_done(Subuids *subuids) {
    free(subuids->ranges);
    *subuids = (Subuids){};
}

/* One line; false: it gives nobody anything. */
static bool parse_line(const char *line, size_t length,
                       int (*find_user)(void *userdata, const char *name, uid_t *ret),
                       void *userdata, SubuidRange *ret) {
    const char *end = line + length, *first = memchr(line, ':', length);
    const char *count = first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
    char name[NAME_MAX_LENGTH + 1];
    uint64_t owner, from, n;

    if (!count || first == line || first - line > NAME_MAX_LENGTH ||
        parse_unsigned(first + 1, (size_t)(count - first - 1), UINT32_MAX - 1, &from) < 0 ||
        parse_unsigned(count + 1, (size_t)(end - count - 1), UINT32_MAX, &n) < 0 || from == 0 ||
        n == 0 || n > UINT32_MAX - from)
        return false;
    memcpy(name, line, (size_t)(first - line));
    name[first - line] = '\0';
    *ret = (SubuidRange){.first = (uint32_t)from, .last = (uint32_t)(from + n - 1)};
    if (parse_unsigned(name, strlen(name), UINT32_MAX - 1, &owner) == 0) {
        ret->owner = (uid_t)owner;
        return true;
    }
    return find_user(userdata, name, &ret->owner) == 0;
}

static int compare_ranges(const void *left, const void *right) {
    const SubuidRange *a = left, *b = right;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a->last > b->last) - (a->last < b->last);
}

/* Sorts, and takes from each range what the ones before it have. */
static void sort_ranges(Subuids *subuids) {
    size_t n = 0;
    if (subuids->n > 1)
        qsort(subuids->ranges, subuids->n, sizeof(*subuids->ranges), compare_ranges);
    for (size_t i = 0; i < subuids->n; i++) {
        SubuidRange range = subuids->ranges[i];
        if (n > 0 && range.first <= subuids->ranges[n - 1].last) {
            if (range.last <= subuids->ranges[n - 1].last)
                continue;
            range.first = subuids->ranges[n - 1].last + 1;
        }
        subuids->ranges[n++] = range;
    }
    subuids->n = n;
}

int subuids_parse(const char *text, size_t length,
                  int (*find_user)(void *userdata, const char *name, uid_t *ret), void *userdata,
                  Subuids *ret) {
    Subuids subuids = {};

    for (const char *line = text, *end = text + length; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = (size_t)((newline ?: end) - line);
        SubuidRange range;
        if (subuids.n < SUBUID_RANGES_MAX &&
            parse_line(line, line_length, find_user, userdata, &range)) {
            int r = ARRAY_RESERVE(subuids.ranges, subuids.allocated, subuids.n + 1);
            if (r < 0) {
                subuids_done(&subuids);
                return r;
            }
            subuids.ranges[subuids.n++] = range;
        }
        line += line_length + 1;
    }
    sort_ranges(&subuids);
    *ret = subuids;
    return 0;
}

uid_t subuids_owner(const Subuids *subuids, uid_t uid) {
    size_t low = 0, high = subuids->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (subuids->ranges[middle].last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < subuids->n && subuids->ranges[low].first <= uid ? subuids->ranges[low].owner : uid;
}
