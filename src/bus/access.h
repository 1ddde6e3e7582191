/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may see and do what. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bus/listener.h"

/* Who looks. A uid that is not known, (uid_t)-1, is nobody's. */
typedef struct Viewer {
    uid_t uid;
    bool sees_all; /* root and the group of readers */
} Viewer;

Viewer viewer_make(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups, gid_t reader_gid);

/* Exe, command line and working directory are the process's owner's, as in /proc. */
bool viewer_sees_process(const Viewer *viewer, const Holder *holder);

/* The tool is derived from the command lines of the processes. */
bool viewer_sees_tool(const Viewer *viewer, const Listener *listener);

/* The advice of a listener may quote command lines. A rule's own is everybody's. */
bool viewer_sees_advice(const Viewer *viewer, const Listener *listener);

typedef enum Deed {
    DEED_RELOAD,
    DEED_ALLOW,
    DEED_SNOOZE,
    DEED_SUGGEST,
} Deed;

/* Whether that may be done without asking polkit. `owners`: the uids of the listeners that it is
 * about; none of a forward, which is nobody's: (uid_t)-1. */
bool viewer_may(const Viewer *viewer, Deed deed, const uid_t *owners, size_t n_owners);
