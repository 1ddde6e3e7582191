/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One endpoint asked of sock_diag, in place of a dump: what an event costs must not grow with the
 * number of listeners.
 *
 * The exact form (no NLM_F_DUMP: inet_diag_dump_one_icsk(), udp_dump_one()) looks into a hash as
 * a packet does: 5 µs whatever listens, but it gives the one socket that would take the packet.
 * That is not always the one asked for: of a reuseport group it is one, a wildcard's stands in for
 * an address that is not bound, one that is bound to a device hides behind the device's index, and
 * MPTCP and SCTP have no such lookup. A dump with the port in its request gives all of them, and
 * steps over every listener of the host (26 ns each; a filter in bytecode takes 37): it is asked
 * where the first can't tell. Figures: docs/KERNEL-FACTS.md.
 */
#pragma once

#include <stdbool.h>

#include "collect/netlink/handles.h"
#include "model/snapshot.h"

typedef struct Lookup Lookup;

/* In the network namespace of the handles (handles.h). Returns 0 or a negative errno. */
int lookup_open(const NetHandles *handles, Lookup **ret);
/* Takes NULL, returns NULL. */
Lookup *lookup_close(Lookup *lookup);

/*
 * The exact form, for PROTO_TCP, PROTO_UDP and PROTO_UDPLITE. `endpoint` gives protocol, address,
 * port and device; v6only is not looked at. Returns 1 with the socket that is bound to just that
 * in *ret (`scope` not set); 0 when no socket would take a packet to it; -EXDEV when another
 * endpoint's would (a wildcard's, another device's); -EOPNOTSUPP for other protocols and for the
 * subflow of an MPTCP socket; or the negative errno of the kernel.
 */
int lookup_exact(Lookup *lookup, const Endpoint *endpoint, Listener *ret);

/*
 * Adds every listening socket of `proto` and `port`, over IPv4 and IPv6, to the snapshot (scopes
 * not set); port 0 means all ports, which is a dump of the protocol. PROTO_TCP and PROTO_MPTCP are
 * one: both give both, as a dump does. Returns 0, or a negative errno when it is not complete:
 * -EINTR when something changed during each of several tries.
 */
int lookup_port(Lookup *lookup, Proto proto, uint16_t port, Snapshot *snapshot);

DEFINE_CLEANUP(Lookup, lookup_cleanup, lookup_close)
#define _cleanup_lookup_ _cleanup_(lookup_cleanup)
