/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/glob.h"

#include <stddef.h>
#include <string.h>

bool glob_is_pattern(const char *text) {
    return strpbrk(text, "*?[\\") != NULL;
}

/* The `]` that closes the set which begins at `[`, or NULL: then `[` is an ordinary character. */
static const char *set_end(const char *set) {
    const char *at = set + 1;
    if (*at == '!' || *at == '^')
        at++;
    if (*at == ']')
        at++;
    return strchr(at, ']');
}

static bool set_holds(const char *set, const char *end, unsigned char c) {
    const char *at = set + 1;
    bool negated = *at == '!' || *at == '^';
    bool found = false;

    for (at += negated; at < end; at++) {
        unsigned char low = (unsigned char)*at, high = low;
        if (at[1] == '-' && at + 2 < end) {
            high = (unsigned char)at[2];
            at += 2;
        }
        found |= low <= c && c <= high;
    }
    return found != negated;
}

/* One pattern element against one character; *ret_next is the element after it. */
static bool element_matches(const char *pattern, unsigned char c, GlobFlags flags,
                            const char **ret_next) {
    const char *end;

    *ret_next = pattern + 1;
    switch (*pattern) {
    case '?':
        return !(flags & GLOB_PATH && c == '/');
    case '[':
        end = set_end(pattern);
        if (!end)
            return c == '[';
        *ret_next = end + 1;
        return !(flags & GLOB_PATH && c == '/') && set_holds(pattern, end, c);
    case '\\':
        if (pattern[1]) {
            *ret_next = pattern + 2;
            return c == (unsigned char)pattern[1];
        }
        return c == '\\';
    default:
        return c == (unsigned char)*pattern;
    }
}

/*
 * Only the last star is ever tried again: whatever an earlier one could take in addition, the last
 * can take too, so two marks replace the recursion. With GLOB_PATH a star that meets `/` is spent,
 * and an earlier one could not have crossed that `/` either.
 */
bool glob_matches(const char *pattern, const char *text, GlobFlags flags) {
    const char *star = NULL, *star_text = NULL;

    while (*text) {
        const char *next;
        if (*pattern == '*') {
            star = ++pattern;
            star_text = text;
        } else if (*pattern && element_matches(pattern, (unsigned char)*text, flags, &next)) {
            pattern = next;
            text++;
        } else if (star && !(flags & GLOB_PATH && *star_text == '/')) {
            pattern = star;
            text = ++star_text;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
