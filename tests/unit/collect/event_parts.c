/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small pure parts of the event sources. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <string.h>

#include "collect/events/cpu_list.h"
#include "collect/events/destroy.h"
#include "collect/events/event_queue.h"
#include "collect/events/link_events.h"
#include "collect/events/perf_cgroup.h"
#include "collect/events/source_status.h"
#include "collect/events/witness_budget.h"
#include "util/memory.h"

/* --- lists of CPUs -------------------------------------------------------------------------------
 */

Test(cpu_list, lists_are_read) {
    static const struct {
        const char *text;
        size_t n;
        unsigned first, last;
    } cases[] = {{"0\n", 1, 0, 0},
                 {"0-3\n", 4, 0, 3},
                 {"0,2-3,8\n", 4, 0, 8},
                 {"0-127,4096", 129, 0, 4096},
                 {"5-5\n", 1, 5, 5}};
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        unsigned *cpus;
        size_t n;
        cr_assert_eq(cpu_list_parse(cases[i].text, strlen(cases[i].text), &cpus, &n), 0);
        cr_assert_eq(n, cases[i].n, "%s", cases[i].text);
        cr_assert_eq(cpus[0], cases[i].first);
        cr_assert_eq(cpus[n - 1], cases[i].last);
        free(cpus);
    }
}

Test(cpu_list, other_text_is_refused) {
    static const char *const bad[] = {"-1",  "0,",    ",0", "0-",   "3-0",   "0,0",     "1-3,2",
                                      "0 1", "0-1-2", "x",  "8192", "0\n\n", "0-99999", "+1"};
    unsigned *cpus = NULL;
    size_t n;
    for (size_t i = 0; i < ELEMENTS(bad); i++)
        cr_assert_eq(cpu_list_parse(bad[i], strlen(bad[i]), &cpus, &n), -EBADMSG, "%s", bad[i]);
    cr_assert_eq(cpu_list_parse("\n", 1, &cpus, &n), 0);
    cr_assert_eq(n, 0);
    cr_assert_null(cpus);
}

/* --- the queue -----------------------------------------------------------------------------------
 */

#define PUSHES 200000

static void *push_all(void *data) {
    EventQueue *queue = data;
    for (uint64_t i = 0; i < PUSHES; i++) {
        WitnessedEvent event = {.event.time = i, .event.sk = ~i};
        while (!event_queue_push(queue, &event)) {
        }
    }
    return NULL;
}

Test(event_queue, one_thread_s_events_reach_another_in_order, .timeout = 60) {
    EventQueue *queue = event_queue_new(64);
    const WitnessedEvent *event;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, push_all, queue), 0);
    for (uint64_t i = 0; i < PUSHES; i++) {
        while (!(event = event_queue_peek(queue))) {
        }
        cr_assert(event->event.time == i && event->event.sk == ~i);
        event_queue_pop(queue);
    }
    pthread_join(thread, NULL);
    cr_assert_null(event_queue_peek(queue));
    event_queue_free(queue);
}

Test(event_queue, is_bounded) {
    EventQueue *queue = event_queue_new(4);
    WitnessedEvent event = {};
    for (int i = 0; i < 4; i++)
        cr_assert(event_queue_push(queue, &event));
    cr_assert_not(event_queue_push(queue, &event));
    event_queue_pop(queue);
    cr_assert(event_queue_push(queue, &event));
    event_queue_free(queue);
}

/* What it never needed at once it never touches: it is there once a CPU. */
Test(event_queue, uses_the_same_place_again_when_it_was_empty) {
    EventQueue *queue = event_queue_new(4);
    WitnessedEvent event = {};
    const WitnessedEvent *place = NULL;
    for (uint64_t i = 0; i < 10; i++) {
        event.event.time = i;
        cr_assert(event_queue_push(queue, &event));
        const WitnessedEvent *got = event_queue_peek(queue);
        cr_assert_eq(got->event.time, i);
        cr_assert(!place || got == place);
        place = got;
        event_queue_pop(queue);
        cr_assert_null(event_queue_peek(queue));
    }
    event_queue_free(queue);
}

/* It goes on in a circle while it never is. */
Test(event_queue, keeps_the_order_when_it_is_never_empty) {
    EventQueue *queue = event_queue_new(4);
    WitnessedEvent event = {};
    cr_assert(event_queue_push(queue, &event));
    for (uint64_t i = 1; i < 100; i++) {
        event.event.time = i;
        cr_assert(event_queue_push(queue, &event));
        cr_assert_eq(event_queue_peek(queue)->event.time, i - 1);
        event_queue_pop(queue);
    }
    event_queue_free(queue);
}

/* --- the witnesses' budget -----------------------------------------------------------------------
 */

static unsigned take_n(WitnessBudget *budget, uint64_t key, unsigned n, uint64_t now) {
    unsigned taken = 0;
    for (unsigned i = 0; i < n; i++)
        taken += witness_budget_take(budget, key, now);
    return taken;
}

Test(witness_budget, one_program_leaves_something_for_others) {
    static WitnessBudget budget;
    uint64_t now = 5000000000;
    cr_assert_eq(take_n(&budget, 7, 10000, now), WITNESS_BURST / WITNESS_SHARE);
    cr_assert_eq(take_n(&budget, 8, 100, now), 100);
    /* It gets its rate back, and no more than its burst. */
    now += 100000000;
    cr_assert_eq(take_n(&budget, 7, 10000, now), WITNESS_RATE / WITNESS_SHARE / 10);
    now += UINT64_C(3600) * 1000000000;
    cr_assert_eq(take_n(&budget, 7, 10000, now), WITNESS_BURST / WITNESS_SHARE);
}

Test(witness_budget, many_programs_share_the_whole) {
    static WitnessBudget budget;
    unsigned taken = 0;
    for (uint64_t key = 0; key < 1000; key++)
        taken += take_n(&budget, key << 32, 100, 1);
    cr_assert_eq(taken, WITNESS_BURST);
    cr_assert_not(witness_budget_take(&budget, 5, 1));
    cr_assert_not(witness_budget_take(&budget, 6, 0), "a clock that goes back gives nothing");
}

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

Test(perf_cgroup, the_hierarchy_decides) {
    static const char v2[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t9\t1\n"
                             "perf_event\t0\t53\t1\n";
    static const char v1[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nperf_event\t7\t9\t1";
    cr_assert(perf_cgroup_parse(v2, strlen(v2)));
    cr_assert_not(perf_cgroup_parse(v1, strlen(v1)));
    cr_assert(perf_cgroup_parse("", 0));
    cr_assert(perf_cgroup_parse("perf_event\t", 11));
}

Test(source_status, says_why_and_what_it_means) {
    const SourcePeriods periods = {5 * USEC_PER_SEC, 30 * USEC_PER_SEC};
    const SourcePeriods longest = {UINT64_MAX, UINT64_MAX};
    SourceStatus status;
    source_status_failed(SOURCE_TCP, STEP_READ_FORMAT, -EPERM, true, &periods, &status);
    cr_assert(strstr(status.why, "locked down"));
    cr_assert_eq(status.quality, SOURCE_MISSING);
    source_status_failed(SOURCE_TCP, STEP_SCHEDULE, -EPERM, false, &periods, &status);
    cr_assert_eq(status.quality, SOURCE_LIMITED);
    cr_assert(strstr(status.why, "SCHED_FIFO"));
    source_status_failed(SOURCE_UDP_GONE, STEP_SOCKET, -EMFILE, false, &periods, &status);
    cr_assert_str_eq(status.why, "the event source could not be opened: Too many open files");
    cr_assert_str_eq(status.means,
                     "closed UDP listeners are detected by polling, up to about 5s late");
    /* Nothing is cut off, whatever failed. */
    for (SourceId id = 0; id < SOURCE_COUNT; id++)
        for (int step = 0; step <= STEP_SOME_CPUS; step++)
            for (int error = -200; error <= 0; error++) {
                source_status_failed(id, (SourceStep)step, error, error % 2, &longest, &status);
                cr_assert(strlen(status.why) > 0 && strlen(status.why) < SOURCE_TEXT_SIZE - 1);
                cr_assert(strlen(status.means) > 0 && strlen(status.means) < SOURCE_TEXT_SIZE - 1);
            }
    cr_assert(lockdown_is_confidential("none integrity [confidentiality]\n"));
    cr_assert_not(lockdown_is_confidential("none [integrity] confidentiality\n"));
}

Test(source_status, says_how_late_in_units_that_fit) {
    const SourcePeriods periods = {USEC_PER_SEC / 5, 30 * USEC_PER_SEC};
    const SourcePeriods slower = {2 * USEC_PER_MINUTE, 30 * USEC_PER_SEC};
    SourceStatus status;
    source_status_failed(SOURCE_TCP, STEP_FIND_TRACEFS, -ENOENT, false, &periods, &status);
    cr_assert(strstr(status.means, "by polling, up to 200ms late"), "%s", status.means);
    source_status_set_periods(SOURCE_TCP, &slower, &status);
    cr_assert(strstr(status.means, "by polling, up to 2min late"), "%s", status.means);
    /* What is not polled waits for the look at everything. */
    source_status_failed(SOURCE_TCP, STEP_SOME_CPUS, -EIO, false, &periods, &status);
    cr_assert(strstr(status.means, "up to 30s late"), "%s", status.means);
    source_status_failed(SOURCE_LINKS, STEP_SOCKET, -EMFILE, false, &periods, &status);
    cr_assert(strstr(status.means, "up to 30s late"), "%s", status.means);

    status = (SourceStatus){.quality = SOURCE_FULL};
    source_status_set_periods(SOURCE_TCP, &slower, &status);
    cr_assert_str_empty(status.means);
}
