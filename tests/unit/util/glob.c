/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/glob.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"

Test(glob, words) {
    cr_assert(glob_matches("", "", GLOB_NAME));
    cr_assert(!glob_matches("", "a", GLOB_NAME));
    cr_assert(!glob_matches("a", "", GLOB_NAME));
    cr_assert(glob_matches("wlan0", "wlan0", GLOB_NAME));
    cr_assert(!glob_matches("wlan0", "wlan01", GLOB_NAME));
    cr_assert(!glob_matches("wlan01", "wlan0", GLOB_NAME));
    cr_assert(glob_matches("wl*", "wlp3s0", GLOB_NAME));
    cr_assert(glob_matches("*", "", GLOB_NAME));
    cr_assert(glob_matches("**a**", "a", GLOB_NAME));
    cr_assert(glob_matches("tun?", "tun0", GLOB_NAME));
    cr_assert(!glob_matches("tun?", "tun", GLOB_NAME));
    cr_assert(glob_matches("?", "\xff", GLOB_NAME), "bytes, whatever the locale");
    cr_assert(glob_matches("*.service", "a.service.service", GLOB_NAME));
}

Test(glob, sets) {
    cr_assert(glob_matches("eth[0-3]", "eth3", GLOB_NAME));
    cr_assert(!glob_matches("eth[0-3]", "eth4", GLOB_NAME));
    cr_assert(glob_matches("eth[!0-3]", "eth4", GLOB_NAME));
    cr_assert(glob_matches("eth[^0-3]", "eth4", GLOB_NAME));
    cr_assert(!glob_matches("eth[!0-3]", "eth0", GLOB_NAME));
    cr_assert(glob_matches("[]x]", "]", GLOB_NAME), "a ] in first place is one of the set");
    cr_assert(glob_matches("[!]]", "x", GLOB_NAME));
    cr_assert(glob_matches("[a-]", "-", GLOB_NAME), "a - in last place is one of the set");
    cr_assert(!glob_matches("[z-a]", "m", GLOB_NAME), "a range that runs backwards is empty");
    cr_assert(glob_matches("[\x80-\xff]", "\xc3", GLOB_NAME), "bytes are unsigned");
    cr_assert(glob_matches("a[b", "a[b", GLOB_NAME), "unclosed, it is a character");
    cr_assert(!glob_matches("a[b", "ab", GLOB_NAME));
    cr_assert(glob_matches("[", "[", GLOB_NAME));
    cr_assert(glob_matches("[!", "[!", GLOB_NAME));
}

Test(glob, backslash_takes_the_next_literally) {
    cr_assert(glob_matches("a\\*b", "a*b", GLOB_NAME));
    cr_assert(!glob_matches("a\\*b", "axb", GLOB_NAME));
    cr_assert(glob_matches("\\[a]", "[a]", GLOB_NAME));
    cr_assert(glob_matches("\\\\", "\\", GLOB_NAME));
    cr_assert(glob_matches("a\\", "a\\", GLOB_NAME), "the last one stands for itself");
}

Test(glob, paths_do_not_cross_slashes) {
    cr_assert(glob_matches("/usr/*/node", "/usr/bin/node", GLOB_PATH));
    cr_assert(!glob_matches("/usr/*/node", "/usr/local/bin/node", GLOB_PATH));
    cr_assert(glob_matches("/usr/*/node", "/usr/local/bin/node", GLOB_NAME));
    cr_assert(!glob_matches("/usr?bin", "/usr/bin", GLOB_PATH));
    cr_assert(!glob_matches("/usr[/]bin", "/usr/bin", GLOB_PATH));
    cr_assert(!glob_matches("/usr[!a]bin", "/usr/bin", GLOB_PATH));
    cr_assert(glob_matches("/usr\\/bin", "/usr/bin", GLOB_PATH));
    cr_assert(glob_matches("/a*/b*/c", "/axx/bxx/c", GLOB_PATH));
}

Test(glob, what_makes_a_pattern) {
    cr_assert(!glob_is_pattern("/usr/bin/node-18.x (deleted)]"));
    cr_assert(glob_is_pattern("*"));
    cr_assert(glob_is_pattern("a?"));
    cr_assert(glob_is_pattern("a[b"));
    cr_assert(glob_is_pattern("a\\b"));
}

/* The plain recursion that the language is defined by; exponential, so for short texts alone. */
static bool reference(const char *p, const char *t, bool path) {
    if (!*p)
        return !*t;
    if (*p == '*')
        return reference(p + 1, t, path) ||
               (*t && !(path && *t == '/') && reference(p, t + 1, path));
    if (!*t)
        return false;
    if (*p == '?')
        return !(path && *t == '/') && reference(p + 1, t + 1, path);
    if (*p == '\\' && p[1])
        return p[1] == *t && reference(p + 2, t + 1, path);
    if (*p == '[') {
        bool negated = p[1] == '!' || p[1] == '^', found = false;
        const char *from = p + 1 + negated, *end = *from ? strchr(from + 1, ']') : NULL;
        if (end) {
            for (const char *s = from; s < end; s++) {
                char last = *s;
                if (s + 2 < end && s[1] == '-')
                    last = s[2];
                found |= *s <= *t && *t <= last;
                if (s + 2 < end && s[1] == '-')
                    s += 2;
            }
            return found != negated && !(path && *t == '/') && reference(end + 1, t + 1, path);
        }
    }
    return *p == *t && reference(p + 1, t + 1, path);
}

static void random_text(char *text, size_t size, const char *letters) {
    size_t length = (size_t)rand() % size;
    for (size_t i = 0; i < length; i++)
        text[i] = letters[(size_t)rand() % strlen(letters)];
    text[length] = '\0';
}

Test(glob, agrees_with_the_plain_recursion) {
    unsigned matched = 0;
    srand(20261121);
    for (unsigned round = 0; round < 400000; round++) {
        char pattern[9], text[9];
        random_text(pattern, sizeof(pattern), round % 2 ? "aab/**?" : "ab/*?[]!-\\");
        random_text(text, sizeof(text), round % 2 ? "aab/" : "ab/[]!-\\");
        for (int path = 0; path < 2; path++) {
            bool expected = reference(pattern, text, path);
            matched += expected;
            cr_assert_eq(glob_matches(pattern, text, path ? GLOB_PATH : GLOB_NAME), expected,
                         "pattern '%s' text '%s' path %d", pattern, text, path);
        }
    }
    cr_assert_gt(matched, 10000, "the texts were too seldom alike to prove anything");
}

/* A recursion would take some 10^60 steps here: the test would not end before its time is up. */
Test(glob, many_stars_cost_no_more_than_pattern_times_text, .timeout = 120) {
    enum { STARS = 200, TEXT = 20000 };
    _cleanup_free_ char *pattern = calloc(1, 2 * STARS + 2), *text = calloc(1, TEXT + 1);
    for (size_t i = 0; i < STARS; i++)
        memcpy(pattern + 2 * i, "*a", 2);
    pattern[sizeof("*a") - 1 + 2 * (STARS - 1)] = 'b';
    memset(text, 'a', TEXT);
    cr_assert(!glob_matches(pattern, text, GLOB_NAME));
    cr_assert(!glob_matches(pattern, text, GLOB_PATH));
    text[TEXT - 1] = 'b';
    cr_assert(glob_matches(pattern, text, GLOB_NAME));
}
