/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/escape.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"

static void assert_escaped(const char *text, size_t length, const char *expected) {
    _cleanup_free_ char *escaped = text_escape(text, length);
    cr_assert_not_null(escaped);
    cr_assert_str_eq(escaped, expected);
}

#define ASSERT_ESCAPED(literal, expected) assert_escaped(literal, sizeof(literal) - 1, expected)

Test(escape, printable_text_stays_as_it_is) {
    ASSERT_ESCAPED("", "");
    ASSERT_ESCAPED(" node --inspect=0.0.0.0 ~", " node --inspect=0.0.0.0 ~");
    ASSERT_ESCAPED("dev-x\\x2dy.device", "dev-x\\x2dy.device");
    ASSERT_ESCAPED("Café ☕ 日本 😀", "Café ☕ 日本 😀");
    ASSERT_ESCAPED("\u00a0\U0010ffff", "\u00a0\U0010ffff");
}

Test(escape, control_characters_do_not_reach_a_terminal) {
    ASSERT_ESCAPED("a\nb\tc\rd", "a\\nb\\tc\\rd");
    ASSERT_ESCAPED("\033[31mred\033]0;title\a", "\\x1b[31mred\\x1b]0;title\\x07");
    ASSERT_ESCAPED("\0\x7f", "\\x00\\x7f");
    /* C1, where 9b alone starts an escape sequence in some terminals. */
    ASSERT_ESCAPED("\xc2\x80\xc2\x9b\xc2\x9f", "\\u0080\\u009b\\u009f");
}

Test(escape, invisible_characters_are_seen) {
    ASSERT_ESCAPED("a\u202eb\u2066c", "a\\u202eb\\u2066c");
    ASSERT_ESCAPED("\u200b\u200d\ufeff\u00ad\u061c", "\\u200b\\u200d\\ufeff\\u00ad\\u061c");
    ASSERT_ESCAPED("\u2028\u2029", "\\u2028\\u2029");
    ASSERT_ESCAPED("\u3164\uffa0\ufe0f", "\\u3164\\uffa0\\ufe0f");
    ASSERT_ESCAPED("\U000e0041\U000e0100", "\\U000e0041\\U000e0100");
}

Test(escape, invalid_utf8_is_escaped_byte_by_byte) {
    ASSERT_ESCAPED("\xff\xfe", "\\xff\\xfe");
    ASSERT_ESCAPED("\x80x", "\\x80x");
    ASSERT_ESCAPED("\xc3", "\\xc3");                                     /* cut short */
    ASSERT_ESCAPED("\xe2\x82", "\\xe2\\x82");                            /* cut short */
    ASSERT_ESCAPED("\xf0\x9f\x98", "\\xf0\\x9f\\x98");                   /* cut short */
    ASSERT_ESCAPED("\xe2(\xa1", "\\xe2(\\xa1");                          /* broken off */
    ASSERT_ESCAPED("\xc0\xaf", "\\xc0\\xaf");                            /* overlong / */
    ASSERT_ESCAPED("\xe0\x80\xaf", "\\xe0\\x80\\xaf");                   /* overlong / */
    ASSERT_ESCAPED("\xf0\x80\x80\x8a", "\\xf0\\x80\\x80\\x8a");          /* overlong newline */
    ASSERT_ESCAPED("\xed\xa0\x80", "\\xed\\xa0\\x80");                   /* a surrogate */
    ASSERT_ESCAPED("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");          /* above U+10FFFF */
    ASSERT_ESCAPED("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"); /* five bytes */
}

Test(escape, longest_results_fit) {
    char bytes[4096], marks[4096 + 1];

    memset(bytes, 0xff, sizeof(bytes));
    _cleanup_free_ char *escaped = text_escape(bytes, sizeof(bytes));
    cr_assert_eq(strlen(escaped), 4 * sizeof(bytes));

    for (size_t i = 0; i < sizeof(bytes); i += 4)
        memcpy(marks + i, "\U000e0001", 5);
    _cleanup_free_ char *marked = text_escape_string(marks);
    cr_assert_eq(strlen(marked), 10 * sizeof(bytes) / 4);
    cr_assert_str_eq(marked + strlen(marked) - 10, "\\U000e0001");
}

Test(escape, no_text_gives_none) {
    cr_assert_null(text_escape_string(NULL));
    cr_assert_null(text_escape("", SIZE_MAX), "a length that cannot be is refused");
}

Test(escape, every_code_point_decodes_as_encoded) {
    for (unsigned c = 1; c <= 0x10ffff; c++) {
        unsigned char text[4];
        unsigned decoded = 0;
        size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};

        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        for (size_t i = size; i-- > 1;)
            text[i] = (unsigned char)(0x80 | (c >> 6 * (size - 1 - i) & 0x3f));
        text[0] = (unsigned char)(heads[size] | c >> 6 * (size - 1));
        cr_assert_eq(utf8_decode((char *)text, size, &decoded), size);
        cr_assert_eq(decoded, c);
        if (size > 1)
            cr_assert_eq(utf8_decode((char *)text, size - 1, &decoded), 0);
    }
}

/* Whatever bytes come in: valid, printable UTF-8 goes out, and escaping it again changes nothing.
 */
Test(escape, output_is_always_printable) {
    unsigned state = 1;
    for (unsigned round = 0; round < 20000; round++) {
        char text[16];
        size_t length = round % (sizeof(text) + 1);
        for (size_t i = 0; i < length; i++) {
            state = state * 1664525u + 1013904223u;
            text[i] = (char)(state >> 24);
        }
        _cleanup_free_ char *escaped = text_escape(text, length);
        for (const char *at = escaped; *at;) {
            unsigned c = 0;
            size_t size = utf8_decode(at, strlen(at), &c);
            cr_assert(size > 0 && code_point_is_printable(c));
            at += size;
        }
        _cleanup_free_ char *again = text_escape_string(escaped);
        cr_assert_str_eq(again, escaped);
    }
}
