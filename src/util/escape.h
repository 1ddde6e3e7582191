/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that a process chose (names, paths, command lines) made safe to print: control characters
 * (C0, DEL, C1), invalid UTF-8, and the invisible characters that reorder or hide text (bidi
 * controls, zero-width and other default-ignorable ones, line and paragraph separators) become
 * \xNN, \uNNNN or \UNNNNNNNN; newline, tab and return become \n, \t, \r. A backslash stays as it
 * is, so that a unit name such as `dev-x\x2dy.device` can be pasted back into systemctl.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Escapes text[0..length) into a new NUL-terminated string, which the caller frees. A NUL inside
 * becomes \x00. Returns NULL when out of memory.
 */
char *text_escape(const char *text, size_t length);

/* The same for a C string; NULL gives NULL. */
char *text_escape_string(const char *text);

/* Returns whether the text is only printable ASCII that needs no escaping. */
bool text_is_plain(const char *text, size_t length);

/*
 * Decodes one UTF-8 sequence (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF) from
 * text[0..length), length > 0. Returns its length in bytes and sets *ret_code_point, or 0 when the
 * bytes are not valid UTF-8.
 */
size_t utf8_decode(const char *text, size_t length, unsigned *ret_code_point);

/* Whether the code point may reach a terminal: see the head of this file. */
bool code_point_is_printable(unsigned code_point);
