/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a listener is bound: protocol, address, port, device. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/address.h"

typedef enum Proto {
    PROTO_TCP,
    PROTO_UDP,
    PROTO_UDPLITE,
    PROTO_MPTCP,
    PROTO_SCTP,
    PROTO_COUNT,
} Proto;

/* `tcp`, `udp`, `udplite`, `mptcp`, `sctp`: in the rule language, JSON and the journal. */
const char *proto_name(Proto proto);

/* Returns 0 or -EINVAL. */
int proto_parse(const char *name, Proto *ret);

/* IPPROTO_TCP, …: what sock_diag and a socket call it (MPTCP is 262, beyond 8 bits). */
int proto_number(Proto proto);

typedef struct Endpoint {
    Proto proto;
    uint16_t port;    /* host order */
    bool v6only;      /* IPV6_V6ONLY; false for AF_INET */
    uint32_t ifindex; /* SO_BINDTODEVICE, 0: none */
    Address address;  /* as bound */
} Endpoint;

bool endpoint_equal(const Endpoint *a, const Endpoint *b);

/* Whether it takes IPv4: AF_INET, v4-mapped, or `::` without v6only. */
bool endpoint_takes_ipv4(const Endpoint *endpoint);
bool endpoint_takes_ipv6(const Endpoint *endpoint);

/* Long enough for `[ADDRESS%DEVICE]:PORT`. */
#define ENDPOINT_SIZE 80

/*
 * `0.0.0.0:3000`, `[::]:3000`, `0.0.0.0%lo:53`, `[fe80::1%eth0]:22`. `device` is the name of
 * ifindex, raw bytes, or NULL: then the number stands in its place.
 */
void endpoint_format(const Endpoint *endpoint, const char *device,
                     char buffer[static ENDPOINT_SIZE]);
