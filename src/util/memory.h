/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing arrays and strings, with errors returned and never an abort. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Makes room for `need` elements of `size` bytes in *array, at least doubling, so that a loop of
 * appends costs O(n). *array may be NULL with *allocated 0. New elements are not initialised.
 * Returns 0, or -ENOMEM (also where need * size overflows) with *array unchanged.
 */
int array_reserve(void **array, size_t *allocated, size_t need, size_t size);

#define ARRAY_RESERVE(array, allocated, need)                                                      \
    array_reserve((void **)&(array), &(allocated), (need), sizeof(*(array)))

/* Appends a value. Evaluates to 0 or -ENOMEM. */
#define ARRAY_APPEND(array, allocated, n, value)                                                   \
    ({                                                                                             \
        int _appended = ARRAY_RESERVE(array, allocated, (n) + 1);                                  \
        if (_appended == 0)                                                                        \
            (array)[(n)++] = (value);                                                              \
        _appended;                                                                                 \
    })

/* A NULL-terminated vector of strings, all owned. Takes NULL, returns NULL. */
char **strv_free(char **vector);
size_t strv_length(char *const *vector);

static inline void strv_cleanup(char ***vector) {
    strv_free(*vector);
}
#define _cleanup_strv_ _cleanup_(strv_cleanup)

/* Returns a new string, owned by the caller, or NULL: out of memory. */
__attribute__((format(printf, 1, 2))) char *string_format(const char *format, ...);

/* Returns the index of `text` in `words`, or -EINVAL. */
int string_find(const char *text, const char *const *words, size_t count);

static inline bool string_is_empty(const char *text) {
    return !text || !*text;
}
