/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message.h"

#include <sys/socket.h>

/* Messages are of a bus that was started; to whom it leads is all the same. */
static sd_bus *the_bus(void) {
    static sd_bus *bus;
    int pair[2];

    if (bus)
        return bus;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || sd_bus_new(&bus) < 0)
        return NULL;
    return sd_bus_set_fd(bus, pair[0], pair[0]) < 0 || sd_bus_start(bus) < 0 ? NULL : bus;
}

sd_bus_message *message_new(void) {
    sd_bus_message *message = NULL;
    sd_bus *bus = the_bus();
    if (!bus || sd_bus_message_new_signal(bus, &message, "/x", "x.y", "Z") < 0)
        return NULL;
    return message;
}

int message_turn(sd_bus_message *message) {
    int r = sd_bus_message_seal(message, 1, 0);
    if (r >= 0)
        r = sd_bus_message_rewind(message, 1); /* 1: there is something in it */
    return r < 0 ? r : 0;
}
