/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walk over a datagram, and the receiving of datagrams from a peer that is not the kernel. */
#include "collect/netlink/messages.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "build.h"
#include "collect/netlink/group_socket.h"
#include "collect/netlink/netlink.h"

static int count_message(const struct nlmsghdr *message, void *data) {
    (void)message;
    ++*(int *)data;
    return 0;
}

static int refuse_message(const struct nlmsghdr *message, void *data) {
    (void)message;
    (void)data;
    return -ENOMEM;
}

static MessageWalk walk_into(int *count) {
    return (MessageWalk){
        .seq = BUILD_SEQ, .portid = BUILD_PORTID, .handler = count_message, .data = count};
}

Test(messages, fact_02_an_error_inside_of_done_is_no_good_end) {
    int count = 0;
    MessageWalk walk = walk_into(&count);
    Build build = {};

    build_done(&build, -ENOENT);
    cr_assert_eq(messages_walk(build.bytes, build.length, &walk), 1);
    cr_assert_eq(walk.error, -ENOENT);

    Build good = {};
    walk = walk_into(&count);
    build_done(&good, 0);
    cr_assert_eq(messages_walk(good.bytes, good.length, &walk), 1);
    cr_assert_eq(walk.error, 0);
}

Test(messages, fact_02_others_answer_with_an_error_message) {
    int count = 0;
    MessageWalk walk = walk_into(&count);
    struct nlmsgerr error = {.error = -EINVAL};
    Build build = {};

    build_message(&build, NLMSG_ERROR, 0, &error, sizeof(error));
    cr_assert_eq(messages_walk(build.bytes, build.length, &walk), 1);
    cr_assert_eq(walk.error, -EINVAL);

    Build empty = {};
    walk = walk_into(&count);
    build_message(&empty, NLMSG_ERROR, 0, NULL, 0);
    cr_assert_eq(messages_walk(empty.bytes, empty.length, &walk), 1);
    cr_assert_eq(walk.error, -EBADMSG);

    /* INT_MIN, of which no errno can be made. */
    Build absurd = {};
    walk = walk_into(&count);
    build_done(&absurd, INT32_MIN);
    cr_assert_eq(messages_walk(absurd.bytes, absurd.length, &walk), 1);
    cr_assert_eq(walk.error, -EBADMSG);
}

Test(messages, fact_03_an_interruption_is_told) {
    int count = 0;
    MessageWalk walk = walk_into(&count);
    Build build = {};

    build_message(&build, 20, NLM_F_MULTI | NLM_F_DUMP_INTR, "abcd", 4);
    cr_assert_eq(messages_walk(build.bytes, build.length, &walk), 0);
    cr_assert(walk.interrupted);
    cr_assert_eq(count, 1);
}

Test(messages, answers_to_others_are_passed_over) {
    int count = 0;
    MessageWalk walk = walk_into(&count);
    Build build = {};

    build_message(&build, 20, 0, "abcd", 4)->nlmsg_seq++;
    build_message(&build, 20, 0, "abcd", 4)->nlmsg_pid++;
    build_message(&build, NLMSG_DONE, 0, NULL, 0)->nlmsg_seq = 0;
    build_message(&build, NLMSG_NOOP, 0, NULL, 0);
    build_message(&build, 20, 0, "abcd", 4);
    cr_assert_eq(messages_walk(build.bytes, build.length, &walk), 0);
    cr_assert_eq(count, 1);
}

Test(messages, lengths_that_lie_end_the_walk) {
    static const uint32_t lengths[] = {0, 15, 21, 0x7fffffff, 0x80000000, UINT32_MAX};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        int count = 0;
        MessageWalk walk = walk_into(&count);
        Build build = {};
        build_message(&build, 20, 0, "abcd", 4)->nlmsg_len = lengths[i];
        cr_assert_eq(messages_walk(build.bytes, build.length, &walk), 0);
        cr_assert(walk.malformed, "length %u", lengths[i]);
        cr_assert_eq(count, 0);
    }
}

Test(messages, the_handlers_error_is_passed_on) {
    MessageWalk walk = {.seq = BUILD_SEQ, .portid = BUILD_PORTID, .handler = refuse_message};
    Build build = {};
    build_message(&build, 20, 0, "abcd", 4);
    cr_assert_eq(messages_walk(build.bytes, build.length, &walk), -ENOMEM);
}

/* A datagram socket's two ends: what is sent into one is received as if from the kernel. */
static void peers(int pair[2]) {
    const struct timeval patience = {.tv_usec = 100000};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert_eq(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
}

static DumpResult receive_from(const void *bytes, size_t length, int *count) {
    static _Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER_SIZE];
    MessageWalk walk = walk_into(count);
    DumpResult result;
    int pair[2];

    peers(pair);
    if (bytes)
        cr_assert_eq(send(pair[1], bytes, length, 0), (ssize_t)length);
    cr_assert_eq(netlink_receive(pair[0], buffer, &walk, &result), 0);
    close(pair[0]);
    close(pair[1]);
    return result;
}

Test(receive, a_whole_answer_is_complete) {
    int count = 0;
    Build build = {};
    build_message(&build, 20, 0, "abcd", 4);
    build_done(&build, 0);
    cr_assert_eq(receive_from(build.bytes, build.length, &count).end, DUMP_COMPLETE);
    cr_assert_eq(count, 1);
}

Test(receive, fact_02_what_the_kernel_lacks_is_refused) {
    int count = 0;
    Build build = {};
    build_done(&build, -ENOENT);
    DumpResult result = receive_from(build.bytes, build.length, &count);
    cr_assert_eq(result.end, DUMP_REFUSED);
    cr_assert_eq(result.error, -ENOENT);
}

Test(receive, fact_03_an_interrupted_dump_is_worth_another_try) {
    int count = 0;
    Build flagged = {}, error = {};
    build_message(&flagged, 20, NLM_F_DUMP_INTR, "abcd", 4);
    build_done(&flagged, 0);
    cr_assert_eq(receive_from(flagged.bytes, flagged.length, &count).end, DUMP_INTERRUPTED);
    build_done(&error, -EINTR);
    cr_assert_eq(receive_from(error.bytes, error.length, &count).end, DUMP_INTERRUPTED);
}

Test(receive, fact_09_a_datagram_cut_off_is_no_answer) {
    static _Alignas(struct nlmsghdr) char large[NETLINK_BUFFER_SIZE + 4096];
    int count = 0;
    /* Its first message fits and is whole: taken for good, the rest would be lost in silence. */
    struct nlmsghdr *first = (void *)large;
    *first = (struct nlmsghdr){
        .nlmsg_len = 20, .nlmsg_type = 20, .nlmsg_seq = BUILD_SEQ, .nlmsg_pid = BUILD_PORTID};
    DumpResult result = receive_from(large, sizeof(large), &count);
    cr_assert_eq(result.end, DUMP_BROKEN);
    cr_assert_eq(result.error, -EMSGSIZE);
    cr_assert_eq(NETLINK_BUFFER_SIZE, 32768);
}

Test(receive, silence_ends, .timeout = 60) {
    int count = 0;
    DumpResult result = receive_from(NULL, 0, &count);
    cr_assert_eq(result.end, DUMP_BROKEN);
    cr_assert_eq(result.error, -ETIMEDOUT);
}

Test(receive, another_process_is_passed_over) {
    const struct sockaddr_nl nobody = {.nl_family = AF_NETLINK};
    struct sockaddr_nl name = {};
    socklen_t length = sizeof(name);
    char buffer[16];
    int fds[2];

    for (size_t i = 0; i < 2; i++) {
        fds[i] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_USERSOCK);
        cr_assert_geq(fds[i], 0);
        cr_assert_eq(bind(fds[i], (const void *)&nobody, sizeof(nobody)), 0);
    }
    cr_assert_eq(getsockname(fds[0], (void *)&name, &length), 0);
    cr_assert_eq(net_socket_receive(fds[0], buffer, sizeof(buffer)), -EAGAIN);
    cr_assert_eq(sendto(fds[1], "forged", 6, 0, (const void *)&name, length), 6);
    cr_assert_eq(net_socket_receive(fds[0], buffer, sizeof(buffer)), 0);
    cr_assert_eq(net_socket_receive(fds[0], buffer, sizeof(buffer)), -EAGAIN);
    close(fds[0]);
    close(fds[1]);
}

Test(receive, a_notification_cut_off_is_one_lost) {
    static _Alignas(struct nlmsghdr) char buffer[GROUP_BUFFER_SIZE];
    static const char large[GROUP_BUFFER_SIZE + 1];
    int pair[2];

    peers(pair);
    cr_assert_eq(send(pair[1], large, sizeof(large) - 1, 0), (ssize_t)sizeof(large) - 1);
    cr_assert_eq(send(pair[1], large, sizeof(large), 0), (ssize_t)sizeof(large));
    cr_assert_eq(group_socket_receive(pair[0], buffer), GROUP_BUFFER_SIZE);
    cr_assert_eq(group_socket_receive(pair[0], buffer), -ENOBUFS);
    cr_assert_eq(group_socket_receive(pair[0], buffer), -EAGAIN);
    close(pair[0]);
    close(pair[1]);
}

Test(receive, nonsense_ends) {
    int count = 0;
    static const _Alignas(4) char bytes[16] = "not from netlink";
    DumpResult result = receive_from(bytes, sizeof(bytes), &count);
    cr_assert_eq(result.end, DUMP_BROKEN);
    cr_assert_eq(result.error, -EBADMSG);
}
