/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/source_status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *source_name(SourceId id) {
    static const char *const names[SOURCE_COUNT] = {
        [SOURCE_TCP] = "TCP events",
        [SOURCE_UDP_GONE] = "UDP events",
        [SOURCE_LINKS] = "network changes",
        [SOURCE_FORWARDS] = "NAT rules",
    };
    return names[id];
}

bool lockdown_is_confidential(const char *text) {
    return strstr(text, "[confidentiality]") != NULL;
}

static const char *tracefs_reason(SourceStep step, int error, bool locked_down) {
    if (locked_down && (error == -EPERM || error == -EACCES))
        return "the kernel is locked down (mode confidentiality) and does not allow tracing";
    if (error == -EACCES || error == -EPERM)
        return "tracefs may not be read: the capability CAP_DAC_READ_SEARCH is missing, or a "
               "container or sandbox hides it";
    if (step == STEP_FIND_TRACEFS && error == -ENOENT)
        return "tracefs is not mounted at /sys/kernel/tracing (usual inside of a container)";
    if (error == -ENOENT)
        return "this kernel has no tracepoint sock:inet_sock_set_state";
    if (error == -EBADMSG)
        return "this kernel describes its tracepoint in an unknown form";
    return NULL;
}

static const char *ring_reason(int error) {
    if (error == -EACCES || error == -EPERM)
        return "perf_event_open is refused: the capability CAP_PERFMON is missing, or the system "
               "call filter of a container or sandbox blocks it";
    if (error == -ENOSYS || error == -EOPNOTSUPP || error == -ENOENT)
        return "this kernel was built without perf events";
    if (error == -EDQUOT)
        return "other programs use up the memory that perf may lock (kernel.perf_event_mlock_kb)";
    if (error == -EMFILE || error == -ENFILE)
        return "no file descriptors are left (LimitNOFILE=)";
    return NULL;
}

static const char *socket_reason(SourceId id, int error) {
    if (id == SOURCE_FORWARDS && error == -EPERM)
        return "nf_tables reports changes only to CAP_NET_ADMIN, which is missing";
    return NULL;
}

static void write_why(SourceId id, SourceStep step, int error, bool locked_down,
                      char why[static SOURCE_TEXT_SIZE]) {
    const char *reason = NULL, *doing = "the event source could not be opened";

    switch (step) {
    case STEP_FIND_TRACEFS:
    case STEP_READ_FORMAT:
        reason = tracefs_reason(step, error, locked_down);
        doing = "the tracepoint could not be read";
        break;
    case STEP_OPEN_RING:
        reason = ring_reason(error);
        break;
    case STEP_SCHEDULE:
        if (error == -EPERM)
            reason = "the readers may not run with SCHED_FIFO (CAP_SYS_NICE or LimitRTPRIO=1 "
                     "grants it)";
        doing = "the readers could not be started as threads";
        break;
    case STEP_SOME_CPUS:
        doing = "some processors have no event source";
        break;
    case STEP_SET_CPUS:
        doing = "which processors there are could not be read";
        break;
    case STEP_READ:
        doing = "the event source broke";
        break;
    case STEP_SOCKET:
        reason = socket_reason(id, error);
        break;
    }
    if (reason)
        snprintf(why, SOURCE_TEXT_SIZE, "%s", reason);
    else if (error < 0)
        snprintf(why, SOURCE_TEXT_SIZE, "%s: %s", doing, strerror(-error));
    else
        snprintf(why, SOURCE_TEXT_SIZE, "%s", doing);
}

/* Late is what waits for the next look; that something went is believed after a second one. */
static void write_means(SourceId id, SourceStep step, const SourcePeriods *periods,
                        char means[static SOURCE_TEXT_SIZE]) {
    char poll[DURATION_SIZE], reconcile[DURATION_SIZE];

    format_duration(periods->poll, poll);
    format_duration(periods->reconcile, reconcile);
    if (step == STEP_SCHEDULE)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "the process of a listener that is open for milliseconds may stay unknown");
    else if (id == SOURCE_TCP && step == STEP_SOME_CPUS)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "some TCP listeners are detected up to %s late; shorter-lived ones may be missed",
                 reconcile);
    else if (id == SOURCE_TCP)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "TCP listeners are detected by polling, up to %s late; shorter-lived ones may be "
                 "missed",
                 poll);
    else if (id == SOURCE_UDP_GONE)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "closed UDP listeners are detected by polling, up to about %s late", poll);
    else if (id == SOURCE_FORWARDS)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "new and removed forwards are detected by polling, up to %s late", reconcile);
    else
        snprintf(means, SOURCE_TEXT_SIZE,
                 "new addresses and interfaces are detected by polling, up to %s late", reconcile);
}

void source_status_failed(SourceId id, SourceStep step, int error, bool locked_down,
                          const SourcePeriods *periods, SourceStatus *ret) {
    bool limited = step == STEP_SCHEDULE || step == STEP_SOME_CPUS;

    *ret = (SourceStatus){
        .quality = limited ? SOURCE_LIMITED : SOURCE_MISSING, .step = step, .error = error};
    write_why(id, step, error, locked_down, ret->why);
    write_means(id, step, periods, ret->means);
}

void source_status_set_periods(SourceId id, const SourcePeriods *periods, SourceStatus *status) {
    if (status->quality != SOURCE_FULL)
        write_means(id, status->step, periods, status->means);
}
