/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From where a bound address can be reached: one scope, the widest way in. See sockaudit.rules(5).
 */
#pragma once

/* From the narrowest to the widest, but for SCOPE_MULTICAST, which stands beside them. */
typedef enum Scope {
    SCOPE_UNREACHABLE, /* no interface has the address or device */
    SCOPE_LOOPBACK,
    SCOPE_LINK_LOCAL,
    SCOPE_VIRTUAL,
    SCOPE_VPN,
    SCOPE_PRIVATE,
    SCOPE_MULTICAST,
    SCOPE_PUBLIC,
    SCOPE_WILDCARD,
    SCOPE_COUNT,
} Scope;

/* `loopback`, `link-local`, …, as in the rule language. */
const char *scope_name(Scope scope);

/* Returns 0 or -EINVAL. */
int scope_parse(const char *name, Scope *ret);
