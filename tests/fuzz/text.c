/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text functions of util, on one input that is taken as text, and, split at its first NUL, as a
 * pattern and a text. What comes out is checked, not only that nothing crashes.
 */
#include <stdint.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/diagnostics.h"
#include "util/escape.h"
#include "util/glob.h"
#include "util/memory.h"
#include "util/nearest.h"
#include "util/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

/* Whatever went in, what comes out may reach a terminal, and escaping it again changes nothing. */
static void fuzz_escape(const char *text, size_t size) {
    _cleanup_free_ char *escaped = text_escape(text, size), *again = NULL;
    require(escaped != NULL);
    for (size_t at = 0, length = strlen(escaped); at < length;) {
        unsigned c;
        size_t step = utf8_decode(escaped + at, length - at, &c);
        require(step > 0 && code_point_is_printable(c));
        at += step;
    }
    again = text_escape_string(escaped);
    require(again && strcmp(again, escaped) == 0);
}

static void fuzz_diagnostics(const char *text, size_t size) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_fclose_ FILE *out = fopen("/dev/null", "we");
    require(diagnostics && out && size >= 2);

    SourcePlace place = {
        .file = "fuzz",
        .line = 1,
        .column = (uint8_t)text[0],
        .length = (uint8_t)text[1],
        .text = text + 2,
        .text_length = size - 2,
    };
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &place, "at %u", place.column);
    diagnostics_print(diagnostics, out);
}

static void fuzz_parse(const char *text, size_t size) {
    uint64_t number;
    usec_t span, time;
    char buffer[RFC3339_SIZE], words[DURATION_SIZE];

    if (parse_unsigned(text, size, UINT32_MAX, &number) >= 0)
        require(number <= UINT32_MAX);
    if (parse_duration(text, size, &span) >= 0) {
        require(span != USEC_INFINITY);
        format_duration(span, words);
    }
    if (parse_local_time(text, size, &time) >= 0) {
        format_rfc3339(time, buffer);
        require(strlen(buffer) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const words[] = {"status", "list", NULL, "scan", "explain"};
    _cleanup_free_ char *copy = strndup((const char *)data, size), *rest = NULL;
    size_t first = copy ? strlen(copy) : 0;
    require(copy != NULL);

    fuzz_escape((const char *)data, size);
    fuzz_parse((const char *)data, size);
    if (size >= 2)
        fuzz_diagnostics((const char *)data, size);
    nearest_word(copy, words, ELEMENTS(words));
    if (first < size) {
        rest = strndup((const char *)data + first + 1, size - first - 1);
        require(rest != NULL);
        glob_matches(copy, rest, GLOB_NAME);
        if (glob_matches(copy, rest, GLOB_PATH))
            require(glob_matches(copy, rest, GLOB_NAME));
    }
    return 0;
}
