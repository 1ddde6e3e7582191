/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small pure parts of the event sources. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "collect/events/destroy.h"
#include "collect/events/link_events.h"
#include "collect/events/source_status.h"
#include "util/memory.h"

/* --- notifications -------------------------------------------------------------------------------
 */

typedef struct DiagBytes {
    struct nlmsghdr header;
    struct inet_diag_msg diag;
} DiagBytes;

static DiagBytes udp_gone(uint16_t port) {
    return (DiagBytes){
        .header = {.nlmsg_len = sizeof(DiagBytes), .nlmsg_type = SOCK_DIAG_BY_FAMILY},
        .diag =
            {
                .idiag_family = AF_INET,
                .idiag_state = 7,
                .id.idiag_sport = (uint16_t)(port << 8 | port >> 8),
                .id.idiag_cookie = {5, 1},
            },
    };
}

static void count(const Destroyed *destroyed, void *data) {
    unsigned *n = data;
    ++*n;
    cr_assert_eq(destroyed->endpoint.port, 53);
    cr_assert_eq(destroyed->cookie, UINT64_C(1) << 32 | 5);
}

Test(destroy, several_messages_in_a_datagram_and_lengths_that_lie) {
    DiagBytes bytes[2] = {udp_gone(53), udp_gone(53)};
    unsigned n = 0;
    cr_assert_eq(destroy_parse(bytes, sizeof(bytes), count, &n), 0);
    cr_assert_eq(n, 2);
    bytes[1].diag.id.idiag_sport = 0; /* never bound */
    n = 0;
    cr_assert_eq(destroy_parse(bytes, sizeof(bytes), count, &n), 0);
    cr_assert_eq(n, 1);

    for (size_t length = 1; length < sizeof(bytes[0]); length++) {
        DiagBytes *part = malloc(sizeof(*part));
        *part = udp_gone(53);
        n = 0;
        cr_assert_eq(destroy_parse(part, length, count, &n), -EBADMSG, "%zu", length);
        part->header.nlmsg_len = (uint32_t)length;
        cr_assert_eq(destroy_parse(part, length, count, &n), -EBADMSG, "%zu", length);
        cr_assert_eq(n, 0);
        free(part);
    }
}

typedef struct RouteBytes {
    struct nlmsghdr header;
    union {
        struct rtmsg route;
        struct ifinfomsg link;
    };
    struct nlattr attribute;
    uint8_t data[4];
} RouteBytes;

static bool matters(uint16_t type, uint8_t destination_length, uint16_t attribute) {
    RouteBytes bytes = {
        .header = {.nlmsg_len = sizeof(bytes), .nlmsg_type = type},
        .attribute = {.nla_len = 8, .nla_type = attribute},
    };
    if (type == RTM_NEWROUTE || type == RTM_DELROUTE)
        bytes.route.rtm_dst_len = destination_length;
    return link_events_matter(&bytes, sizeof(bytes));
}

Test(link_events, only_what_can_change_reach_matters) {
    cr_assert(matters(RTM_NEWLINK, 0, IFLA_IFNAME));
    cr_assert_not(matters(RTM_NEWLINK, 0, IFLA_WIRELESS));
    cr_assert(matters(RTM_DELLINK, 0, IFLA_IFNAME));
    cr_assert(matters(RTM_NEWADDR, 0, 0));
    cr_assert(matters(RTM_DELADDR, 0, 0));
    cr_assert(matters(RTM_NEWROUTE, 0, 0));
    cr_assert(matters(RTM_DELROUTE, 0, 0));
    cr_assert(matters(RTM_NEWROUTE, 1, 0), "half of the internet, as OpenVPN has it");
    cr_assert_not(matters(RTM_NEWROUTE, 2, 0));
    cr_assert_not(matters(RTM_NEWROUTE, 24, 0));
    cr_assert_not(matters(RTM_DELROUTE, 128, 0));
    RouteBytes local = {
        .header = {.nlmsg_len = sizeof(local), .nlmsg_type = RTM_DELROUTE},
        .route = {.rtm_family = AF_INET, .rtm_dst_len = 16, .rtm_type = RTN_LOCAL},
    };
    cr_assert(link_events_matter(&local, sizeof(local)), "a local prefix");
    local.route.rtm_dst_len = 32;
    cr_assert_not(link_events_matter(&local, sizeof(local)), "an address, told by itself");
    RouteBytes cut = {.header = {.nlmsg_len = 500, .nlmsg_type = RTM_NEWROUTE}};
    cr_assert(link_events_matter(&cut, sizeof(cut)), "what can't be understood matters");
}

/* --- words ---------------------------------------------------------------------------------------
 */

static const SourcePeriods periods = {5 * USEC_PER_SEC, 30 * USEC_PER_SEC};

static SourceStatus failed(SourceId id, SourceStep step, int error) {
    SourceStatus status;
    source_status_failed(id, step, error, &periods, &status);
    return status;
}

static SourceStatus no_program(KernelStep step, int error, bool locked_down) {
    const KernelFailure failure = {step, error};
    SourceStatus status;
    source_status_no_program(&failure, locked_down, &periods, &status);
    return status;
}

/* For each step another reason, but where the kernel refuses: it does that at each for the same. */
Test(source_status, each_step_has_its_reason) {
    static const struct {
        KernelStep step;
        int error;
        bool locked_down;
        const char *why;
    } cases[] = {
        {KERNEL_BUILD, -EOPNOTSUPP, false, "--without-bpf"},
        {KERNEL_BUILD, -EOPNOTSUPP, true, "--without-bpf"},
        {KERNEL_BTF, -ESRCH, false, "CONFIG_DEBUG_INFO_BTF"},
        {KERNEL_BTF, -EPERM, false, "CAP_BPF"},
        {KERNEL_LOAD, -EPERM, false, "CAP_BPF"},
        {KERNEL_LOAD, -EPERM, true, "locked down"},
        {KERNEL_LOAD, -EACCES, true, "locked down"},
        {KERNEL_LOAD, -EINVAL, true, "too old"},
        {KERNEL_LOAD, -EINVAL, false, "too old"},
        {KERNEL_LOAD, -ENOSYS, false, "without BPF"},
        {KERNEL_ATTACH, -EPERM, false, "CAP_PERFMON"},
        {KERNEL_ATTACH, -EBUSY, false, "Device or resource busy"},
        {KERNEL_CGROUP, -ENOENT, false, "cgroup v2"},
        {KERNEL_CGROUP, -EPERM, false, "CAP_NET_ADMIN"},
        {KERNEL_CGROUP, -EINVAL, false, "Invalid argument"},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        SourceStatus status = no_program(cases[i].step, cases[i].error, cases[i].locked_down);
        cr_assert(strstr(status.why, cases[i].why), "case %zu: %s", i, status.why);
        cr_assert_eq(status.step, STEP_PROGRAM);
        cr_assert_eq(status.kernel_step, cases[i].step);
        cr_assert_eq(status.error, cases[i].error);
        /* Without the hierarchy TCP is still told. */
        bool udp_alone = cases[i].step == KERNEL_CGROUP;
        cr_assert_eq(status.quality, udp_alone ? SOURCE_LIMITED : SOURCE_MISSING, "case %zu", i);
        cr_assert_eq(strncmp(status.means, "UDP", 3) == 0, udp_alone, "%s", status.means);
    }
}

Test(source_status, says_why_and_what_it_means) {
    cr_assert_eq(failed(SOURCE_SOCKETS, STEP_MAP, -ENOMEM).quality, SOURCE_MISSING);
    cr_assert(strstr(failed(SOURCE_SOCKETS, STEP_MAP, -ENOMEM).why, "could not be opened"));
    cr_assert(strstr(failed(SOURCE_SOCKETS, STEP_READ, -EBADMSG).why, "broke"));
    cr_assert(strstr(failed(SOURCE_UDP_GONE, STEP_SOCKET, -EMFILE).why, "LimitNOFILE"));
    cr_assert(strstr(failed(SOURCE_FORWARDS, STEP_SOCKET, -EPERM).why, "CAP_NET_ADMIN"));
    cr_assert_not(strstr(failed(SOURCE_LINKS, STEP_SOCKET, -EPERM).why, "CAP_NET_ADMIN"));
    cr_assert(lockdown_is_confidential("none integrity [confidentiality]\n"));
    cr_assert_not(lockdown_is_confidential("none [integrity] confidentiality\n"));
}

static void expect_whole(const SourceStatus *status) {
    cr_assert(strlen(status->why) > 0 && strlen(status->why) < SOURCE_TEXT_SIZE - 1);
    cr_assert(strlen(status->means) > 0 && strlen(status->means) < SOURCE_TEXT_SIZE - 1);
}

Test(source_status, nothing_is_cut_off_whatever_failed) {
    const SourcePeriods longest = {UINT64_MAX, UINT64_MAX};

    for (int error = -200; error <= 0; error++) {
        SourceStatus status;
        for (SourceId id = 0; id < SOURCE_COUNT; id++)
            for (int step = 0; step <= STEP_READ; step++) {
                source_status_failed(id, (SourceStep)step, error, &longest, &status);
                expect_whole(&status);
            }
        for (int step = 0; step < KERNEL_STEPS; step++)
            for (int locked = 0; locked < 2; locked++) {
                const KernelFailure failure = {(KernelStep)step, error};
                source_status_no_program(&failure, locked, &longest, &status);
                expect_whole(&status);
            }
    }
}

Test(source_status, says_how_late_in_units_that_fit) {
    const SourcePeriods faster = {USEC_PER_SEC / 5, 30 * USEC_PER_SEC};
    const SourcePeriods slower = {2 * USEC_PER_MINUTE, 30 * USEC_PER_SEC};
    SourceStatus status = failed(SOURCE_SOCKETS, STEP_MAP, -ENOMEM);

    cr_assert(strstr(status.means, "up to 5s late"), "%s", status.means);
    source_status_set_periods(SOURCE_SOCKETS, &faster, &status);
    cr_assert(strstr(status.means, "up to 200ms late"), "%s", status.means);
    source_status_set_periods(SOURCE_SOCKETS, &slower, &status);
    cr_assert(strstr(status.means, "up to 2min late"), "%s", status.means);
    status = no_program(KERNEL_CGROUP, -ENOENT, false);
    source_status_set_periods(SOURCE_SOCKETS, &slower, &status);
    cr_assert(strstr(status.means, "UDP listeners are detected by polling, up to 2min late"), "%s",
              status.means);
    /* What is not polled waits for the look at everything. */
    for (SourceId id = SOURCE_UDP_GONE; id < SOURCE_COUNT; id++) {
        status = failed(id, STEP_SOCKET, -EMFILE);
        cr_assert(strstr(status.means, "30s late"), "%s", status.means);
    }

    status = (SourceStatus){.quality = SOURCE_FULL};
    source_status_set_periods(SOURCE_SOCKETS, &slower, &status);
    cr_assert_str_empty(status.means);
}
