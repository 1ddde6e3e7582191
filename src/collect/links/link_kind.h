/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kind of link the attributes of RTM_NEWLINK describe. Pure. */
#pragma once

#include <stdint.h>

#include "collect/netlink/attributes.h"
#include "model/link.h"

/*
 * The kind, from ifi_type (ARPHRD_…, linux/if_arp.h), ifi_flags and IFLA_LINKINFO (NULL where the
 * link has none). Wireless links can't be told by these.
 */
LinkKind link_kind(uint16_t type, uint32_t flags, const Attribute *link_info);
