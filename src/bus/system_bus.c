/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On the system bus, as soon as there is one, and again when it was restarted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/server_internal.h"

#define RECONNECT_SECONDS_MAX 60
#define ADDRESS_DEFAULT       "unix:path=/run/dbus/system_bus_socket"

static void disconnect(BusServer *server) {
    requests_cancel(server);
    server->has_name = false;
    if (server->system.bus)
        server->system.bus = sd_bus_close_unref(server->system.bus);
}

static int on_reconnect(sd_event_source *source, uint64_t time, void *userdata) {
    BusServer *server = userdata;
    (void)source, (void)time;
    disconnect(server);
    (void)system_bus_open(server);
    return 0;
}

/* Later, and not from inside the bus's own dispatch. */
static void reconnect_later(BusServer *server) {
    unsigned seconds = server->reconnect_seconds ?: 1;

    server->has_name = false;
    server->reconnect_seconds =
        seconds * 2 < RECONNECT_SECONDS_MAX ? seconds * 2 : RECONNECT_SECONDS_MAX;
    (void)sd_event_source_set_time_relative(server->reconnect, seconds * USEC_PER_SEC);
    (void)sd_event_source_set_enabled(server->reconnect, SD_EVENT_ONESHOT);
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    (void)message, (void)error;
    reconnect_later(((Channel *)userdata)->server);
    return 0;
}

/* sd_bus_request_name_async(3): the default handler would close the connection. */
static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    BusServer *server = ((Channel *)userdata)->server;
    uint32_t answer;
    (void)error;

    if (sd_bus_message_is_method_error(reply, NULL) ||
        sd_bus_message_read(reply, "u", &answer) < 0) {
        /* The bus's policy does not let us have it. Right after the installation it does not know
         * our user yet: the package manager has it reread its configuration last. */
        reconnect_later(server);
        return 0;
    }
    bool has_name = answer == 1 || answer == 4; /* primary owner, already owner */
    if (has_name)
        server->reconnect_seconds = 0;
    else
        reconnect_later(server); /* another daemon has it, which may end */
    server->has_name = has_name;
    return 0;
}

static int start(BusServer *server) {
    const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
    sd_bus *bus = server->system.bus;

    int r;
    /* sd-bus waits until the socket of the bus exists. */
    if ((r = sd_bus_set_address(bus, address && *address ? address : ADDRESS_DEFAULT)) < 0 ||
        (r = sd_bus_set_bus_client(bus, true)) < 0 ||
        (r = sd_bus_set_description(bus, "system")) < 0 ||
        (r = sd_bus_set_watch_bind(bus, true)) < 0 ||
        (r = sd_bus_set_connected_signal(bus, false)) < 0 ||
        (r = sd_bus_negotiate_fds(bus, false)) < 0 ||
        (r = sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_INTERFACE, server_vtable,
                                      &server->system)) < 0 ||
        (r = sd_bus_start(bus)) < 0 ||
        (r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", NULL,
                                       "org.freedesktop.DBus.Local", "Disconnected",
                                       on_disconnected, NULL, &server->system)) < 0 ||
        (r = sd_bus_request_name_async(bus, NULL, BUS_NAME, 0, on_name, &server->system)) < 0)
        return r;
    return sd_bus_attach_event(bus, server->event, SERVER_PRIORITY);
}

int system_bus_open(BusServer *server) {
    if (!server->reconnect) {
        int r = sd_event_add_time_relative(server->event, &server->reconnect, CLOCK_MONOTONIC,
                                           USEC_PER_SEC, 0, on_reconnect, server);
        if (r < 0)
            return r;
        (void)sd_event_source_set_enabled(server->reconnect, SD_EVENT_OFF);
        (void)sd_event_source_set_priority(server->reconnect, SERVER_PRIORITY);
    }
    server->system = (Channel){
        .server = server,
        .viewer = {.uid = (uid_t)-1},
        .subscribed = true,
    };
    int r = sd_bus_new(&server->system.bus);
    if (r >= 0)
        r = start(server);
    if (r < 0) {
        disconnect(server);
        reconnect_later(server);
    }
    return 0;
}

void system_bus_close(BusServer *server) {
    disconnect(server);
    server->reconnect = sd_event_source_disable_unref(server->reconnect);
}
