/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose share is used: a container's users are those of the user who runs it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "collect/small_file.h"
#include "daemon/daemon.h"
#include "util/cleanup.h"
#include "util/name_service.h"

static int find_user(void *userdata, const char *name, uid_t *ret) {
    (void)userdata;
    return name_user_id(name, ret);
}

void payers_load(Daemon *daemon) {
    _cleanup_close_ int root = open(daemon->options.root ?: "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    Subuids subuids = {};
    size_t length = 0;

    /* Nor is one read that is too long. */
    if (root >= 0 && small_file_read(root, "etc/subuid", &text, &length) >= 0 &&
        subuids_parse(text, length, find_user, NULL, &subuids) < 0)
        return; /* out of memory */
    subuids_done(&daemon->subuids);
    daemon->subuids = subuids;
}

uid_t payer_of(void *userdata, uid_t uid) {
    const Daemon *daemon = userdata;
    return subuids_owner(&daemon->subuids, uid);
}
