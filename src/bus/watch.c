/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's side of signals. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/client_internal.h"
#include "bus/names.h"
#include "util/memory.h"

static const struct {
    const char *name;
    const char *member;
} kinds[BUS_EVENT_KIND_COUNT] = {
    [BUS_EVENT_ADDED] = {"added", "ListenerAdded"},
    [BUS_EVENT_CHANGED] = {"changed", "ListenerChanged"},
    [BUS_EVENT_REMOVED] = {"removed", "ListenerRemoved"},
    [BUS_EVENT_FLAGGED] = {"flagged", "Flagged"},
    [BUS_EVENT_RESOLVED] = {"resolved", "Resolved"},
    [BUS_EVENT_POLICY] = {"policy", "PolicyChanged"},
    [BUS_EVENT_LINKS] = {"links", "LinksChanged"},
    [BUS_EVENT_LOST] = {"lost", "SignalsLost"},
};

const char *bus_event_name(BusEventKind kind) {
    return kinds[kind].name;
}

static BusEventKind kind_of(sd_bus_message *message) {
    for (unsigned i = 0; i < BUS_EVENT_KIND_COUNT; i++)
        if (sd_bus_message_is_signal(message, BUS_INTERFACE, kinds[i].member) > 0)
            return (BusEventKind)i;
    return BUS_EVENT_KIND_COUNT;
}

static const Field change_fields[] = {
    {"time", FIELD_U64, offsetof(BusEvent, time)},
    {"duration", FIELD_U64, offsetof(BusEvent, duration)},
    {"returned", FIELD_U64, offsetof(BusEvent, n_returned)},
    {"why", FIELD_TEXT, offsetof(BusEvent, why)},
    {"was", FIELD_TEXT, offsetof(BusEvent, was)},
    {"still", FIELD_BOOL, offsetof(BusEvent, still)},
    {"transient", FIELD_BOOL, offsetof(BusEvent, transient)},
    {},
};

static int read_change(sd_bus_message *message, BusView *view, BusEvent *event) {
    bus_view_clear(view);
    int r = unmarshal_listener(message, view);
    if (r >= 0)
        r = dict_read(message, (const DictPart[]){{change_fields, event}, {}});
    if (r < 0)
        return client_read_error(r);
    event->listener = &view->snapshot->listeners[0];
    event->standing = &view->standings[0];
    return 0;
}

static int handle(BusClient *client, sd_bus_message *message, BusView *view,
                  int (*tell)(void *userdata, const BusEvent *event), void *userdata) {
    BusEvent event = {.kind = kind_of(message)};
    int r = 0;

    if (event.kind == BUS_EVENT_KIND_COUNT)
        return sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected") > 0
                   ? -ECONNRESET
                   : 0;
    if (event.kind == BUS_EVENT_LINKS)
        r = bus_client_machine(client, view);
    else if (event.kind == BUS_EVENT_LOST)
        r = client_read_error(sd_bus_message_read_basic(message, 't', &event.number));
    else if (event.kind != BUS_EVENT_POLICY)
        r = read_change(message, view, &event);
    r = r < 0 ? r : tell(userdata, &event);
    free(event.why);
    free(event.was);
    return r;
}

static int subscribe(BusClient *client) {
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    if (!client->is_peer)
        return sd_bus_add_match(client->bus, NULL,
                                "type='signal',sender='" BUS_NAME "',interface='" BUS_INTERFACE
                                "',path='" BUS_PATH "'",
                                NULL, NULL);
    int r = client_new_call(client, "Subscribe", &call);
    return r < 0 ? r : client_call(client, call, false, &reply);
}

static int wait_more(BusClient *client) {
    int r = sd_bus_wait(client->bus, UINT64_MAX);
    return r < 0 && r != -EINTR ? r : 0;
}

int bus_client_watch(BusClient *client, BusView *view,
                     int (*tell)(void *userdata, const BusEvent *event), void *userdata) {
    int r = subscribe(client);
    /* After that, so that no change is missed between the two. */
    if (r >= 0)
        r = bus_client_machine(client, view);
    while (r >= 0) {
        _cleanup_message_ sd_bus_message *message = NULL;
        int done = sd_bus_process(client->bus, &message);
        r = done > 0 && message ? handle(client, message, view, tell, userdata)
            : done == 0         ? wait_more(client)
            : done < 0          ? done
                                : 0;
        if (r > 0)
            break;
    }
    return r == -ENOTCONN || r == -EPIPE ? -ECONNRESET : r;
}
