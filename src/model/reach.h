/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From where an endpoint can be reached: its scope, and each way in. Pure functions. */
#pragma once

#include "model/endpoint.h"
#include "model/link.h"
#include "model/scope.h"
#include "model/snapshot.h"

/*
 * The scope of a socket's endpoint: sockaudit.rules(5), "SCOPES". An address on `lo` outside of
 * 127.0.0.0/8 and ::1 is not loopback: neighbours with a route to it are answered (KERNEL.md 26).
 * SCOPE_UNREACHABLE if no interface, up or down, has the address or device and no local route
 * covers it. With an incomplete table, or none, the scope depends only on the address.
 */
Scope endpoint_scope(const Endpoint *endpoint, const LinkTable *links);

/* The same for a listener. A forward also accepts packets to addresses that no interface has. */
Scope listener_scope(const Listener *listener, const LinkTable *links);

/* One way in. */
typedef struct Way {
    const Link *link; /* NULL when no interface has the bound address now */
    Address address;  /* the address that answers */
    Scope scope;
} Way;

/* Walks the ways in to an endpoint: `for (ReachIterator i = {}; reach_next(&i, …, &way);)`. */
typedef struct ReachIterator {
    size_t next;
} ReachIterator;

/*
 * The next way in to the endpoint, in the order of the table: for a wildcard every address of
 * every interface that is up (of the bound device, if any; of both families where it takes both),
 * else the interface that has the bound address. The endpoint and table must stay the same between
 * calls. Returns false when there is no further.
 */
bool reach_next(ReachIterator *iterator, const Endpoint *endpoint, const LinkTable *links,
                Way *ret);
