/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the program in the kernel, good ones and such as it never writes. */
#include "collect/events/kernel_event.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/memory.h"

#define FIXED offsetof(struct KernelRecord, text)

/* A text with its final NUL, which sizeof() counts. */
#define EXE    "node\0bin\0usr"
#define CWD    "app\0ann\0home"
#define CGROUP "app.service\0user.slice"
#define ARGS   "node\0server.js"

static struct KernelRecord record;
static size_t size; /* of what was written of it */

static void add_text(uint32_t *ret_size, const char *text, size_t length) {
    memcpy((char *)&record + size, text, length);
    size += length;
    *ret_size = (uint32_t)length;
}

static void set_up(void) {
    record = (struct KernelRecord){
        .head = {.time = 5000001999,
                 .cookie = 0x100000002,
                 .protocol = IPPROTO_TCP,
                 .port = 3000,
                 .family = AF_INET,
                 .kind = RECORD_LISTEN,
                 .address = {127, 0, 0, 5, 99, 99},
                 .device = 7,
                 .uid = 1000},
        .cgroup_id = 4711,
        .start = UINT64_C(123450000000) + 999,
        .exe_inode = 815,
        .exe_device = 259 << 20 | 70000,
        .inode = 4712,
        .pid = 100,
        .tid = 101,
        .group = 99,
        .euid = 1001,
        .exe_placed = 1,
        .n_ancestors = 2,
        .comm = "node",
        .ancestors = {{.start = UINT64_C(7000000000), .pid = 50, .comm = "bash"},
                      {.start = UINT64_C(2000000000), .pid = 1, .comm = "0123456789abcdef"}},
    };
    size = FIXED;
    add_text(&record.exe_size, EXE, sizeof(EXE));
    add_text(&record.cwd_size, CWD, sizeof(CWD));
    add_text(&record.cgroup_size, CGROUP, sizeof(CGROUP));
    add_text(&record.args_size, ARGS, sizeof(ARGS));
}

TestSuite(kernel_event, .init = set_up);

/* From memory of just that size, where a sanitizer sees what lies beyond. */
static int parse(size_t length, KernelEvent *ret) {
    void *copy = malloc(length ? length : 1);
    memcpy(copy, &record, length);
    memset(ret, 0xaa, sizeof(*ret));
    int r = kernel_event_parse(copy, length, ret);
    free(copy);
    return r;
}

static void expect(int expected, size_t length) {
    KernelEvent event;
    int r = parse(length, &event);
    cr_assert_eq(r, expected, "%zu bytes: %d", length, r);
    if (r > 0)
        caller_done(&event.caller);
}

Test(kernel_event, a_listener_with_all_of_its_process) {
    KernelEvent event;
    const Caller *caller = &event.caller;
    const Listener *listener = &event.listener;

    cr_assert_eq(parse(size, &event), 1);
    cr_assert_eq(event.kind, RECORD_LISTEN);
    cr_assert_eq(event.time, 5000001);
    cr_assert_eq(listener->endpoint.proto, PROTO_TCP);
    cr_assert_eq(listener->endpoint.port, 3000);
    cr_assert_eq(listener->endpoint.ifindex, 7);
    cr_assert_not(listener->endpoint.v6only);
    Address address;
    cr_assert_eq(address_parse("127.0.0.5", &address), 0);
    cr_assert(address_equal(&listener->endpoint.address, &address));
    cr_assert_eq(listener->origin, ORIGIN_SOCKET);
    cr_assert_eq(listener->uid, 1000);
    cr_assert_eq(listener->cookie, 0x100000002);
    cr_assert_eq(listener->inode, 4712);
    cr_assert_eq(listener->cgroup_id, 4711);
    cr_assert_eq(listener->n_sockets, 1);

    uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
    cr_assert(caller->pid == 100 && caller->tid == 101 && caller->group == 99);
    cr_assert_eq(caller->uid, 1001);
    cr_assert_eq(caller->start, UINT64_C(12345) * hz / 100);
    cr_assert(caller->exe_placed);
    cr_assert_str_eq(caller->comm, "node");
    cr_assert_str_eq(caller->exe, "/usr/bin/node");
    cr_assert_str_eq(caller->cwd, "/home/ann/app");
    cr_assert_str_eq(caller->cgroup, "/user.slice/app.service");
    cr_assert_eq(caller->arguments_size, sizeof(ARGS));
    cr_assert_eq(memcmp(caller->arguments, ARGS, sizeof(ARGS)), 0);
    cr_assert(caller->exe_id.device == makedev(259, 70000) && caller->exe_id.inode == 815);
    cr_assert_not(caller->exe_deleted || caller->is_kernel);
    cr_assert_eq(caller->ancestors->n, 2);
    cr_assert(caller->ancestors->items[0].pid == 50 && caller->ancestors->items[1].pid == 1);
    cr_assert_eq(caller->ancestors->items[0].start, 7 * hz);
    cr_assert_str_eq(caller->ancestors->items[0].name, "bash");
    cr_assert_str_eq(caller->ancestors->items[1].name, "0123456789abcde", "ended by force");
    caller_done(&event.caller);
}

Test(kernel_event, a_udp_socket_over_ipv6) {
    KernelEvent event;
    static const uint8_t loopback[16] = {[15] = 1};

    record.head.kind = RECORD_BIND;
    record.head.protocol = IPPROTO_UDP;
    record.head.family = AF_INET6;
    record.head.v6only = 1;
    memcpy(record.head.address, loopback, sizeof(loopback));
    cr_assert_eq(parse(size, &event), 1);
    cr_assert_eq(event.kind, RECORD_BIND);
    cr_assert_eq(event.listener.endpoint.proto, PROTO_UDP);
    cr_assert(event.listener.endpoint.v6only);
    Address address;
    cr_assert_eq(address_parse("::1", &address), 0);
    cr_assert(address_equal(&event.listener.endpoint.address, &address));
    caller_done(&event.caller);
    /* IPv4 has no such flag, whatever is there. */
    record.head.family = AF_INET;
    cr_assert_eq(parse(size, &event), 1);
    cr_assert_not(event.listener.endpoint.v6only);
    caller_done(&event.caller);
}

Test(kernel_event, every_protocol_is_known_and_others_are_not_ours) {
    for (Proto proto = 0; proto < PROTO_COUNT; proto++) {
        KernelEvent event;
        record.head.protocol = (uint16_t)proto_number(proto);
        cr_assert_eq(parse(size, &event), 1, "%s", proto_name(proto));
        cr_assert_eq(event.listener.endpoint.proto, proto);
        caller_done(&event.caller);
    }
    record.head.protocol = 33; /* DCCP, which passes the tracepoint */
    expect(0, size);
    record.head.protocol = IPPROTO_TCP;
    record.head.family = AF_UNIX;
    expect(0, size);
}

Test(kernel_event, an_end_is_a_head_alone) {
    KernelEvent event;

    record.head.kind = RECORD_CLOSE;
    cr_assert_eq(parse(sizeof(record.head), &event), 1);
    cr_assert_eq(event.kind, RECORD_CLOSE);
    cr_assert_eq(event.listener.cookie, 0x100000002);
    cr_assert_eq(event.listener.endpoint.port, 3000);
    cr_assert_null(event.caller.exe);
    cr_assert_null(event.caller.ancestors);
    record.head.kind = RECORD_DROPPED;
    record.head.family = 0;
    record.head.protocol = 0;
    cr_assert_eq(parse(sizeof(record.head), &event), 1);
    cr_assert_eq(event.kind, RECORD_DROPPED);
    cr_assert_eq(event.listener.uid, 1000);
}

Test(kernel_event, one_that_is_cut_is_refused_wherever_it_is_cut) {
    for (size_t length = 0; length < size; length++)
        expect(-EBADMSG, length);
    expect(1, size);
    expect(-EBADMSG, size + 1);
    expect(-EBADMSG, sizeof(record));
    record.head.kind = RECORD_CLOSE;
    for (size_t length = 0; length < sizeof(record.head); length++)
        expect(-EBADMSG, length);
}

Test(kernel_event, one_that_is_too_long_is_refused) {
    KernelEvent event;
    char *large = calloc(1, sizeof(record) + 8);

    record.args_size = (uint32_t)(sizeof(record) + 8 - FIXED) - record.exe_size - record.cwd_size -
                       record.cgroup_size;
    memcpy(large, &record, size);
    cr_assert_eq(kernel_event_parse(large, sizeof(record) + 8, &event), -EBADMSG);
    free(large);
}

Test(kernel_event, unknown_kinds_are_refused) {
    for (unsigned kind = 0; kind < 256; kind++) {
        record.head.kind = (uint8_t)kind;
        bool known = kind == RECORD_LISTEN || kind == RECORD_CLOSE || kind == RECORD_BIND ||
                     kind == RECORD_DROPPED;
        expect(known ? 1 : -EBADMSG, size);
    }
}

Test(kernel_event, sizes_that_lie_are_refused) {
    uint32_t *const sizes[] = {&record.exe_size, &record.cwd_size, &record.cgroup_size,
                               &record.args_size};
    static const uint32_t lies[] = {1, 0x100, 0x10000, 0x7fffffff, 0x80000000, UINT32_MAX};

    for (size_t i = 0; i < ELEMENTS(sizes); i++)
        for (size_t j = 0; j < ELEMENTS(lies); j++) {
            uint32_t truth = *sizes[i];
            *sizes[i] += lies[j];
            expect(-EBADMSG, size);
            *sizes[i] = lies[j] > truth ? lies[j] : 0;
            expect(-EBADMSG, size);
            *sizes[i] = truth;
        }
    /* Two that make up for each other. */
    record.exe_size += 0x80000000;
    record.args_size += 0x80000000;
    expect(-EBADMSG, size);
    set_up();
    record.exe_size -= 1;
    record.cwd_size += 1;
    expect(-EBADMSG, size);
}

Test(kernel_event, a_path_without_its_final_nul_is_refused) {
    record.text[sizeof(EXE) - 1] = 'x';
    expect(-EBADMSG, size);
    set_up();
    record.text[sizeof(EXE) + sizeof(CWD) - 1] = 'x';
    expect(-EBADMSG, size);
    set_up();
    record.text[sizeof(EXE) + sizeof(CWD) + sizeof(CGROUP) - 1] = 'x';
    expect(-EBADMSG, size);
    /* Arguments are what the process has there. */
    set_up();
    record.text[size - FIXED - 1] = 'x';
    expect(1, size);
}

Test(kernel_event, too_many_ancestors_are_refused) {
    for (unsigned n = 0; n < 256; n++) {
        record.n_ancestors = (uint8_t)n;
        expect(n <= RECORD_ANCESTORS ? 1 : -EBADMSG, size);
    }
    KernelEvent event;
    record.n_ancestors = 0;
    cr_assert_eq(parse(size, &event), 1);
    cr_assert_null(event.caller.ancestors);
    caller_done(&event.caller);
}

Test(kernel_event, what_was_not_taken_whole_is_not_there) {
    static const uint8_t flags[] = {RECORD_NO_EXE, RECORD_NO_CWD, RECORD_NO_CGROUP, RECORD_NO_ARGS};

    for (size_t i = 0; i < ELEMENTS(flags); i++) {
        KernelEvent event;
        record.missing = flags[i];
        cr_assert_eq(parse(size, &event), 1);
        cr_assert_eq(event.caller.exe != NULL, flags[i] != RECORD_NO_EXE);
        cr_assert_eq(event.caller.cwd != NULL, flags[i] != RECORD_NO_CWD);
        cr_assert_eq(event.caller.cgroup != NULL, flags[i] != RECORD_NO_CGROUP);
        cr_assert_eq(event.caller.arguments != NULL, flags[i] != RECORD_NO_ARGS);
        cr_assert_not(event.caller.is_kernel);
        caller_done(&event.caller);
    }
    /* A part of one may have no end. */
    record.missing = RECORD_NO_EXE;
    record.text[sizeof(EXE) - 1] = 'x';
    expect(1, size);
}

Test(kernel_event, a_thread_of_the_kernel_has_neither_program_nor_arguments) {
    KernelEvent event;

    size = FIXED;
    record.missing = RECORD_NO_MEMORY | RECORD_NO_EXE | RECORD_NO_CWD | RECORD_NO_ARGS;
    record.exe_size = record.cwd_size = record.args_size = 0;
    add_text(&record.cgroup_size, "", 0);
    cr_assert_eq(parse(size, &event), 1);
    cr_assert(event.caller.is_kernel);
    cr_assert_null(event.caller.exe);
    cr_assert_str_eq(event.caller.cgroup, "/");
    caller_done(&event.caller);
}

Test(kernel_event, a_name_is_ended_where_its_room_ends) {
    KernelEvent event;

    memset(record.comm, 'x', sizeof(record.comm));
    cr_assert_eq(parse(size, &event), 1);
    cr_assert_leq(strlen(event.caller.comm), sizeof(record.comm));
    caller_done(&event.caller);
}
