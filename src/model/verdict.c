/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/verdict.h"

#include <errno.h>
#include <string.h>

#include "util/memory.h"

static const char *const actions[] = {
    [ACTION_ALLOW] = "allow",
    [ACTION_IGNORE] = "ignore",
    [ACTION_FLAG] = "flag",
};

static const char *const severities[SEVERITY_COUNT] = {
    [SEVERITY_NOTICE] = "notice",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_ERROR] = "error",
    [SEVERITY_CRITICAL] = "critical",
};

const char *action_name(Action action) {
    return actions[action];
}

const char *severity_name(Severity severity) {
    return severities[severity];
}

int action_parse(const char *name, Action *ret) {
    int index = string_find(name, actions, ELEMENTS(actions));
    if (index < 0)
        return index;
    *ret = (Action)index;
    return 0;
}

int severity_parse(const char *name, Severity *ret) {
    int index = string_find(name, severities, SEVERITY_COUNT);
    if (index < 0)
        return index;
    *ret = (Severity)index;
    return 0;
}
