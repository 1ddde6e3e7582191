/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An IPv4 or IPv6 address, and what its number alone says of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct Address {
    sa_family_t family; /* AF_INET, AF_INET6, or 0: none */
    uint8_t bytes[16];  /* network order; the first 4 for AF_INET */
} Address;

typedef struct Prefix {
    Address address; /* bits beyond `length` are zero */
    uint8_t length;  /* bits: at most 32 or 128 */
} Prefix;

/* Long enough for any address (INET6_ADDRSTRLEN). */
#define ADDRESS_SIZE 46

/* Canonical text (RFC 5952), without brackets. */
void address_format(const Address *address, char buffer[static ADDRESS_SIZE]);

/* Parses canonical or other valid text. Returns 0 or -EINVAL. */
int address_parse(const char *text, Address *ret);

/* Parses `ADDRESS[/LENGTH]`. Returns 0, -EINVAL, or -EDOM when host bits are set beyond LENGTH. */
int prefix_parse(const char *text, Prefix *ret);
bool prefix_holds(const Prefix *prefix, const Address *address);

/* ::ffff:a.b.c.d as a.b.c.d; anything else as it is. */
Address address_unmapped(const Address *address);
bool address_is_mapped(const Address *address);

bool address_equal(const Address *a, const Address *b);

/* By number alone; v4-mapped ones as their IPv4 address. `::ffff:0.0.0.0` is a wildcard (of IPv4).
 */
bool address_is_wildcard(const Address *address);
bool address_is_loopback(const Address *address);   /* 127.0.0.0/8, ::1 */
bool address_is_link_local(const Address *address); /* 169.254.0.0/16, fe80::/10 */
bool address_is_private(const Address *address);    /* RFC 1918, RFC 6598, fc00::/7 */
bool address_is_multicast(const Address *address);  /* 224.0.0.0/4, ff00::/8; not broadcast */
bool address_is_broadcast(const Address *address);  /* 255.255.255.255 */

/* Returns whether `address` is the broadcast address of the IPv4 network of `own`/`length`. */
bool address_is_broadcast_of(const Address *address, const Address *own, uint8_t length);
