/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports that the kernel forwards (DNAT, REDIRECT) without a socket of their own. Docker with
 * `userland-proxy=false`, podman without port reservation, containerd's portmap and hand-written
 * rules do it (KERNEL.md 27), and ufw's rules do not see it. Pure: rules in, listeners out.
 *
 * The rules are read as the widest that they may be: a condition that is not understood (a mark, a
 * source address, a rate) is taken to hold, so that nothing open is left out.
 */
#pragma once

#include "model/snapshot.h"

typedef struct PortRange {
    uint16_t first, last;
} PortRange;

/* So many ranges one rule may name; a rule with more is not understood. */
#define PORT_RANGES_MAX 64

/* What a packet has to be for a rule to hold, as far as it is understood. */
typedef struct PacketMatch {
    bool ipv4, ipv6;
    uint32_t protos; /* a bit a Proto */
    bool any_port;   /* then `ports` is unused */
    PortRange ports[PORT_RANGES_MAX];
    size_t n_ports;
    Prefix destination;    /* family 0: any */
    char device[IFNAMSIZ]; /* the interface it came in by, "": any */
    uint32_t ifindex;      /* likewise by index, 0: any */
} PacketMatch;

/* One that every packet meets. */
PacketMatch packet_match_any(void);

/* Narrow it to what is also of the protocols, in the ranges. -E2BIG: too many ranges would be
 * needed. */
void packet_match_protos(PacketMatch *match, uint32_t protos);
int packet_match_ports(PacketMatch *match, const PortRange *ranges, size_t n_ranges);

/* Narrows `match` to what `other` lets through as well. Returns 0 or -E2BIG. */
int packet_match_narrow(PacketMatch *match, const PacketMatch *other);

typedef enum ForwardAction {
    FORWARD_TO,   /* DNAT or REDIRECT */
    FORWARD_JUMP, /* on to another chain */
} ForwardAction;

typedef struct ForwardRule {
    char *chain; /* owned: `FAMILY TABLE CHAIN` */
    ForwardAction action;
    PacketMatch match;
    char *jump;       /* owned: the chain, in the same form */
    Address to;       /* family 0: this host (REDIRECT), or not known */
    uint16_t to_port; /* 0: the port that the packet came to */
    uint16_t to_last; /* the last port of a range, within which a port is kept; or 0 */
    bool unclear;     /* where it leads, or which ports it takes, could not be read */
} ForwardRule;

typedef struct ForwardTable {
    ForwardRule *rules;
    size_t n_rules, rules_allocated;
    char **hooks; /* owned: the base chains of prerouting, type nat */
    size_t n_hooks, hooks_allocated;
} ForwardTable;

void forward_table_done(ForwardTable *table);

/* Appends a rule, taking over its strings, or a hook (copied). Return 0 or -ENOMEM; on error the
 * rule is freed. */
int forward_table_add(ForwardTable *table, ForwardRule *rule);
int forward_table_add_hook(ForwardTable *table, const char *chain);

/* So many forwarded ports are listed; more are told as incomplete coverage. */
#define FORWARDS_MAX 1024

/*
 * Adds a listener of ORIGIN_FORWARD for each port that the table forwards and on which no socket of
 * the snapshot listens, and sets the snapshot's forwards_coverage to what could not be told. The
 * snapshot's sockets and links must be there already. Returns 0 or -ENOMEM.
 */
int forward_table_resolve(const ForwardTable *table, Snapshot *snapshot);
