/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/diagnostics.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

static SourcePlace place_in(const char *text, size_t length, unsigned column, unsigned underline) {
    return (SourcePlace){
        .file = "a.rules",
        .line = 3,
        .column = column,
        .length = underline,
        .text = text,
        .text_length = length,
    };
}

static char *printed(const Diagnostics *diagnostics) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    diagnostics_print(diagnostics, out);
    fclose(out);
    return text;
}

static void assert_shown(const char *text, size_t length, unsigned column, unsigned underline,
                         const char *expected) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    SourcePlace place = place_in(text, length, column, underline);
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &place, "no");
    _cleanup_free_ char *shown = printed(diagnostics);
    cr_assert_str_eq(shown, expected);
}

#define ASSERT_SHOWN(literal, column, underline, expected)                                         \
    assert_shown(literal, sizeof(literal) - 1, column, underline, expected)

Test(diagnostics, caret_stands_under_the_place) {
    ASSERT_SHOWN("allow tcp port 70000 exe /usr/bin/node", 16, 5,
                 "a.rules:3:16: error: no\n"
                 "  allow tcp port 70000 exe /usr/bin/node\n"
                 "                 ^~~~~\n");
    ASSERT_SHOWN("x", 1, 1, "a.rules:3:1: error: no\n  x\n  ^\n");
}

Test(diagnostics, a_tab_is_one_blank) {
    ASSERT_SHOWN("\tallow\tx", 8, 1, "a.rules:3:8: error: no\n   allow x\n         ^\n");
}

Test(diagnostics, caret_counts_what_is_shown) {
    /* Two bytes, one cell; and one byte that takes four cells. */
    ASSERT_SHOWN("é x", 4, 1, "a.rules:3:4: error: no\n  é x\n    ^\n");
    ASSERT_SHOWN("\033 x", 3, 1, "a.rules:3:3: error: no\n  \\x1b x\n       ^\n");
    ASSERT_SHOWN("a\033b", 2, 1, "a.rules:3:2: error: no\n  a\\x1bb\n   ^~~~\n");
    ASSERT_SHOWN("日本", 4, 3, "a.rules:3:4: error: no\n  日本\n   ^\n");
    /* A column in the middle of a character is shown as the bytes that it splits. */
    ASSERT_SHOWN("é", 2, 1, "a.rules:3:2: error: no\n  \\xc3\\xa9\n      ^~~~\n");
}

Test(diagnostics, a_place_beyond_the_line_is_its_end) {
    ASSERT_SHOWN("allow", 6, 1, "a.rules:3:6: error: no\n  allow\n       ^\n");
    ASSERT_SHOWN("allow", 4000000000u, 4000000000u,
                 "a.rules:3:4000000000: error: no\n  allow\n       ^\n");
    ASSERT_SHOWN("allow", 3, 4000000000u, "a.rules:3:3: error: no\n  allow\n    ^~~\n");
    ASSERT_SHOWN("", 1, 1, "a.rules:3:1: error: no\n  \n  ^\n");
    ASSERT_SHOWN("ab\0cd", 4, 1, "a.rules:3:4: error: no\n  ab\n    ^\n");
}

Test(diagnostics, of_a_long_line_what_stands_around_the_place_is_shown) {
    enum { LENGTH = 100000, AT = 50000 };
    static char line[LENGTH], expected[2 * DIAGNOSTIC_TEXT_MAX];
    const int half = DIAGNOSTIC_TEXT_MAX / 2;
    memset(line, 'x', LENGTH);
    line[AT] = '!';
    int length = snprintf(expected, sizeof(expected), "a.rules:3:%d: error: no\n  …", AT + 1);
    memset(expected + length, 'x', DIAGNOSTIC_TEXT_MAX);
    expected[length + half] = '!';
    snprintf(expected + length + 2 * half, sizeof(expected) - (size_t)(length + 2 * half),
             "…\n   %*s^\n", half, "");
    assert_shown(line, LENGTH, AT + 1, 1, expected);

    /* Not in the middle of a character: the first half of `é` would be shown as a bad byte. */
    for (int i = 0; i + 1 < LENGTH; i += 2)
        memcpy(line + i, "é", 2);
    for (unsigned shift = 0; shift < 2; shift++) {
        _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
        SourcePlace place = place_in(line, LENGTH, AT + 1 + 2 * shift, 2);
        line[0] = 'x';
        place.text += 1 - shift;
        place.text_length -= 1 - shift;
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &place, "no");
        cr_expect(((unsigned char)diagnostics->items[0].text[0] & 0xc0) != 0x80);
    }
}

Test(diagnostics, without_a_column_the_line_alone) {
    ASSERT_SHOWN("allow", 0, 0, "a.rules:3: error: no\n  allow\n");
}

Test(diagnostics, without_line_or_file) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    diagnostics_add(diagnostics, DIAGNOSTIC_WARNING, &(SourcePlace){.file = "a\nb"}, "%s %d", "n",
                    1);
    diagnostics_add(diagnostics, DIAGNOSTIC_NOTE, &(SourcePlace){}, "hint");
    _cleanup_free_ char *shown = printed(diagnostics);
    cr_assert_str_eq(shown, "a\\nb: warning: n 1\nnote: hint\n");
    cr_assert_eq(diagnostics->n_errors, 0);
    cr_assert_eq(diagnostics->n_warnings, 1);
}

Test(diagnostics, everything_given_is_copied) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    char file[] = "a.rules", text[] = "allow";
    SourcePlace place = {
        .file = file, .line = 1, .column = 1, .length = 5, .text = text, .text_length = 5};
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &place, "no");
    memset(file, 'x', sizeof(file) - 1);
    memset(text, 'x', sizeof(text) - 1);
    _cleanup_free_ char *shown = printed(diagnostics);
    cr_assert_str_eq(shown, "a.rules:1:1: error: no\n  allow\n  ^~~~~\n");
}

Test(diagnostics, more_than_can_be_kept_are_counted) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    for (unsigned i = 1; i <= DIAGNOSTICS_MAX + 1; i++)
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &(SourcePlace){.line = i}, "e");
    cr_assert_eq(diagnostics->n_items, DIAGNOSTICS_MAX);
    cr_assert_eq(diagnostics->n_errors, DIAGNOSTICS_MAX + 1);
    cr_assert_eq(diagnostics->items[DIAGNOSTICS_MAX - 1].line, DIAGNOSTICS_MAX);
    _cleanup_free_ char *one = printed(diagnostics);
    cr_assert_not_null(strstr(one, "… and 1 more error\n"));

    for (unsigned i = 0; i < 3; i++)
        diagnostics_add(diagnostics, DIAGNOSTIC_WARNING, &(SourcePlace){}, "w");
    _cleanup_free_ char *more = printed(diagnostics);
    cr_assert_not_null(strstr(more, "… and 1 more error\n… and 3 more warnings\n"));
}

Test(diagnostics, an_error_takes_the_last_warnings_place) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    for (unsigned i = 1; i <= DIAGNOSTICS_MAX; i++)
        diagnostics_add(diagnostics, i == 10 || i == 20 ? DIAGNOSTIC_WARNING : DIAGNOSTIC_ERROR,
                        &(SourcePlace){.line = i}, "d");
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &(SourcePlace){.line = 51}, "d");
    cr_assert_eq(diagnostics->n_items, DIAGNOSTICS_MAX);
    cr_assert_eq(diagnostics->items[9].level, DIAGNOSTIC_WARNING, "the first one stays");
    cr_assert_eq(diagnostics->items[19].line, 21, "the others move up, in order");
    cr_assert_eq(diagnostics->items[49].line, 51);

    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &(SourcePlace){.line = 52}, "d");
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &(SourcePlace){.line = 53}, "d");
    cr_assert_eq(diagnostics->items[49].line, 52);
    cr_assert_eq(diagnostics->n_errors, 51);
    cr_assert_eq(diagnostics->n_warnings, 2);
    _cleanup_free_ char *shown = printed(diagnostics);
    cr_assert_not_null(strstr(shown, "… and 1 more error\n… and 2 more warnings\n"));
}

Test(diagnostics, a_warning_takes_no_place) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    for (unsigned i = 1; i <= DIAGNOSTICS_MAX + 1; i++)
        diagnostics_add(diagnostics, DIAGNOSTIC_WARNING, &(SourcePlace){.line = i}, "w");
    cr_assert_eq(diagnostics->items[DIAGNOSTICS_MAX - 1].line, DIAGNOSTICS_MAX);
}

Test(diagnostics, none_prints_nothing) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *shown = printed(diagnostics);
    cr_assert_str_eq(shown, "");
    cr_assert_null(diagnostics_free(NULL));
}
