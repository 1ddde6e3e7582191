/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a file can be changed by none but root, the daemon's own system user (`auditctl allow`
 * and /run/sockaudit are its) and one trusted user: by its own owner and mode,
 * and by those of every directory on the way to it, because who can write a directory can put
 * another file in its place. Internal.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

/* The system user that the service runs as (systemd/sysusers.d). */
#define TRUST_SERVICE_USER "sockaudit"

/* Returns the uid of this user if it is a system user, or 0. */
uid_t trust_service_uid(void);

typedef struct Trust {
    uid_t uid;     /* besides root */
    uid_t service; /* the daemon's, 0: there is none on this machine */
    char *stop;    /* absolute path at which to stop going up (a --root); NULL: `/` */
} Trust;

/* `root_fd`: the directory beyond which nothing is looked at, or -1. Returns 0 or -ENOMEM. */
int trust_init(Trust *trust, uid_t uid, int root_fd);
void trust_done(Trust *trust);

/*
 * Each returns 1 when it is to be trusted, 0 with *ret_problem (a sentence without its subject,
 * freed by the caller), or -ENOMEM. `status` is what fstat(2) says of fd. A directory whose files
 * are all taken must not be sticky and open to all, as one on the way may be.
 */
int trust_check_file(const Trust *trust, int fd, const struct stat *status, char **ret_problem);
int trust_check_directory(const Trust *trust, int fd, const struct stat *status,
                          char **ret_problem);
