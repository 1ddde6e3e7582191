/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether those who held a socket still do: a server's parent exits and leaves it to a worker, a
 * process passes it on, runs another program. Two system calls a holder (3 us), no search. Who
 * came to hold it besides, only a search can tell.
 */
#pragma once

#include "model/owner.h"

typedef struct OwnerRecheck {
    int proc_fd; /* procfs, borrowed */
    /* Whether the inode is of one of the listener's sockets. */
    bool (*is_its)(void *userdata, uint32_t inode);
    void *userdata;
    /* Of the process that was looked at last, which may hold many sockets; pid 0: of none. */
    pid_t pid;
    int exe_result;
    FileId exe_id;
} OwnerRecheck;

/*
 * Returns 1 with a new reference in *ret: the same owner, or one with those holders that are left.
 * 0: none is, or one of them runs another program: search anew. Or -ENOMEM. A holder that may not
 * be looked at any more is believed to be there.
 */
int owner_recheck(OwnerRecheck *recheck, Owner *owner, Owner **ret);
