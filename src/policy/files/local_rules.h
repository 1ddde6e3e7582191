/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules file that `allow` writes: /etc/sockaudit/rules.d/50-local.rules, where `/etc` is what
 * it was configured to be. */
#pragma once

#include "model/snapshot.h"
#include "util/diagnostics.h"

#define LOCAL_RULES_PATH SYSCONFDIR "/sockaudit/rules.d/50-local.rules"

/*
 * Adds the narrowest rules that allow these listeners (policy/suggest.h) to the file, below `root`
 * if that is not NULL. What stands there stays, byte for byte. The new text is parsed first, then
 * it is written beside, synced, and takes the old one's place; a new file has the mode 0644,
 * another keeps its mode, and its owner where we may give it away: the service may not, and one of
 * root's becomes the service's own. File and directory must be such as the policy is read from
 * (policy/files/file_trust.h), so whoever owns it before and after is trusted. *ret_file: its path;
 * *ret_lines: the lines that were added, each with its newline, empty when all stood there already;
 * both freed by the caller. *ret_line: the number of the first added line in the file, followed by
 * the others; 0: none was added.
 *
 * Returns 0; -EBADMSG: the file would have errors, or has them already: see the diagnostics;
 * -EPERM: others than root can write it; -ELOOP: it is a link (which may mask it); -EFBIG; -ESTALE:
 * somebody else wrote it meanwhile, try again; -ENODATA: see rule_suggest(); or another negative
 * errno. Then *ret_lines is why, safe to print, or NULL; but with -EBADMSG it is untouched.
 */
int local_rules_allow(const char *root, const Listener *const *listeners, size_t n_listeners,
                      usec_t until, const char *note, Diagnostics *diagnostics, char **ret_file,
                      char **ret_lines, unsigned *ret_line);
