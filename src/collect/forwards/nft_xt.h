/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iptables' own matches and targets inside nftables rules, as iptables-nft writes them. */
#pragma once

#include "collect/forwards/forward.h"

/* A match or target: its name, revision and private struct (linux/netfilter/xt_*.h). */
typedef struct XtMatch {
    const char *name;
    uint32_t revision;
    const void *info;
    uint32_t length;
} XtMatch;

#define XT_PORT_RANGES_MAX 16

/* The destination ports that the match asks for, host order. Returns how many, 0: it asks for none.
 */
int xt_match_ports(const XtMatch *match, PortRange ranges[static XT_PORT_RANGES_MAX]);

/*
 * Where the target forwards to; the two ports are those of a range, 0 where it names none. Returns
 * 1; 0 when it does not forward; -EBADMSG when it does, but in a form that is not known.
 */
int xt_target_forward(const XtMatch *target, bool ipv6, Address *ret_to, uint16_t *ret_port,
                      uint16_t *ret_last);
