/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A copy of the last rules that could be loaded, in the daemon's state directory: the text of every
 * file under its own name, so that messages name the originals. It takes the place of rules with
 * errors after a restart.
 */
#pragma once

#include "policy/policy.h"

#define KEPT_RULES_FILE "rules.valid"
/* A larger policy is not kept. In bytes. */
#define KEPT_RULES_MAX (16u * 1024 * 1024)

/*
 * Writes the texts of the policy to the file, atomically and synced, readable by nobody else.
 * `source`: where they came from; a daemon with other rules does not take them. Returns 0, -EFBIG,
 * or another negative errno.
 */
int kept_rules_write(int dir_fd, const PolicySource *source, const Policy *policy);

/*
 * Builds the policy of the file in *ret; *ret_saved: when it was written, realtime. Returns 0;
 * -ENOENT: there is none, or it is of another source; -EBADMSG: it is damaged, others can write it,
 * or the rules have errors by now; or another negative errno.
 */
int kept_rules_read(int dir_fd, const PolicySource *source, Policy **ret, usec_t *ret_saved);

/* The content of that file, for tests and fuzzers. As above. */
int kept_rules_format(const PolicySource *source, const Policy *policy, char **ret,
                      size_t *ret_length);
int kept_rules_parse(const char *text, size_t length, const PolicySource *source, Policy **ret);
