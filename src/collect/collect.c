/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/collect.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>

#include "collect/links/links.h"
#include "collect/netlink/netlink.h"
#include "collect/netns.h"
#include "collect/sockdiag/protocols.h"
#include "collect/sockdiag/sockdiag.h"
#include "model/reach.h"
#include "util/cleanup.h"

struct Collector {
    int proc_fd, sys_fd; /* borrowed */
    const NetHandles *handles;
    Netns netns;
    Netlink *diag, *route;
    Netlink *netfilter;       /* NULL: the kernel has none, or there are handles */
    const Forwards *forwards; /* borrowed; NULL: read them from the kernel */
};

int collector_open(int proc_fd, int sys_fd, const NetHandles *handles, Collector **ret) {
    _cleanup_collector_ Collector *collector = calloc(1, sizeof(*collector));
    if (!collector)
        return -ENOMEM;
    collector->proc_fd = proc_fd;
    collector->sys_fd = sys_fd;
    collector->handles = handles;
    collector->netns = handles ? netns_passed(handles->fds[HANDLE_NETNS]) : netns_current(proc_fd);

    int r = netlink_open(handles, HANDLE_DIAG, NETLINK_SOCK_DIAG, &collector->diag);
    if (r >= 0)
        r = netlink_open(handles, HANDLE_ROUTE, NETLINK_ROUTE, &collector->route);
    if (r < 0)
        return r;
    /* A passed socket cannot read NAT rules without CAP_NET_ADMIN (KERNEL.md 41). */
    r = handles ? 0 : netlink_open(NULL, 0, NETLINK_NETFILTER, &collector->netfilter);
    if (r < 0 && r != -EPROTONOSUPPORT)
        return r;
    *ret = TAKE_PTR(collector);
    return 0;
}

Collector *collector_free(Collector *collector) {
    if (!collector)
        return NULL;
    netlink_close(collector->diag);
    netlink_close(collector->route);
    netlink_close(collector->netfilter);
    free(collector);
    return NULL;
}

void collector_use_forwards(Collector *collector, const Forwards *forwards) {
    collector->forwards = forwards;
}

int collector_links(Collector *collector, Snapshot *snapshot) {
    LinkTable *links = NULL;
    int r = links_collect(collector->route, collector->sys_fd, &links, &snapshot->links_coverage);
    if (r < 0)
        return r;
    link_table_free(snapshot->links);
    snapshot->links = links;
    return 0;
}

static int add_forwards(Collector *collector, Snapshot *snapshot) {
    if (collector->forwards)
        return forwards_resolve(collector->forwards, snapshot);
    if (!collector->handles)
        return forwards_collect(collector->netfilter, collector->proc_fd, net_directory(NULL),
                                snapshot);
    coverage_set(&snapshot->forwards_coverage, COVERAGE_UNAVAILABLE,
                 "NAT rules cannot be read without --nft-socket");
    return 0;
}

/*
 * The snapshot joins the dumps by cookie. Forwards need the ports that have sockets. The links are
 * read after the sockets, because services often bind an address as soon as it is added.
 */
static int look(Collector *collector, unsigned n_dumps, Snapshot *snapshot) {
    Protocols protocols;
    int r = 0;

    snapshot_clear(snapshot);
    snapshot->netns = collector->netns;
    for (unsigned i = 0; i < n_dumps && r >= 0; i++) {
        protocols_read(collector->proc_fd, net_directory(collector->handles), &protocols);
        r = sockdiag_collect(collector->diag, &protocols, snapshot);
    }
    if (r >= 0)
        r = collector_links(collector, snapshot);
    if (r < 0)
        return r;
    r = add_forwards(collector, snapshot);
    if (r < 0)
        return r;
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        snapshot->listeners[i].scope = listener_scope(&snapshot->listeners[i], snapshot->links);
    return 0;
}

int collector_snapshot(Collector *collector, Snapshot *snapshot) {
    return look(collector, 1, snapshot);
}

int collector_snapshot_twice(Collector *collector, Snapshot *snapshot) {
    return look(collector, 2, snapshot);
}
