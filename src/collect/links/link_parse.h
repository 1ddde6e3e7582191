/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of rtnetlink (linux/rtnetlink.h) put into a table of links. Pure: bytes in, structs out.
 */
#pragma once

#include <linux/netlink.h>

#include "model/link.h"

/* A table that is being built. Zeroed at first; link_builder_finish() takes it over. */
typedef struct LinkBuilder {
    Link *links;
    size_t n_links, links_allocated;
    LinkAddress *addresses;
    size_t n_addresses, addresses_allocated;
    uint32_t *defaults; /* links by which a default route leaves */
    size_t n_defaults, defaults_allocated;
    size_t n_malformed; /* messages that were passed over */
} LinkBuilder;

/*
 * Message handlers (see messages.h); `data` is a LinkBuilder. A message that is malformed is
 * counted and passed over; one of another type likewise without a count. Return 0 or -ENOMEM.
 */
int link_parse(const struct nlmsghdr *message, void *data);            /* RTM_NEWLINK */
int address_parse_message(const struct nlmsghdr *message, void *data); /* RTM_NEWADDR */
/*
 * RTM_NEWROUTE. A default route is one to (nearly) everywhere, in any table: policy routing of a
 * VPN keeps its own in another, and OpenVPN sets two halves (0.0.0.0/1 and 128.0.0.0/1; 2000::/3)
 * in place of one. So it is any unicast route of at most 1 bit in IPv4, 3 bits in IPv6.
 */
int route_parse(const struct nlmsghdr *message, void *data);

void link_builder_done(LinkBuilder *builder);

/*
 * Makes the table: links sorted by index, addresses by link, then family and number; doubles (of a
 * dump that was interrupted) left out. Takes over the builder's arrays. Returns 0 or -ENOMEM.
 */
int link_builder_finish(LinkBuilder *builder, LinkTable **ret);
