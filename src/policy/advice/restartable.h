/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units that advice may name in a command. */
#pragma once

#include <stdbool.h>

/*
 * Returns whether advice may suggest to restart the unit: it is a service or a socket, and a
 * restart ends no login, session or name resolution of this machine.
 */
bool unit_is_restartable(const char *unit);
