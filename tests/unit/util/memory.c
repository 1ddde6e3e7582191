/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/memory.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

Test(memory, arrays_grow_by_doubling) {
    _cleanup_free_ uint64_t *array = NULL;
    size_t allocated = 0, n_grown = 0;

    for (size_t i = 0; i < 100000; i++) {
        size_t before = allocated;
        cr_assert_eq(ARRAY_RESERVE(array, allocated, i + 1), 0);
        cr_assert_gt(allocated, i);
        n_grown += allocated != before;
        array[i] = i;
    }
    cr_assert_leq(n_grown, 15);
    for (size_t i = 0; i < 100000; i++)
        cr_assert_eq(array[i], i);
}

Test(memory, what_is_there_is_enough) {
    _cleanup_free_ int *array = NULL;
    size_t allocated = 0;
    cr_assert_eq(ARRAY_RESERVE(array, allocated, 0), 0);
    cr_assert_null(array);
    cr_assert_eq(ARRAY_RESERVE(array, allocated, 1), 0);
    const int *before = array;
    cr_assert_eq(ARRAY_RESERVE(array, allocated, allocated), 0);
    cr_assert_eq(array, before);
}

Test(memory, a_size_that_overflows_changes_nothing) {
    _cleanup_free_ uint64_t *array = NULL;
    size_t allocated = 0;
    cr_assert_eq(ARRAY_RESERVE(array, allocated, 4), 0);
    const uint64_t *before = array;
    size_t allocated_before = allocated;
    cr_assert_eq(ARRAY_RESERVE(array, allocated, SIZE_MAX / 4), -ENOMEM);
    cr_assert_eq(ARRAY_RESERVE(array, allocated, SIZE_MAX), -ENOMEM);
    /* Times eight this is 8. */
    cr_assert_eq(ARRAY_RESERVE(array, allocated, SIZE_MAX / 8 + 2), -ENOMEM);
    cr_assert_eq(array, before);
    cr_assert_eq(allocated, allocated_before);
}

Test(memory, string_vectors) {
    char **vector = calloc(3, sizeof(*vector));
    vector[0] = strdup("one");
    vector[1] = strdup("");
    cr_assert_eq(strv_length(vector), 2);
    cr_assert_eq(strv_length(NULL), 0);
    cr_assert_null(strv_free(vector));
    cr_assert_null(strv_free(NULL));
    cr_assert(string_is_empty(NULL) && string_is_empty("") && !string_is_empty(" "));
}

Test(memory, taken_is_no_longer_owned) {
    _cleanup_free_ char *text = strdup("text");
    _cleanup_free_ char *taken = TAKE_PTR(text);
    cr_assert_null(text);
    cr_assert_str_eq(taken, "text");

    _cleanup_close_ int fd = dup(STDERR_FILENO);
    int kept = fd;
    _cleanup_close_ int moved = TAKE_FD(fd);
    cr_assert_eq(fd, -1);
    cr_assert_eq(moved, kept);
}
