/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static const struct {
    const char *name;
    int number;
} protos[PROTO_COUNT] = {
    [PROTO_TCP] = {"tcp", IPPROTO_TCP},
    [PROTO_UDP] = {"udp", IPPROTO_UDP},
    [PROTO_UDPLITE] = {"udplite", IPPROTO_UDPLITE},
    [PROTO_MPTCP] = {"mptcp", IPPROTO_MPTCP},
    [PROTO_SCTP] = {"sctp", IPPROTO_SCTP},
};

const char *proto_name(Proto proto) {
    return protos[proto].name;
}

int proto_number(Proto proto) {
    return protos[proto].number;
}

int proto_parse(const char *name, Proto *ret) {
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if (strcmp(protos[proto].name, name) == 0) {
            *ret = proto;
            return 0;
        }
    return -EINVAL;
}

bool endpoint_equal(const Endpoint *a, const Endpoint *b) {
    return a->proto == b->proto && a->port == b->port && a->v6only == b->v6only &&
           a->ifindex == b->ifindex && address_equal(&a->address, &b->address);
}

bool endpoint_takes_ipv4(const Endpoint *endpoint) {
    const Address *address = &endpoint->address;
    if (address->family == AF_INET || address_is_mapped(address))
        return true;
    return address_is_wildcard(address) && !endpoint->v6only;
}

bool endpoint_takes_ipv6(const Endpoint *endpoint) {
    return endpoint->address.family == AF_INET6 && !address_is_mapped(&endpoint->address);
}

void endpoint_format(const Endpoint *endpoint, const char *device,
                     char buffer[static ENDPOINT_SIZE]) {
    char address[ADDRESS_SIZE], zone[20] = "";

    address_format(&endpoint->address, address);
    if (endpoint->ifindex && device)
        snprintf(zone, sizeof(zone), "%%%.16s", device);
    else if (endpoint->ifindex)
        snprintf(zone, sizeof(zone), "%%%u", endpoint->ifindex);
    snprintf(buffer, ENDPOINT_SIZE, endpoint->address.family == AF_INET6 ? "[%s%s]:%u" : "%s%s:%u",
             address, zone, endpoint->port);
}
