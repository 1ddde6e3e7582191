/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small machine to judge on, and listeners from text: `tcp 0.0.0.0:3000 uid=1000
 * exe=/usr/bin/node`. Words behind the endpoint, in any order: uid=N  scope=NAME  unit=NAME
 * user-unit=NAME  cgroup=PATH  container=RUNTIME:ID[:NAME] exe=PATH (a holder that runs that
 * verified file; may be repeated)  unverified=PATH  replaced=PATH (the file has lost that name)
 * unreadable other=PATH (unverified, and another file than any path leads to)  assumed=PATH
 * incomplete (more holders may exist)  many (more than are kept)  age=SPAN  forward target=ENDPOINT
 * (a forward to there)  tool=NAME  nobody Of the machine: netns=other|unknown  no-links  no-range
 * assumed-user=NAME
 */
#pragma once

#include "policy/policy.h"

typedef struct World {
    Link links[6];
    LinkAddress addresses[8];
    LinkTable table;
    JudgeContext context;
    unsigned n_identity_calls;
    char assumed_user[32];
    Listener listener;
} World;

/* 2026-11-21 00:00 UTC: what the world takes for now. */
#define WORLD_NOW (UINT64_C(1795219200) * USEC_PER_SEC)

void world_init(World *world);
void world_done(World *world);

/* Fills world->listener. Returns false when the text is not understood. */
bool world_set_listener(World *world, const char *text);

/* What the world says a path's file is: a hash of the path, but /bin/X is /usr/bin/X, links lead
 * where they say, and below /missing there is nothing. */
int world_file_identity(void *userdata, const char *path, FileId *ret);
