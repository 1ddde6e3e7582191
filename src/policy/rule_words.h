/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a rule permits, as a sentence. Pure, but for the names of users. */
#pragma once

/*
 * Says what one rule of those that rule_suggest() writes permits: `any Python program of user dev
 * may listen on TCP port 8000`, without a full stop and escaped, in *ret. Returns 0, -ENOMEM, or
 * -EINVAL: it is not one `allow` rule, or has other keys.
 */
int rule_words(const char *rule, char **ret);
