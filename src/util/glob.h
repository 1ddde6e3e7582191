/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Globs: `*` any text, `?` one byte, `[a-z]` and `[!a-z]` a set, `\` takes the next literally.
 * Not fnmatch(3): that one is exponential in the number of stars for a text that a user may choose,
 * and depends on the locale. This one is O(pattern * text), by bytes.
 */
#pragma once

#include <stdbool.h>

typedef enum GlobFlags {
    GLOB_NAME = 0,      /* every character is alike */
    GLOB_PATH = 1 << 0, /* neither `*`, `?` nor a set matches `/` */
} GlobFlags;

/* Whether the whole of text matches. A `[` without `]` stands for itself. */
bool glob_matches(const char *pattern, const char *text, GlobFlags flags);

/* Whether the text holds any of the characters that make it a glob. */
bool glob_is_pattern(const char *text);
