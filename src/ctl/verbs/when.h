/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A time as journalctl's --since takes it. Pure, but for the time zone (TZ). */
#pragma once

#include "util/parse.h"

/*
 * `now`, `today`, `yesterday`, `tomorrow` (their first second), `18:00[:30]` (of today),
 * `2026-11-20`, `2026-11-20 18:00[:30]` (or with a T), `-1h30m`, `+5m`, `2 hours ago` (units as in
 * systemd.time(7)), `@SECONDS`: to microseconds since the epoch. `now` is realtime. Returns 0,
 * -EINVAL, or -ERANGE: before 1970.
 */
int when_parse(const char *text, usec_t now, usec_t *ret);
