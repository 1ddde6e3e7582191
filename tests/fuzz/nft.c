/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parses a dump of NAT rules, as the daemon reads it from another process: in pieces, whose size is
 * the first byte. Then resolves the forwards, as each full rescan does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collect/forwards/forwards.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

/* Parses an aligned copy without readable bytes after it. Returns the number of remaining bytes. */
static ssize_t take(Forwards *forwards, const uint8_t *bytes, size_t size) {
    _cleanup_free_ uint8_t *copy = malloc(size > 0 ? size : 1);
    require(copy != NULL);
    if (size > 0)
        memcpy(copy, bytes, size);
    ssize_t n = forwards_take_bytes(forwards, copy, size);
    require(n <= (ssize_t)size && (n < 0 || n % 4 == 0));
    return n < 0 ? n : (ssize_t)size - n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    _cleanup_(forwards_cleanup) Forwards *forwards = forwards_new();
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    require(forwards && snapshot);

    size_t piece = ((size_t)data[0] + 1) * 64, end = 1;
    for (size_t begin = 1; end < size && !forwards_ended(forwards);) {
        end = size - end > piece ? end + piece : size;
        ssize_t left = take(forwards, data + begin, end - begin);
        if (left < 0)
            return 0;
        begin = end - (size_t)left;
    }
    require(forwards_resolve(forwards, snapshot) == 0);
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        require(snapshot->listeners[i].origin == ORIGIN_FORWARD &&
                snapshot->listeners[i].endpoint.port != 0);
    return 0;
}
