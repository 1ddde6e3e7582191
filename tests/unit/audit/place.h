/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory of a test's own, for the state file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Place {
    char path[32];
    int fd;
    int log_fd; /* for state_log() */
} Place;

Place place_new(void);
/* Fails the test when something is left in it that is none of the state's files. */
void place_done(Place *place);
#define _cleanup_place_ _cleanup_(place_done)

char *place_read(const Place *place, const char *name, size_t *ret_length);
void place_write(const Place *place, const char *name, const char *text, size_t length);
bool place_has(const Place *place, const char *name);
