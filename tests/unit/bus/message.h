/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages that never leave the process: written, sealed, and read again. */
#pragma once

#include <systemd/sd-bus.h>

/* A new message to write to; NULL: it could not be made. */
sd_bus_message *message_new(void);
/* Ends the writing; the message is then read from its beginning. Returns 0 or a negative errno. */
int message_turn(sd_bus_message *message);
