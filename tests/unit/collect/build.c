/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stddef.h>
#include <string.h>

static struct nlmsghdr *current(Build *build) {
    return (struct nlmsghdr *)(void *)(build->bytes + build->message_at);
}

static void append(Build *build, const void *data, size_t size) {
    size_t padded = (size + 3) & ~(size_t)3;
    cr_assert(build->length + padded <= sizeof(build->bytes));
    memset(build->bytes + build->length, 0, padded);
    if (data)
        memcpy(build->bytes + build->length, data, size);
    build->length += padded;
    uint32_t length = (uint32_t)(build->length - build->message_at);
    memcpy(build->bytes + build->message_at + offsetof(struct nlmsghdr, nlmsg_len), &length,
           sizeof(length));
}

struct nlmsghdr *build_message(Build *build, uint16_t type, uint16_t flags, const void *fixed,
                               size_t size) {
    struct nlmsghdr header = {
        .nlmsg_type = type,
        .nlmsg_flags = flags,
        .nlmsg_seq = BUILD_SEQ,
        .nlmsg_pid = BUILD_PORTID,
    };
    build->message_at = build->length;
    append(build, &header, sizeof(header));
    if (size > 0)
        append(build, fixed, size);
    return current(build);
}

void build_attribute(Build *build, uint16_t type, const void *data, size_t size) {
    struct nlattr head = {.nla_len = (uint16_t)(sizeof(head) + size), .nla_type = type};
    append(build, &head, sizeof(head));
    if (size > 0)
        append(build, data, size);
}

size_t build_begin(Build *build, uint16_t type) {
    size_t at = build->length;
    build_attribute(build, type, NULL, 0);
    return at;
}

void build_end(Build *build, size_t at) {
    struct nlattr head;
    /* Copied and not cast: these are bytes, and gcc 13 with -flto drops what is stored in them as
     * another type. */
    memcpy(&head, build->bytes + at, sizeof(head));
    head.nla_len = (uint16_t)(build->length - at);
    memcpy(build->bytes + at, &head, sizeof(head));
}

void build_done(Build *build, int error) {
    build_message(build, NLMSG_DONE, NLM_F_MULTI, &error, sizeof(error));
}

struct inet_diag_msg build_diag(uint8_t family, uint8_t state, uint16_t port, uint64_t cookie,
                                uint32_t inode) {
    return (struct inet_diag_msg){
        .idiag_family = family,
        .idiag_state = state,
        .id.idiag_sport = htons(port),
        .id.idiag_cookie = {(uint32_t)cookie, (uint32_t)(cookie >> 32)},
        .idiag_inode = inode,
        .idiag_uid = 1000,
    };
}

const struct nlmsghdr *build_first(const Build *build) {
    return (const void *)build->bytes;
}
