/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/ancestors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "owner/proc_parse.h"
#include "util/cleanup.h"

static int read_stat(int proc_fd, pid_t pid, ProcStat *ret) {
    char name[32], text[1024];

    snprintf(name, sizeof(name), "%d/stat", (int)pid);
    _cleanup_close_ int fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    return n < 0 ? -errno : proc_stat_parse(text, (size_t)n, ret);
}

/* The parent of `child`, which was read before. Returns whether it is known. */
static bool read_parent(int proc_fd, pid_t pid, const ProcStat *child, ProcStat *ret) {
    ProcStat again = {};
    return child->parent > 0 && read_stat(proc_fd, child->parent, ret) == 0 &&
           read_stat(proc_fd, pid, &again) == 0 && again.start == child->start &&
           again.parent == child->parent;
}

static void read_chain(int proc_fd, const Holder *holder, Ancestors *ancestors) {
    ProcStat child = {}, parent = {};
    pid_t pid = holder->pid;

    if (read_stat(proc_fd, pid, &child) < 0 || child.start != holder->start)
        return;
    while (ancestors->n < ANCESTORS_MAX && read_parent(proc_fd, pid, &child, &parent)) {
        Ancestor *ancestor = &ancestors->items[ancestors->n++];
        *ancestor = (Ancestor){.pid = child.parent, .start = parent.start};
        memccpy(ancestor->name, parent.comm, '\0', sizeof(ancestor->name) - 1);
        pid = child.parent;
        child = parent;
    }
}

int owner_read_ancestors(int proc_fd, Owner *owner) {
    for (size_t i = 0; i < owner->n_holders; i++) {
        Holder *holder = &owner->holders[i];
        if (holder_ancestors(holder))
            continue;
        Ancestors *ancestors = calloc(1, sizeof(*ancestors));
        if (!ancestors)
            return -ENOMEM;
        read_chain(proc_fd, holder, ancestors);
        if (ancestors->n == 0)
            free(ancestors);
        else if (holder_set_ancestors(holder, ancestors) < 0)
            return -ENOMEM;
    }
    return 0;
}
