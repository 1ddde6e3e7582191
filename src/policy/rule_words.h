/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meaning of a rule as a sentence. Pure, except for the names of users. */
#pragma once

/*
 * Describes a rule of rule_suggest(): `any Python program of user dev may listen on TCP port 8000`,
 * escaped and without a full stop, in *ret. The caller frees it. Returns 0, -ENOMEM, or -EINVAL if
 * the text is not a single `allow` rule or has other keys.
 */
int rule_words(const char *rule, char **ret);
