/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream into memory, whose text is complete or missing. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * Opens a stream for writing. fflush() and fclose() set *ret_text to the text with a NUL at its
 * end, and *ret_size to its length without it. The caller frees the text after fclose(). Returns
 * NULL if out of memory. If memory runs out later, fclose() fails and sets *ret_text to NULL, so
 * callers need to check only one of them.
 * ftell() works, fseek() does not.
 *
 * It replaces open_memstream of the C library: in glibc 2.36, fclose() succeeds when memory ran
 * out, and the text is truncated or NULL.
 */
FILE *text_stream_open(char **ret_text, size_t *ret_size);
