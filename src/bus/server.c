/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/server.h"

#include <errno.h>
#include <stdlib.h>

#include "bus/marshal.h"
#include "bus/server_internal.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* What waits for the system bus to take it; beyond, signals are not sent. */
#define SYSTEM_QUEUE_MAX 512

int bus_server_new(const BusConfig *config, BusServer **ret) {
    BusServer *server = calloc(1, sizeof(*server));
    if (!server)
        return -ENOMEM;
    server->event = sd_event_ref(config->event);
    server->handlers = *config->handlers;
    server->reader_gid = config->reader_gid;
    server->socket_fd = -1;
    server->wants_system_bus = config->system_bus;
    int r = config->runtime_dir ? peers_open(server, config->runtime_dir) : 0;
    if (r >= 0 && config->system_bus)
        r = system_bus_open(server);
    if (r < 0) {
        bus_server_free(server);
        return r;
    }
    *ret = server;
    return 0;
}

BusServer *bus_server_free(BusServer *server) {
    if (!server)
        return NULL;
    peers_close(server);
    system_bus_close(server);
    sd_event_unref(server->event);
    free(server);
    return NULL;
}

static bool system_bus_hears(const BusServer *server) {
    uint64_t n_queued = 0;
    return server->has_name && sd_bus_get_n_queued_write(server->system.bus, &n_queued) >= 0 &&
           n_queued < SYSTEM_QUEUE_MAX;
}

bool bus_server_is_heard(const BusServer *server) {
    for (const Peer *peer = server->peers; peer; peer = peer->next)
        if (peer->channel.subscribed && !peer->dead)
            return true;
    return server->has_name;
}

static void marshal_change(DictWriter *writer, const BusChange *change) {
    dict_open(writer);
    dict_append_number(writer, "time", change->time);
    dict_append_number(writer, "duration", change->duration);
    dict_append_number(writer, "returned", change->n_returned);
    dict_append_text(writer, "why", change->why);
    dict_append_text(writer, "was", change->was);
    dict_append_bool(writer, "still", change->still);
    dict_append_bool(writer, "transient", change->transient);
    dict_close(writer);
}

static void send_change(Channel *channel, const BusChange *change, const char *name) {
    _cleanup_message_ sd_bus_message *message = NULL;
    DictWriter writer = {};

    if (sd_bus_message_new_signal(channel->bus, &message, BUS_PATH, BUS_INTERFACE, name) < 0)
        return;
    writer.message = message;
    /* What goes to all on the system bus shows what is everybody's. */
    marshal_listener(&writer, change->listener, &channel->viewer);
    marshal_change(&writer, change);
    if (writer.error == 0)
        (void)channel_send(channel, message, writer.size);
}

void bus_server_tell(BusServer *server, const BusChange *change) {
    static const char *const names[] = {
        [BUS_LISTENER_ADDED] = "ListenerAdded",
        [BUS_LISTENER_CHANGED] = "ListenerChanged",
        [BUS_LISTENER_REMOVED] = "ListenerRemoved",
        [BUS_FLAGGED] = "Flagged",
        [BUS_RESOLVED] = "Resolved",
    };
    for (Peer *peer = server->peers; peer; peer = peer->next)
        if (peer->channel.subscribed && !peer->dead)
            send_change(&peer->channel, change, names[change->signal]);
    if (system_bus_hears(server))
        send_change(&server->system, change, names[change->signal]);
}

static void send_number(Channel *channel, const char *name, uint64_t number) {
    _cleanup_message_ sd_bus_message *message = NULL;
    if (sd_bus_message_new_signal(channel->bus, &message, BUS_PATH, BUS_INTERFACE, name) >= 0 &&
        sd_bus_message_append_basic(message, 't', &number) >= 0)
        (void)channel_send(channel, message, 128);
}

static void tell_number(BusServer *server, const char *name, uint64_t number) {
    for (Peer *peer = server->peers; peer; peer = peer->next)
        if (peer->channel.subscribed && !peer->dead)
            send_number(&peer->channel, name, number);
    if (system_bus_hears(server))
        send_number(&server->system, name, number);
}

void bus_server_tell_policy(BusServer *server, uint64_t generation) {
    tell_number(server, "PolicyChanged", generation);
}

void bus_server_tell_links(BusServer *server, uint64_t generation) {
    tell_number(server, "LinksChanged", generation);
}

void bus_server_stats(const BusServer *server, BusServerStats *ret) {
    BusServerStats stats = {
        .n_refused = server->n_refused,
        .n_dropped = server->n_dropped,
        .on_system_bus = server->has_name,
    };
    for (const Peer *peer = server->peers; peer; peer = peer->next) {
        if (peer->dead)
            continue;
        stats.n_peers++;
        stats.n_subscribed += peer->channel.subscribed;
        stats.n_queued += peer->queue.bytes;
    }
    *ret = stats;
}
