/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/caller_holder.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "owner/file_identity.h"
#include "owner/proc_parse.h"
#include "util/cleanup.h"

/*
 * A program may write a title over its arguments. As in /proc/PID/cmdline (get_mm_cmdline(),
 * fs/proc/ base.c), it is one if the last byte is not NUL, and ends at the first NUL. Without any,
 * it goes on behind the arguments: `partial`.
 */
int caller_arguments(const Caller *caller, bool partial, char ***ret) {
    size_t size = caller->arguments_size;

    if (!caller->arguments)
        return 0;
    if (size > 0 && caller->arguments[size - 1] != '\0') {
        const char *end = memchr(caller->arguments, '\0', size);
        if (!end && !partial)
            return 0;
        size = end ? (size_t)(end - caller->arguments) + 1 : size;
    }
    return proc_cmdline_parse(caller->arguments, size, ret);
}

/*
 * Whether stat(2) returns the device number that the kernel has. A file system without a block
 * device may have more than one: btrfs has one for each subvolume, overlayfs one for each layer.
 * Their inode numbers are not unique in the kernel's one device, so both together are no identity
 * there.
 */
static bool is_identity(const FileId *recorded) {
    return file_id_is_known(recorded) && major(recorded->device) != 0;
}

/*
 * Verifies the program. A record is proof enough if its path led to the file in the audited mount
 * namespace; only the identity that a rule's file is compared with may have to be asked for. The
 * path of any other is looked up in the root.
 */
static void verify_exe(const OwnerSources *sources, const Caller *caller, Holder *holder) {
    const FileId *recorded = &caller->exe_id;
    FileId file;

    if (caller->exe_placed && is_identity(recorded)) {
        holder->exe_state = EXE_VERIFIED;
        holder->exe_id = *recorded;
        return;
    }
    /* By now a link may lead from there to another file, whose inode has the same number. */
    int r = file_identity_of_real_path(sources->root_fd, holder->exe, CALLER_PATIENCE_MSEC, &file);
    if (r == 0 &&
        (file_id_equal(&file, recorded) || (caller->exe_placed && file.inode == recorded->inode))) {
        holder->exe_state = EXE_VERIFIED;
        holder->exe_id = file;
    } else if (r == -EACCES && caller->exe_placed) {
        holder->exe_state = EXE_VERIFIED; /* by its name alone */
    } else if (r != -ETIMEDOUT && r != -EBUSY && r != -ENOSYS) {
        holder->exe_state = EXE_UNVERIFIED;
        if (is_identity(recorded))
            holder->exe_id = *recorded;
    }
}

int holder_from_caller(const OwnerSources *sources, Caller *caller, Holder *holder) {
    *holder = (Holder){
        .pid = caller->pid,
        .fd = -1,
        .uid = caller->uid,
        .start = caller->start,
        .group = caller->group,
        .exe_state = EXE_UNKNOWN,
        .exe_deleted = caller->exe_deleted,
    };
    holder->comm = TAKE_PTR(caller->comm);
    holder->exe = TAKE_PTR(caller->exe);
    holder->cwd = TAKE_PTR(caller->cwd);
    if (holder->exe)
        verify_exe(sources, caller, holder);
    if (caller->ancestors && holder_set_ancestors(holder, TAKE_PTR(caller->ancestors)) < 0)
        return -ENOMEM;
    return caller_arguments(caller, false, &holder->cmdline);
}
