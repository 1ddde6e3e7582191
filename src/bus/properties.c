/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The properties of org.sockaudit1.Manager. */
#include <errno.h>
#include <string.h>

#include "bus/server_internal.h"
#include "util/memory.h"

/* Text for a message: who made it escaped it, but who knows. */
const char *bus_string(const char *text) {
    return !text ? "" : text_is_bus_string(text) ? text : "(not valid UTF-8)";
}

/* Counting walks the ledger; all numbers of one turn of the loop are of one walk, or a GetAll would
 * be as many as there are numbers. */
static int count_once(BusServer *server) {
    const BusHandlers *handlers = &server->handlers;
    uint64_t turn;

    int r = sd_event_get_iteration(server->event, &turn);
    if (r < 0 || server->counted_at == turn + 1)
        return r;
    server->counted = (BusStatus){};
    r = handlers->status(handlers->userdata, &server->counted);
    server->counted_at = r < 0 ? 0 : turn + 1;
    return r;
}

int property_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    const BusStatus *status = &((Channel *)userdata)->server->counted;
    (void)bus, (void)path, (void)interface, (void)error;

    int r = count_once(((Channel *)userdata)->server);
    if (r < 0)
        return r;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"Since", status->since},       {"PolicyGeneration", status->policy_generation},
        {"Rules", status->n_rules},     {"Listeners", status->n_listeners},
        {"Flagged", status->n_flagged}, {"Allowed", status->n_allowed},
        {"Ignored", status->n_ignored}, {"Snoozed", status->n_snoozed},
    };
    for (size_t i = 0; i < ELEMENTS(numbers); i++)
        if (strcmp(numbers[i].name, property) == 0)
            return sd_bus_message_append_basic(reply, 't', &numbers[i].value);
    return -EINVAL;
}

int property_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    (void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
    return sd_bus_message_append_basic(reply, 's', PACKAGE_VERSION);
}

/* Text is borrowed until the next call of a handler: it is asked for anew. */
int property_differs(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    const BusHandlers *handlers = &((Channel *)userdata)->server->handlers;
    BusStatus status = {};
    (void)bus, (void)path, (void)interface, (void)property, (void)error;

    int r = handlers->status(handlers->userdata, &status);
    return r < 0 ? r : sd_bus_message_append_basic(reply, 's', bus_string(status.policy_differs));
}

int property_source(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    const BusHandlers *handlers = &((Channel *)userdata)->server->handlers;
    BusStatus status = {};
    (void)bus, (void)path, (void)interface, (void)property, (void)error;

    int r = handlers->status(handlers->userdata, &status);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sbs)");
    for (size_t i = 0; r >= 0 && i < status.n_sources && i < BUS_SOURCES_MAX; i++)
        r = sd_bus_message_append(reply, "(sbs)", bus_string(status.sources[i].name),
                                  status.sources[i].works, bus_string(status.sources[i].words));
    return r < 0 ? r : sd_bus_message_close_container(reply);
}
