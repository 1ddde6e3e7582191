/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Perf events of the tracepoint that somebody else opened, who may: perf_event_open(2) is a large
 * door to leave open, and CAP_PERFMON grants more than this one tracepoint (docs/SERVICE.md). One a
 * CPU, for one use: an event dies when its CPU goes offline (KERNEL-FACTS.md), also for a suspend,
 * and with another buffer of the same event old records would come.
 */
#pragma once

#include <stdbool.h>

#include "collect/events/tracepoint.h"

/* Of others polling is all. */
#define EVENT_CPUS_MAX  1024
#define EVENT_NAME_SIZE 32

typedef struct EventHandles {
    struct EventHandle {
        int fd; /* -1: none */
        TraceFeatures features;
        bool taken, refused;
    } cpus[EVENT_CPUS_MAX];
    bool any;     /* some were passed */
    bool started; /* set by the sources: what lacked until now could not be had */
    bool worn;    /* one was asked for that only who opened them can give */
} EventHandles;

void event_handles_init(EventHandles *handles);
void event_handles_close(EventHandles *handles);

/* The name that it is passed under. */
void event_handle_name(unsigned cpu, const TraceFeatures *features,
                       char ret[static EVENT_NAME_SIZE]);

/* Takes the fd over if the name is of an event; a second one for its CPU replaces the first.
 * Returns 1, or 0: it is not ours to close. */
int event_handles_take(EventHandles *handles, const char *name, int fd);

/*
 * The event of that CPU, now the caller's. Returns the fd; -ENOENT when none was passed, so that
 * the caller may try to open one; -ESTALE, and `worn` is set, when it was used before, or the
 * CPU came since the start.
 */
int event_handles_use(EventHandles *handles, unsigned cpu, TraceFeatures *ret_features);
