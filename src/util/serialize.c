/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/serialize.h"

#include <stdlib.h>

#include "util/cleanup.h"

char *json_serialize(const json_t *json, size_t flags) {
    size_t size = json ? json_dumpb(json, NULL, 0, flags) : 0;
    _cleanup_free_ char *text = size > 0 ? malloc(size + 1) : NULL;

    /* It is 0 for an error, of the second pass too. */
    if (!text || json_dumpb(json, text, size, flags) != size)
        return NULL;
    text[size] = '\0';
    return TAKE_PTR(text);
}
