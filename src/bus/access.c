/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/access.h"

#include <string.h>

#define NOBODY ((uid_t)-1)

Viewer viewer_make(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups, gid_t reader_gid) {
    Viewer viewer = {.uid = uid, .sees_all = uid == 0};
    if (reader_gid == (gid_t)-1)
        return viewer;
    viewer.sees_all |= gid == reader_gid;
    for (size_t i = 0; i < n_groups; i++)
        viewer.sees_all |= groups[i] == reader_gid;
    return viewer;
}

bool viewer_sees_process(const Viewer *viewer, const Holder *holder) {
    return viewer->sees_all || (viewer->uid != NOBODY && holder->uid == viewer->uid);
}

bool viewer_sees_tool(const Viewer *viewer, const Listener *listener) {
    const Owner *owner = listener->owner;

    /* What is not kept may be anybody's. */
    if (owner && owner->n_holders_seen > owner->n_holders && !viewer->sees_all)
        return false;
    for (size_t i = 0; owner && i < owner->n_holders; i++)
        if (!viewer_sees_process(viewer, &owner->holders[i]))
            return false;
    return true;
}

bool viewer_sees_advice(const Viewer *viewer, const Listener *listener) {
    const RuleInfo *rule = listener->verdict.rule;

    return (rule && rule->advice && listener->advice &&
            strcmp(rule->advice, listener->advice) == 0) ||
           viewer_sees_tool(viewer, listener);
}

bool viewer_may(const Viewer *viewer, Deed deed, const uid_t *owners, size_t n_owners) {
    if (viewer->uid == 0)
        return true;
    if (deed == DEED_SUGGEST && viewer->sees_all)
        return true;
    if ((deed != DEED_SNOOZE && deed != DEED_SUGGEST) || viewer->uid == NOBODY || n_owners == 0)
        return false;
    for (size_t i = 0; i < n_owners; i++)
        if (owners[i] != viewer->uid)
            return false;
    return true;
}
