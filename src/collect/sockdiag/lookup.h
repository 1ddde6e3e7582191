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

#include "collect/events/state_event.h"
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

/* Whether a socket is known already. */
typedef bool (*LookupKnown)(uint64_t cookie, void *data);

/*
 * What an event may have brought: adds sockets on that endpoint's port and family to the snapshot,
 * at least each that is not known and could be found. `known` may be NULL: nothing is.
 *
 * The exact form is tried first, and is enough when it finds a socket that is not known: that one
 * may be another's event's, but then that event finds it known, and so asks for the whole port. So
 * after as many calls as there were events, all sockets are found.
 *
 * A listen() without a bind() has no port yet when it is told: that costs a dump of all ports. Any
 * user can cause these as fast as the machine can: who calls this must bound how often.
 *
 * Returns 1 when one that is not known was added, 0 when there is none (not yet: KERNEL.md 20, or
 * no longer: the listener was closed, or is in another network namespace), or a negative errno.
 */
int lookup_appeared(Lookup *lookup, const StateEvent *event, LookupKnown known, void *data,
                    Snapshot *snapshot);

/* Its first half, which costs little whatever listens: 1 as above; 0 when no socket is there, not
 * yet, no longer, or bound to a device; -EAGAIN when only the second half can tell. */
int lookup_appeared_exact(Lookup *lookup, const StateEvent *event, LookupKnown known, void *data,
                          Snapshot *snapshot);
/* The second half: asks for the whole port. */
int lookup_appeared_at_port(Lookup *lookup, const StateEvent *event, LookupKnown known, void *data,
                            Snapshot *snapshot);

static inline void lookup_cleanup(Lookup **lookup) {
    lookup_close(*lookup);
}
#define _cleanup_lookup_ _cleanup_(lookup_cleanup)
