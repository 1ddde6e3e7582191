/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the client's parts share. Internal. */
#pragma once

#include <systemd/sd-bus.h>

#include "bus/client.h"

struct BusClient {
    sd_bus *bus;
    bool is_peer;
    bool has_system_bus; /* it may be tried */
    char *error;
    void (*open_agent)(void); /* or NULL, as the other */
    void (*close_agent)(void);
};

int client_new_call(BusClient *client, const char *method, sd_bus_message **ret);
/* Sets the client's error. */
int client_call(BusClient *client, sd_bus_message *call, bool interactive, sd_bus_message **ret);
/* -EPROTO for what is no answer that we know. */
int client_read_error(int r);
