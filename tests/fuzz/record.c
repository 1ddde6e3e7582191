/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A record of the program in the kernel. What is taken from it must lie inside what was given. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collect/events/kernel_event.h"

static void require(bool holds) {
    if (!holds)
        abort();
}

static void path(const char *text, size_t size) {
    require(!text || (text[0] == '/' && strlen(text) <= size + 1));
}

static void caller(const Caller *caller, size_t size) {
    require(caller->comm && strlen(caller->comm) <= RECORD_COMM_SIZE);
    path(caller->exe, size);
    path(caller->cwd, size);
    path(caller->cgroup, size);
    require(!caller->arguments || caller->arguments_size <= size);
    require(!caller->ancestors || caller->ancestors->n <= ANCESTORS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    KernelEvent event;
    /* A copy of its own, so that a sanitizer sees a read beyond its end. */
    uint8_t *record = malloc(size ? size : 1);

    if (!record)
        return 0;
    memcpy(record, data, size);
    if (kernel_event_parse(record, size, &event) > 0) {
        require(event.listener.endpoint.proto < PROTO_COUNT);
        if (event.kind == RECORD_LISTEN || event.kind == RECORD_BIND)
            caller(&event.caller, size);
        caller_done(&event.caller);
    }
    free(record);
    return 0;
}
