/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/event_handles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/parse.h"

static const char prefix[] = "event-";

void event_handles_init(EventHandles *handles) {
    *handles = (EventHandles){};
    for (size_t i = 0; i < EVENT_CPUS_MAX; i++)
        handles->cpus[i].fd = -1;
}

void event_handles_close(EventHandles *handles) {
    for (size_t i = 0; i < EVENT_CPUS_MAX; i++) {
        cleanup_close(&handles->cpus[i].fd);
        handles->cpus[i].fd = -1;
    }
}

void event_handle_name(unsigned cpu, const TraceFeatures *features,
                       char ret[static EVENT_NAME_SIZE]) {
    snprintf(ret, EVENT_NAME_SIZE, "%s%u%s%s", prefix, cpu, features->cgroup ? "-cgroup" : "",
             features->lost ? "-lost" : "");
}

/* event-CPU[-cgroup][-lost] */
static int name_parse(const char *name, unsigned *ret_cpu, TraceFeatures *ret) {
    static const TraceFeatures all[] = {{true, true}, {true, false}, {false, true}, {false, false}};
    char expected[EVENT_NAME_SIZE];
    uint64_t cpu;

    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return -EINVAL;
    const char *number = name + sizeof(prefix) - 1;
    if (parse_unsigned(number, strcspn(number, "-"), EVENT_CPUS_MAX - 1, &cpu) < 0)
        return -EINVAL;
    for (size_t i = 0; i < ELEMENTS(all); i++) {
        event_handle_name((unsigned)cpu, &all[i], expected);
        if (strcmp(name, expected) == 0) {
            *ret_cpu = (unsigned)cpu;
            *ret = all[i];
            return 0;
        }
    }
    return -EINVAL;
}

int event_handles_take(EventHandles *handles, const char *name, int fd) {
    TraceFeatures features;
    unsigned cpu;

    if (name_parse(name, &cpu, &features) < 0)
        return 0;
    cleanup_close(&handles->cpus[cpu].fd);
    handles->cpus[cpu].fd = fd;
    handles->cpus[cpu].features = features;
    handles->any = true;
    return 1;
}

int event_handles_use(EventHandles *handles, unsigned cpu, TraceFeatures *ret_features) {
    if (!handles->any || cpu >= EVENT_CPUS_MAX)
        return -ENOENT;
    struct EventHandle *handle = &handles->cpus[cpu];
    if (handle->fd >= 0) {
        handle->taken = true;
        *ret_features = handle->features;
        return TAKE_FD(handle->fd);
    }
    if (!handle->taken && !handles->started)
        handle->refused = true;
    if (handle->refused)
        return -ENOENT;
    handles->worn = true;
    return -ESTALE;
}
