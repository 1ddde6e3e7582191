/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/netlink/messages.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

/*
 * The errno in NLMSG_DONE (an int) or NLMSG_ERROR (struct nlmsgerr begins with it). Old kernels
 * end some dumps with an empty DONE: that is no error. A positive one is none of the kernel's:
 * the dump handlers return the bytes written, and 0 at the end.
 */
static int message_error(const struct nlmsghdr *message) {
    int error = 0;
    if (mnl_nlmsg_get_payload_len(message) < sizeof(error))
        return message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
    return error < -4095 ? -EBADMSG : error < 0 ? error : 0;
}

int messages_walk(const void *bytes, size_t length, MessageWalk *walk) {
    const struct nlmsghdr *message = bytes;
    size_t left = length;

    while (left >= sizeof(*message)) {
        if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > left)
            break;
        if (message->nlmsg_seq == walk->seq && message->nlmsg_pid == walk->portid) {
            if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                walk->interrupted = true;
            if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
                walk->error = message_error(message);
                return 1;
            }
            if (message->nlmsg_type == NLMSG_OVERRUN)
                walk->interrupted = true;
            else if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
                int r = walk->handler(message, walk->data);
                if (r < 0)
                    return r;
            }
        }
        size_t step = ((size_t)message->nlmsg_len + 3) & ~(size_t)3; /* NLMSG_ALIGN, signed */
        if (step >= left)
            return 0;
        left -= step;
        message = (const void *)((const char *)message + step);
    }
    if (left > 0)
        walk->malformed = true;
    return 0;
}
