/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/text_stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"

static int n_until_failure = -1; /* calls of array_reserve(); below zero: none fails */

/* The linker puts the first in the place of array_reserve(), see local.mk. */
int __wrap_array_reserve(void **array, size_t *allocated, size_t need, size_t size);
int __real_array_reserve(void **array, size_t *allocated, size_t need, size_t size);

int __wrap_array_reserve(void **array, size_t *allocated, size_t need, size_t size) {
    if (n_until_failure >= 0 && n_until_failure-- == 0)
        return -ENOMEM;
    return __real_array_reserve(array, allocated, need, size);
}

/* Writes much more than what stdio buffers. Returns what fclose() returned. */
static int write_lines(char **ret_text, size_t *ret_size) {
    FILE *out = text_stream_open(ret_text, ret_size);
    cr_assert_not_null(out);
    for (int i = 0; i < 10000; i++)
        fprintf(out, "line %d\n", i);
    return fclose(out);
}

Test(text_stream, text_is_complete) {
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    cr_assert_eq(write_lines(&text, &size), 0);
    cr_assert_eq(strlen(text), size);
    cr_assert_eq(strncmp(text, "line 0\nline 1\n", 14), 0);
    cr_assert_str_eq(text + size - strlen("line 9999\n"), "line 9999\n");
}

Test(text_stream, without_a_write_the_text_is_empty) {
    _cleanup_free_ char *text = NULL;
    size_t size = 1;
    FILE *out = text_stream_open(&text, &size);
    cr_assert_not_null(out);
    cr_assert_eq(fclose(out), 0);
    cr_assert_str_eq(text, "");
    cr_assert_eq(size, 0);
}

Test(text_stream, a_flush_shows_the_text_so_far) {
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    FILE *out = text_stream_open(&text, &size);
    cr_assert_not_null(out);
    fputs("one", out);
    cr_assert_eq(fflush(out), 0);
    cr_assert_str_eq(text, "one");
    cr_assert_eq(size, 3);
    fputs(" two", out);
    cr_assert_eq(fclose(out), 0);
    cr_assert_str_eq(text, "one two");
}

Test(text_stream, the_position_is_known_and_fixed) {
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    FILE *out = text_stream_open(&text, &size);
    cr_assert_not_null(out);
    cr_assert_eq(ftell(out), 0);
    fputs("one", out);
    cr_assert_eq(ftell(out), 3);
    cr_assert_eq(fflush(out), 0);
    fputs(" two", out);
    cr_assert_eq(ftell(out), 7);
    cr_assert_neq(fseek(out, 0, SEEK_SET), 0);
    cr_assert_eq(fclose(out), 0);
    cr_assert_str_eq(text, "one two");
}

Test(text_stream, without_memory_there_is_no_text) {
    int n_failed = 0;
    for (int i = 0; i < 1000; i++) {
        char *text = NULL;
        size_t size = 0;
        n_until_failure = i;
        int r = write_lines(&text, &size);
        bool fired = n_until_failure < 0;
        n_until_failure = -1;
        if (!fired) {
            cr_assert_eq(r, 0);
            free(text);
            break;
        }
        cr_assert_neq(r, 0, "call %d failed", i);
        cr_assert_null(text, "call %d failed", i);
        n_failed++;
    }
    cr_assert_gt(n_failed, 10); /* each buffer of stdio, and the end */
    cr_assert_lt(n_failed, 1000);
}
