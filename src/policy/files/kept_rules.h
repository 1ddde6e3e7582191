/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A copy of the last valid rules, in the daemon's state directory. It replaces invalid rules after
 * a restart. It has the text of every file under its own name, so that messages name the originals.
 */
#pragma once

#include "policy/policy.h"

#define KEPT_RULES_FILE "rules.valid"
/* Bytes. A larger policy is not saved. */
#define KEPT_RULES_MAX (16u * 1024 * 1024)

/*
 * Writes the texts of the policy to the file, atomically and synced, with mode 0600. `source` is
 * their origin; a daemon with another source does not use the file. Returns 0, -EFBIG, or another
 * negative errno.
 */
int kept_rules_write(int dir_fd, const PolicySource *source, const Policy *policy);

/*
 * Builds the policy of the file in *ret. *ret_saved is the time of writing, in realtime. Returns 0;
 * -ENOENT if there is no file, or it has another source; -EBADMSG if it is damaged, writable by
 * other users, or its rules have errors now; or another negative errno.
 */
int kept_rules_read(int dir_fd, const PolicySource *source, Policy **ret, usec_t *ret_saved);

/* The content of that file, for tests and fuzzers. As above. */
int kept_rules_format(const PolicySource *source, const Policy *policy, char **ret,
                      size_t *ret_length);
int kept_rules_parse(const char *text, size_t length, const PolicySource *source, Policy **ret);
