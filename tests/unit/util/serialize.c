/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/serialize.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

static int n_until_failure; /* of jansson's allocations; below zero: none fails */

static void *failing_malloc(size_t size) {
    return n_until_failure-- == 0 ? NULL : malloc(size);
}

/* Long enough that text which grows has to grow at keys, too, wherever it begins. */
static json_t *many_keys(void) {
    json_t *object = json_object();
    for (int i = 0; i < 200; i++) {
        char key[128];
        snprintf(key, sizeof(key), "%d-a-key-that-is-far-longer-than-its-value-%0*d", i, i % 60, i);
        cr_assert_eq(json_object_set_new(object, key, json_integer(i)), 0);
    }
    return object;
}

Test(serialize, is_what_jansson_writes) {
    json_t *object = json_pack("{s:s, s:[i, n, b]}", "name", "a \"b\"\n", "list", 7, 1);
    _cleanup_free_ char *compact = json_serialize(object, JSON_COMPACT);
    _cleanup_free_ char *indented = json_serialize(object, JSON_INDENT(2));
    cr_assert_str_eq(compact, "{\"name\":\"a \\\"b\\\"\\n\",\"list\":[7,null,true]}");
    cr_assert_not_null(strstr(indented, "\n  \"list\": [\n"));
    json_decref(object);
}

Test(serialize, nothing_is_no_text) {
    cr_assert_null(json_serialize(NULL, JSON_COMPACT));
}

Test(serialize, without_memory_it_is_whole_or_nothing) {
    json_t *object = many_keys();
    _cleanup_free_ char *whole = json_serialize(object, JSON_COMPACT);
    cr_assert_not_null(whole);

    json_set_alloc_funcs(failing_malloc, free);
    for (int i = 0; i < 50; i++) {
        n_until_failure = i;
        _cleanup_free_ char *text = json_serialize(object, JSON_COMPACT);
        if (text)
            cr_assert_str_eq(text, whole, "the %dth allocation failed", i);
    }
    n_until_failure = -1;
    json_set_alloc_funcs(malloc, free);
    json_decref(object);
}
