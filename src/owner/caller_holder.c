/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/caller_holder.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "owner/file_identity.h"
#include "owner/proc_parse.h"
#include "util/cleanup.h"

/*
 * A program can overwrite its arguments with a title. The rule is that of /proc/PID/cmdline
 * (get_mm_cmdline() in fs/proc/base.c): if the last byte is not NUL, the text is a title that ends
 * at the first NUL. A title without a NUL continues after the arguments, and is read only if
 * `partial`.
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
 * Returns whether the recorded device and inode numbers identify the file. On a file system without
 * a block device, stat(2) may return other device numbers than the kernel: one per subvolume on
 * btrfs, one per layer on overlayfs. Inode numbers are then not unique for the kernel's device.
 */
static bool is_identity(const FileId *recorded) {
    return file_id_is_known(recorded) && major(recorded->device) != 0;
}

/*
 * Verifies the program. A record proves the path if it led to the file in the audited mount
 * namespace; at most the file identity, which rules compare, is then looked up. Any other path is
 * looked up in the root directory.
 */
static void verify_exe(const OwnerSources *sources, const Caller *caller, Holder *holder) {
    const FileId *recorded = &caller->exe_id;
    FileId file;

    if (caller->exe_placed && is_identity(recorded)) {
        holder->exe_state = EXE_VERIFIED;
        holder->exe_id = *recorded;
        return;
    }
    /* The path may now be a link to another file, whose inode has the same number. */
    int r = file_identity_of_real_path(sources->root_fd, holder->exe, CALLER_PATIENCE_MSEC, &file);
    if (r == 0 &&
        (file_id_equal(&file, recorded) || (caller->exe_placed && file.inode == recorded->inode))) {
        holder->exe_state = EXE_VERIFIED;
        holder->exe_id = file;
    } else if (r == -EACCES && caller->exe_placed) {
        holder->exe_state = EXE_VERIFIED; /* by its path only */
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
