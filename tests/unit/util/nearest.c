/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/nearest.h"

#include <criterion/criterion.h>
#include <string.h>

#include "util/memory.h"

static const char *const verbs[] = {"status",  "list",  NULL,    "show", "scan",
                                    "explain", "check", "rules", "watch"};

static const char *nearest_verb(const char *word) {
    return nearest_word(word, verbs, ELEMENTS(verbs));
}

Test(nearest, slips_of_the_finger) {
    cr_assert_str_eq(nearest_verb("stauts"), "status"); /* two letters changed places */
    cr_assert_str_eq(nearest_verb("statu"), "status");
    cr_assert_str_eq(nearest_verb("sstatus"), "status");
    cr_assert_str_eq(nearest_verb("explian"), "explain");
    cr_assert_str_eq(nearest_verb("scsn"), "scan");
    cr_assert_str_eq(nearest_verb("lsit"), "list");
    cr_assert_str_eq(nearest_verb("list"), "list");

    static const char *const protocols[] = {"tcp", "udp"};
    cr_assert_str_eq(nearest_word("tc", protocols, ELEMENTS(protocols)), "tcp");
}

Test(nearest, the_nearest_wins_and_of_two_the_first) {
    static const char *const words[] = {"abcdex", "abcdef", "abcdeg"};
    cr_assert_str_eq(nearest_word("abcdef", words, ELEMENTS(words)), "abcdef");
    cr_assert_str_eq(nearest_word("abcdez", words, ELEMENTS(words)), "abcdex");
}

Test(nearest, nothing_near_gives_nothing) {
    cr_assert_null(nearest_verb("frobnicate"));
    cr_assert_null(nearest_verb("sc"));
    cr_assert_null(nearest_verb(""));
    cr_assert_null(nearest_word("status", verbs, 0));
}

/* A very long word has a third that is longer than any candidate; it is near to none still. */
Test(nearest, long_words_are_near_to_nothing) {
    char word[4096];
    memset(word, 's', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    cr_assert_null(nearest_verb(word));
    word[100] = '\0';
    cr_assert_null(nearest_verb(word));
    word[32] = '\0';
    cr_assert_null(nearest_verb(word));

    const char *const longs[] = {word};
    cr_assert_str_eq(nearest_word("sssssssssssssssssssssssssssssssx", longs, 1), word);
}
