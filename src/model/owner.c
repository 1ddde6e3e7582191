/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/owner.h"

#include <errno.h>
#include <stdlib.h>

#include "util/memory.h"

const char *container_runtime_name(ContainerRuntime runtime) {
    static const char *const names[RUNTIME_COUNT] = {
        [RUNTIME_NONE] = "none",
        [RUNTIME_DOCKER] = "docker",
        [RUNTIME_PODMAN] = "podman",
        [RUNTIME_CONTAINERD] = "containerd",
        [RUNTIME_CRIO] = "crio",
        [RUNTIME_LXC] = "lxc",
        [RUNTIME_NSPAWN] = "systemd-nspawn",
    };
    return names[runtime];
}

const char *attribution_name(Attribution attribution) {
    static const char *const names[] = {
        [ATTRIBUTION_NONE] = "none",
        [ATTRIBUTION_PARTIAL] = "partial",
        [ATTRIBUTION_FULL] = "full",
    };
    return names[attribution];
}

Owner *owner_new(void) {
    Owner *owner = calloc(1, sizeof(*owner));
    if (owner)
        owner->n_references = 1;
    return owner;
}

Owner *owner_ref(Owner *owner) {
    owner->n_references++;
    return owner;
}

struct HolderTexts {
    unsigned n_references;
};

void holder_done(Holder *holder) {
    if (!holder->shared || --holder->shared->n_references == 0) {
        free(holder->shared);
        free(holder->comm);
        free(holder->exe);
        strv_free(holder->cmdline);
        free(holder->cwd);
    }
    *holder = (Holder){};
}

int holder_share(Holder *holder, Holder *ret) {
    if (!holder->shared) {
        holder->shared = calloc(1, sizeof(*holder->shared));
        if (!holder->shared)
            return -ENOMEM;
        holder->shared->n_references = 1;
    }
    holder->shared->n_references++;
    *ret = *holder;
    return 0;
}

Owner *owner_unref(Owner *owner) {
    if (!owner || --owner->n_references > 0)
        return NULL;
    for (size_t i = 0; i < owner->n_holders; i++)
        holder_done(&owner->holders[i]);
    free(owner->holders);
    free(owner->note);
    free(owner->cgroup);
    free(owner->unit);
    free(owner->user_unit);
    free(owner->session);
    free(owner->container_id);
    free(owner->container_name);
    free(owner);
    return NULL;
}
