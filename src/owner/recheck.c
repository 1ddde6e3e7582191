/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/recheck.h"

#include <errno.h>
#include <stdio.h>

#include "owner/file_identity.h"
#include "owner/proc_parse.h"
#include "owner/process.h"

/* How a holder is found again. */
typedef enum Found { FOUND_SAME, FOUND_OTHER_PROGRAM, FOUND_GONE } Found;

static void read_exe(OwnerRecheck *recheck, pid_t pid) {
    char name[32];

    if (recheck->pid == pid)
        return;
    recheck->pid = pid;
    snprintf(name, sizeof(name), "%d/exe", (int)pid);
    recheck->exe_result = file_identity_of_link(recheck->proc_fd, name, &recheck->exe_id);
}

/* A pid that was given out again shows by its program, or by not having the socket at that fd. */
static Found check_program(OwnerRecheck *recheck, const Holder *holder) {
    read_exe(recheck, holder->pid);
    if (recheck->exe_result == -ENOENT || recheck->exe_result == -ESRCH)
        return FOUND_GONE;
    if (recheck->exe_result < 0 || !file_id_is_known(&holder->exe_id))
        return FOUND_SAME;
    return file_id_equal(&recheck->exe_id, &holder->exe_id) ? FOUND_SAME : FOUND_OTHER_PROGRAM;
}

static Found check_holder(OwnerRecheck *recheck, const Holder *holder) {
    char name[48];
    uint32_t inode;

    if (holder->fd < 0) /* in an io_uring: only a search looks there */
        return check_program(recheck, holder);
    snprintf(name, sizeof(name), "%d/fd/%d", (int)holder->pid, holder->fd);
    int kind = fd_read(recheck->proc_fd, name, &inode);
    if (kind < 0 && kind != -ENOENT && kind != -ESRCH)
        return FOUND_SAME;
    if (kind != FD_SOCKET || !recheck->is_its(recheck->userdata, inode))
        return FOUND_GONE;
    return check_program(recheck, holder);
}

int owner_recheck(OwnerRecheck *recheck, Owner *owner, Owner **ret) {
    bool keep[HOLDERS_MAX];
    size_t n_kept = 0;

    for (size_t i = 0; i < owner->n_holders; i++) {
        Found found = check_holder(recheck, &owner->holders[i]);
        if (found == FOUND_OTHER_PROGRAM)
            return 0;
        keep[i] = found == FOUND_SAME;
        n_kept += keep[i];
    }
    if (n_kept == owner->n_holders) {
        *ret = owner_ref(owner);
        return 1;
    }
    if (n_kept == 0)
        return 0;
    int r = owner_keep_holders(owner, keep, ret);
    return r < 0 ? r : 1;
}
