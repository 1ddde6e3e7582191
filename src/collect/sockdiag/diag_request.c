/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/sockdiag/diag_request.h"

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#include "collect/sockdiag/diag_parse.h"

/* INET_DIAG_REQ_PROTOCOL (5.9): the protocol number where it is beyond 8 bits. */
#define ATTRIBUTE_REQUEST_PROTOCOL 3

struct nlmsghdr *diag_request(char buffer[static DIAG_REQUEST_SIZE], Proto proto,
                              sa_family_t family) {
    memset(buffer, 0, DIAG_REQUEST_SIZE);
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;

    struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
    int number = proto_number(proto);
    request->sdiag_family = (uint8_t)family;
    request->idiag_states = 1u << diag_state(proto);
    if (number <= UINT8_MAX) {
        request->sdiag_protocol = (uint8_t)number;
    } else {
        /* A kernel without the attribute would take this for the protocol: RAW, whose sockets
         * never are in state LISTEN, so that its answer is empty and not wrong. */
        request->sdiag_protocol = IPPROTO_RAW;
        mnl_attr_put_u32(header, ATTRIBUTE_REQUEST_PROTOCOL, (uint32_t)number);
    }
    return header;
}
