/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/text_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

typedef struct TextStream {
    char **ret_text;
    size_t *ret_size;
    size_t allocated;
    bool failed;
    char buffer[512]; /* so that stdio does not allocate one */
} TextStream;

static ssize_t append(void *cookie, const char *data, size_t size) {
    TextStream *stream = cookie;
    size_t length = *stream->ret_size;

    if (stream->failed ||
        ARRAY_RESERVE(*stream->ret_text, stream->allocated, length + size + 1) < 0) {
        stream->failed = true;
        errno = ENOMEM;
        return 0; /* as fopencookie(3) reports an error */
    }
    memcpy(*stream->ret_text + length, data, size);
    *stream->ret_size = length + size;
    (*stream->ret_text)[length + size] = '\0';
    return (ssize_t)size;
}

/* ftell() asks where the end is. The position cannot be changed. */
static int tell_end(void *cookie, off64_t *offset, int whence) {
    const TextStream *stream = cookie;

    if (whence == SEEK_SET || *offset != 0) {
        errno = ESPIPE;
        return -1;
    }
    *offset = (off64_t)*stream->ret_size;
    return 0;
}

static int finish(void *cookie) {
    TextStream *stream = cookie;

    (void)append(stream, "", 0); /* nothing may have been written */
    bool failed = stream->failed;
    if (failed) {
        free(*stream->ret_text);
        *stream->ret_text = NULL;
    }
    free(stream);
    return failed ? -1 : 0;
}

FILE *text_stream_open(char **ret_text, size_t *ret_size) {
    TextStream *stream = malloc(sizeof(*stream));

    if (!stream)
        return NULL;
    stream->ret_text = ret_text;
    stream->ret_size = ret_size;
    stream->allocated = 0;
    stream->failed = false;
    FILE *out = fopencookie(
        stream, "w", (cookie_io_functions_t){.write = append, .seek = tell_end, .close = finish});
    if (!out) {
        free(stream);
        return NULL;
    }
    (void)setvbuf(out, stream->buffer, _IOFBF, sizeof(stream->buffer));
    *ret_text = NULL;
    *ret_size = 0;
    return out;
}
