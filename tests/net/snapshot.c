/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints what the collector sees in the network namespace that it is started in, a JSON object a
 * line: `link`, `address`, `coverage`, `listener` and last `snapshot`. For the tests that
 * compare it with ss and ip.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collect/collect.h"
#include "util/cleanup.h"

static void print_links(const LinkTable *links) {
    char address[ADDRESS_SIZE];

    for (size_t i = 0; i < links->n_links; i++) {
        const Link *link = &links->links[i];
        printf("{\"type\":\"link\",\"index\":%u,\"name\":\"%s\",\"kind\":\"%s\",\"master\":%u,"
               "\"lower\":%u,\"up\":%s,\"default\":%s}\n",
               link->index, link->name, link_kind_name(link->kind), link->master, link->lower,
               link->up ? "true" : "false", link->default_route ? "true" : "false");
    }
    for (size_t i = 0; i < links->n_addresses; i++) {
        address_format(&links->addresses[i].address, address);
        printf("{\"type\":\"address\",\"index\":%u,\"address\":\"%s\",\"length\":%u}\n",
               links->addresses[i].index, address, links->addresses[i].prefix_length);
    }
}

static void print_listener(const Listener *listener, const LinkTable *links) {
    const Endpoint *endpoint = &listener->endpoint;
    const Link *device = link_table_find(links, endpoint->ifindex);
    char address[ADDRESS_SIZE], forward[ADDRESS_SIZE + 8] = "";

    if (listener->origin == ORIGIN_FORWARD) {
        address_format(&listener->forward_to, address);
        snprintf(forward, sizeof(forward), "%s:%u", address, listener->forward_port);
    }
    address_format(&endpoint->address, address);
    printf("{\"type\":\"listener\",\"proto\":\"%s\",\"family\":\"%s\",\"address\":\"%s\","
           "\"port\":%u,\"device\":\"%s\",\"v6only\":%s,\"scope\":\"%s\",\"sockets\":%u,"
           "\"forward\":\"%s\",\"uid\":%u,\"inode\":%u,\"cookie\":%" PRIu64 ",\"cgroup\":%" PRIu64
           "}\n",
           proto_name(endpoint->proto), endpoint->address.family == AF_INET ? "inet" : "inet6",
           address, endpoint->port, device ? device->name : "", endpoint->v6only ? "true" : "false",
           scope_name(listener->scope), listener->n_sockets, forward, listener->uid,
           listener->inode, listener->cookie, listener->cgroup_id);
}

int main(void) {
    _cleanup_close_ int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int sys_fd = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_collector_ Collector *collector = NULL;
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    char coverage[COVERAGE_SIZE];

    int r = snapshot ? collector_open(proc_fd, sys_fd, NULL, &collector) : -ENOMEM;
    if (r >= 0)
        r = collector_snapshot(collector, snapshot);
    if (r < 0) {
        fprintf(stderr, "no snapshot: %s\n", strerror(-r));
        return 1;
    }
    print_links(snapshot->links);
    for (Proto proto = 0; proto < PROTO_COUNT; proto++) {
        coverage_format(&snapshot->coverage[proto], coverage);
        printf("{\"type\":\"coverage\",\"proto\":\"%s\",\"is\":\"%s\",\"absent\":%s}\n",
               proto_name(proto), coverage, snapshot->coverage[proto].absent ? "true" : "false");
    }
    coverage_format(&snapshot->links_coverage, coverage);
    printf("{\"type\":\"coverage\",\"proto\":\"links\",\"is\":\"%s\",\"absent\":false}\n",
           coverage);
    coverage_format(&snapshot->forwards_coverage, coverage);
    printf("{\"type\":\"coverage\",\"proto\":\"forwards\",\"is\":\"%s\",\"absent\":false}\n",
           coverage);
    for (size_t i = 0; i < snapshot->n_listeners; i++)
        print_listener(&snapshot->listeners[i], snapshot->links);
    printf("{\"type\":\"snapshot\",\"netns\":%" PRIu64 ",\"host\":%s,\"complete\":%s,"
           "\"sockets\":%zu}\n",
           snapshot->netns.inode, snapshot->netns.host ? "true" : "false",
           snapshot_is_complete(snapshot) ? "true" : "false", snapshot->n_sockets);
    return 0;
}
