/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel, or somebody in its place, answers. The first byte says to which request, the
 * rest is the datagram; its first message's sequence number and port are taken for ours. Checked is
 * what every reader of a snapshot relies on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collect/links/link_parse.h"
#include "collect/sockdiag/protocols.h"
#include "collect/sockdiag/sockdiag.h"
#include "model/reach.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static void walk_datagram(const void *bytes, size_t size, MessageHandler handler, void *data) {
    struct nlmsghdr first = {};
    if (size >= sizeof(first))
        memcpy(&first, bytes, sizeof(first));
    MessageWalk walk = {
        .seq = first.nlmsg_seq,
        .portid = first.nlmsg_pid,
        .handler = handler,
        .data = data,
    };
    int r = messages_walk(bytes, size, &walk);
    require(r >= 0 && r <= 1 && walk.error <= 0 && walk.error >= -4095);
}

static void fuzz_diag(Proto proto, const void *bytes, size_t size) {
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    _cleanup_(idmap_done) IdMap inodes = {};
    DiagSink sink = {.snapshot = snapshot, .proto = proto, .mptcp = &inodes};
    char text[ENDPOINT_SIZE];
    size_t sockets = 0;

    walk_datagram(bytes, size, diag_sink_message, &sink);
    require(diag_sink_flush(&sink) == 0);
    size_t once = snapshot->n_sockets;
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const Listener *listener = &snapshot->listeners[i];
        require(listener->endpoint.proto == proto && listener->endpoint.port != 0);
        require(listener->endpoint.address.family == AF_INET ||
                (listener->endpoint.address.family == AF_INET6));
        require(listener->endpoint.address.family == AF_INET6 || !listener->endpoint.v6only);
        require(endpoint_scope(&listener->endpoint, NULL) < SCOPE_COUNT);
        endpoint_format(&listener->endpoint, NULL, text);
        require(text[0] != '\0');
        sockets += listener->n_sockets;
    }
    require(sockets == once);
    for (size_t i = 0; i < once; i++)
        require(snapshot->sockets[i].listener < snapshot->n_listeners);
}

static void fuzz_links(MessageHandler handler, const void *bytes, size_t size) {
    _cleanup_(link_builder_done) LinkBuilder builder = {};
    LinkTable *table = NULL;

    walk_datagram(bytes, size, link_parse, &builder);
    walk_datagram(bytes, size, handler, &builder);
    require(link_builder_finish(&builder, &table) == 0);
    for (size_t i = 0; i < table->n_links; i++) {
        const Link *link = &table->links[i];
        require(link->kind < LINK_KIND_COUNT && link->name[0] && link->index > 0);
        require(memchr(link->name, '\0', sizeof(link->name)) != NULL);
        require(i == 0 || table->links[i - 1].index < link->index);
        link_leads_to_guests_only(table, link);
    }
    for (size_t i = 0; i < table->n_addresses; i++) {
        Endpoint endpoint = {.port = 1, .address = table->addresses[i].address};
        require(endpoint_scope(&endpoint, table) < SCOPE_COUNT);
    }
    link_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    /* A copy of its own: aligned, and with nothing readable behind it. */
    _cleanup_free_ uint8_t *bytes = malloc(size > 1 ? size - 1 : 1);
    require(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    Protocols protocols;

    switch (data[0] % 9) {
    case 5:
        fuzz_links(link_parse, bytes, size - 1);
        break;
    case 6:
        fuzz_links(address_parse_message, bytes, size - 1);
        break;
    case 7:
        fuzz_links(route_parse, bytes, size - 1);
        break;
    case 8:
        protocols_parse((const char *)bytes, size - 1, &protocols);
        break;
    default:
        fuzz_diag((Proto)(data[0] % 9), bytes, size - 1);
    }
    return 0;
}
