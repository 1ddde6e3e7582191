/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/source_status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *source_name(SourceId id) {
    static const char *const names[SOURCE_COUNT] = {
        [SOURCE_SOCKETS] = "socket events",
        [SOURCE_UDP_GONE] = "closed UDP sockets",
        [SOURCE_LINKS] = "network changes",
        [SOURCE_FORWARDS] = "NAT rules",
    };
    return names[id];
}

bool lockdown_is_confidential(const char *text) {
    return strstr(text, "[confidentiality]") != NULL;
}

static const char *program_reason(const KernelFailure *failure, bool locked_down) {
    bool refused = failure->error == -EPERM || failure->error == -EACCES;

    switch (failure->step) {
    case KERNEL_BUILD:
        return "this build has no program for the kernel (configure --without-bpf)";
    case KERNEL_CGROUP:
        if (failure->error == -ENOENT)
            return "no cgroup v2 hierarchy is mounted, and bind() of UDP is reported there only";
        break;
    case KERNEL_BTF:
        if (!refused)
            return "this kernel does not describe itself (CONFIG_DEBUG_INFO_BTF is not set)";
        break;
    case KERNEL_LOAD:
    case KERNEL_ATTACH:
    case KERNEL_STEPS:
        break;
    }
    if (refused && locked_down)
        return "the kernel is locked down (confidentiality mode) and accepts no BPF program that "
               "reads its memory";
    if (refused)
        return "the kernel accepts BPF programs only with the capabilities CAP_BPF, CAP_PERFMON "
               "and CAP_NET_ADMIN";
    if (failure->error == -ENOSYS)
        return "this kernel was built without BPF";
    if (failure->step == KERNEL_LOAD)
        return "this kernel is too old for the program (Linux 5.15 or later is needed)";
    return NULL;
}

static const char *socket_reason(SourceId id, int error) {
    if (id == SOURCE_FORWARDS && error == -EPERM)
        return "nf_tables reports changes only to CAP_NET_ADMIN, which is missing";
    if (error == -EMFILE || error == -ENFILE)
        return "no file descriptors are left (LimitNOFILE=)";
    return NULL;
}

static void write_why(const char *reason, SourceStep step, int error,
                      char why[static SOURCE_TEXT_SIZE]) {
    const char *failed =
        step == STEP_READ ? "the event source broke" : "the event source could not be opened";

    if (reason)
        snprintf(why, SOURCE_TEXT_SIZE, "%s", reason);
    else if (error < 0)
        snprintf(why, SOURCE_TEXT_SIZE, "%s: %s", failed, strerror(-error));
    else
        snprintf(why, SOURCE_TEXT_SIZE, "%s", failed);
}

/* What waits for the next dump is late; that something closed is believed after a second one. */
static void write_means(SourceId id, SourceQuality quality, const SourcePeriods *periods,
                        char means[static SOURCE_TEXT_SIZE]) {
    char poll[DURATION_SIZE], reconcile[DURATION_SIZE];

    format_duration(periods->poll, poll);
    format_duration(periods->reconcile, reconcile);
    if (id == SOURCE_SOCKETS)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "%s are detected by polling, up to %s late; one that is open for less time may be "
                 "missed",
                 quality == SOURCE_LIMITED ? "UDP listeners" : "listeners", poll);
    else if (id == SOURCE_UDP_GONE)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "closed UDP listeners are detected by polling, up to about %s late", reconcile);
    else if (id == SOURCE_FORWARDS)
        snprintf(means, SOURCE_TEXT_SIZE,
                 "new and removed forwards are detected by polling, up to %s late", reconcile);
    else
        snprintf(means, SOURCE_TEXT_SIZE,
                 "a new address or interface is detected by polling, up to %s late", reconcile);
}

void source_status_failed(SourceId id, SourceStep step, int error, const SourcePeriods *periods,
                          SourceStatus *ret) {
    *ret = (SourceStatus){.quality = SOURCE_MISSING, .step = step, .error = error};
    write_why(socket_reason(id, error), step, error, ret->why);
    write_means(id, ret->quality, periods, ret->means);
}

void source_status_no_program(const KernelFailure *failure, bool locked_down,
                              const SourcePeriods *periods, SourceStatus *ret) {
    *ret = (SourceStatus){
        .quality = failure->step == KERNEL_CGROUP ? SOURCE_LIMITED : SOURCE_MISSING,
        .step = STEP_PROGRAM,
        .kernel_step = failure->step,
        .error = failure->error,
    };
    write_why(program_reason(failure, locked_down), STEP_PROGRAM, failure->error, ret->why);
    write_means(SOURCE_SOCKETS, ret->quality, periods, ret->means);
}

void source_status_set_periods(SourceId id, const SourcePeriods *periods, SourceStatus *status) {
    if (status->quality != SOURCE_FULL)
        write_means(id, status->quality, periods, status->means);
}
