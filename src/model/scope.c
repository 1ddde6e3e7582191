/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/scope.h"

#include <errno.h>
#include <string.h>

#include "util/memory.h"

static const char *const scope_names[SCOPE_COUNT] = {
    [SCOPE_UNREACHABLE] = "unreachable",
    [SCOPE_LOOPBACK] = "loopback",
    [SCOPE_LINK_LOCAL] = "link-local",
    [SCOPE_VIRTUAL] = "virtual",
    [SCOPE_VPN] = "vpn",
    [SCOPE_PRIVATE] = "private",
    [SCOPE_MULTICAST] = "multicast",
    [SCOPE_PUBLIC] = "public",
    [SCOPE_WILDCARD] = "wildcard",
};

const char *scope_name(Scope scope) {
    return scope_names[scope];
}

int scope_parse(const char *name, Scope *ret) {
    int index = string_find(name, scope_names, SCOPE_COUNT);
    if (index < 0)
        return index;
    *ret = (Scope)index;
    return 0;
}
