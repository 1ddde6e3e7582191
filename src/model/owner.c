/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/* The first descriptor that is passed, as in sd-daemon.h. */
#define LISTEN_FDS_START 3

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
    Ancestors *ancestors;
};

void holder_done(Holder *holder) {
    if (!holder->shared || --holder->shared->n_references == 0) {
        if (holder->shared)
            free(holder->shared->ancestors);
        free(holder->shared);
        free(holder->comm);
        free(holder->exe);
        strv_free(holder->cmdline);
        free(holder->cwd);
    }
    *holder = (Holder){};
}

bool holder_is_activated(const Holder *holder) {
    return holder->listen_pid > 0 && holder->listen_pid == holder->pid &&
           holder->fd >= LISTEN_FDS_START && holder->fd - LISTEN_FDS_START < holder->n_listen_fds;
}

static int make_shared(Holder *holder) {
    if (holder->shared)
        return 0;
    holder->shared = calloc(1, sizeof(*holder->shared));
    if (!holder->shared)
        return -ENOMEM;
    holder->shared->n_references = 1;
    return 0;
}

const Ancestors *holder_ancestors(const Holder *holder) {
    return holder->shared ? holder->shared->ancestors : NULL;
}

int holder_set_ancestors(Holder *holder, Ancestors *ancestors) {
    if (make_shared(holder) < 0) {
        free(ancestors);
        return -ENOMEM;
    }
    free(holder->shared->ancestors);
    holder->shared->ancestors = ancestors;
    return 0;
}

int holder_share(Holder *holder, Holder *ret) {
    if (make_shared(holder) < 0)
        return -ENOMEM;
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
    if (!owner->note_is_literal)
        free((char *)owner->note);
    free(owner->cgroup);
    free(owner->unit);
    free(owner->user_unit);
    free(owner->session);
    free(owner->container_id);
    free(owner->container_name);
    free(owner);
    return NULL;
}

static int copy_text(const char *from, char **ret) {
    *ret = from ? strdup(from) : NULL;
    return from && !*ret ? -ENOMEM : 0;
}

static int copy_texts(const Owner *from, Owner *to) {
    char *note = NULL;
    int r = from->note_is_literal ? 0 : copy_text(from->note, &note);
    to->note = from->note_is_literal ? from->note : note;
    to->note_is_literal = from->note_is_literal;
    r |= copy_text(from->cgroup, &to->cgroup);
    r |= copy_text(from->unit, &to->unit);
    r |= copy_text(from->user_unit, &to->user_unit);
    r |= copy_text(from->session, &to->session);
    r |= copy_text(from->container_id, &to->container_id);
    r |= copy_text(from->container_name, &to->container_name);
    return r ? -ENOMEM : 0;
}

int owner_keep_holders(const Owner *from, const bool *keep, Owner **ret) {
    Owner *owner = owner_new();
    if (!owner)
        return -ENOMEM;
    owner->attribution = from->attribution;
    owner->complete = from->complete;
    owner->runtime = from->runtime;
    owner->created = from->created;
    owner->n_holders_seen = from->n_holders_seen - from->n_holders;
    owner->holders = calloc(from->n_holders + 1, sizeof(*owner->holders));
    int r = owner->holders ? copy_texts(from, owner) : -ENOMEM;
    for (size_t i = 0; i < from->n_holders && r >= 0; i++) {
        if (!keep[i])
            continue;
        r = holder_share(&from->holders[i], &owner->holders[owner->n_holders]);
        owner->n_holders += r >= 0;
    }
    if (r < 0) {
        owner_unref(owner);
        return r;
    }
    owner->n_holders_seen += owner->n_holders;
    *ret = owner;
    return 0;
}
