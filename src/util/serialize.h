/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON as text: whole, or not at all. */
#pragma once

#include <stddef.h>

#include <jansson.h>

/*
 * Returns the value as text that the caller frees, by jansson's JSON_… `flags`; NULL: there is no
 * memory, or `json` is NULL.
 *
 * In place of json_dumps(): where its buffer can't grow, jansson (2.14: dump_object() takes no heed
 * of what dump_string() returns for a key) leaves the key out and goes on, and what it returns is
 * no JSON. This measures first, and nothing has to grow then.
 */
char *json_serialize(const json_t *json, size_t flags);
