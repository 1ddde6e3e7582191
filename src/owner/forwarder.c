/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/forwarder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool runs(const Holder *holder, const char *name) {
    return holder->exe_state == EXE_VERIFIED && holder->exe &&
           strcmp(base_name(holder->exe), name) == 0;
}

/* The value behind an option, given as two arguments. */
static const char *option_value(const Holder *holder, const char *option, const char *longer) {
    for (char **at = holder->cmdline; at && *at; at++)
        if ((strcmp(*at, option) == 0 || strcmp(*at, longer) == 0) && at[1])
            return at[1];
    return NULL;
}

static int set_text(const char *value, char **field) {
    if (!value || *field)
        return 0;
    *field = strdup(value);
    return *field ? 0 : -ENOMEM;
}

int forwarder_set_container(Owner *owner) {
    if (owner->runtime != RUNTIME_NONE)
        return 0;
    for (size_t i = 0; i < owner->n_holders; i++) {
        const Holder *holder = &owner->holders[i];
        if (runs(holder, "rootlessport")) {
            owner->runtime = RUNTIME_PODMAN;
            return 0;
        }
        if (holder->uid != 0)
            continue;
        if (runs(holder, "docker-proxy")) {
            owner->runtime = RUNTIME_DOCKER; /* its command line has addresses, but no id */
            return 0;
        }
        if (runs(holder, "conmon")) {
            owner->runtime = RUNTIME_PODMAN;
            int r = set_text(option_value(holder, "-c", "--cid"), &owner->container_id);
            if (r < 0)
                return r;
            return set_text(option_value(holder, "-n", "--name"), &owner->container_name);
        }
    }
    return 0;
}
