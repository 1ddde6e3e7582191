/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Users, groups and services by name, as this machine knows them (nsswitch.conf), each asked once
 * for a policy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"

typedef struct Names Names;

Names *names_new(void);
/* Takes NULL, returns NULL. */
Names *names_free(Names *names);

/* Each returns 0, -ENOENT if the name does not exist, or another negative errno if it cannot be
 * resolved. The name must outlive `names`. */
int names_user(Names *names, const char *name, uint32_t *ret);
int names_group(Names *names, const char *name, uint32_t *ret);
int names_service(Names *names, const char *name, uint32_t *ret); /* of any protocol */

/* Returns whether a requested name could not be resolved. */
bool names_missed(const Names *names);

/* The name of that user or group, in a new string; its number where it has none. NULL: out of
 * memory. */
char *names_of_user(uint32_t uid);
char *names_of_group(uint32_t gid);

/* Whether the group is that user's own: of the same name, and nobody else is in it. */
bool names_group_is_private(uint32_t gid, uint32_t uid);

DEFINE_CLEANUP(Names, names_cleanup, names_free)
#define _cleanup_names_ _cleanup_(names_cleanup)
