/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int array_reserve(void **array, size_t *allocated, size_t need, size_t size) {
    if (need <= *allocated)
        return 0;

    size_t count = *allocated > SIZE_MAX / 2 ? need : *allocated * 2;
    if (count < need)
        count = need;
    if (count < 8)
        count = 8;

    void *grown = reallocarray(*array, count, size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *allocated = count;
    return 0;
}

char **strv_free(char **vector) {
    if (!vector)
        return NULL;
    for (char **string = vector; *string; string++)
        free(*string);
    free(vector);
    return NULL;
}

size_t strv_length(char *const *vector) {
    size_t count = 0;
    while (vector && vector[count])
        count++;
    return count;
}

char *string_format(const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int r = vasprintf(&text, format, arguments);
    va_end(arguments);
    return r < 0 ? NULL : text;
}

int string_find(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0)
            return (int)i;
    return -EINVAL;
}
