/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which units advice may name in a command. */
#pragma once

#include <stdbool.h>

/*
 * Returns whether a user may be told to restart the unit: it is a service or a socket, and no
 * login, session or name resolution of this machine ends with it.
 */
bool unit_is_restartable(const char *unit);
