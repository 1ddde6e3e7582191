/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the ports that one nftables rule forwards. The expressions of a rule are a small program on
 * registers. This program is run symbolically: a register holds "the destination port", "the
 * protocol", … instead of a value. Rules of iptables-nft are read as well; they mix such
 * expressions with the matches and targets of iptables.
 */
#pragma once

#include "collect/forwards/forward.h"
#include "collect/forwards/nft_elements.h"
#include "collect/netlink/attributes.h"

/* Finds a named set or map. Returns it, borrowed while the rule is read, or NULL. */
typedef struct NftSets {
    const NftSet *(*find)(void *userdata, uint32_t family, const char *table, const char *set);
    void *userdata;
} NftSets;

/* The name of a chain in a ForwardTable, freed by the caller; NULL: out of memory. */
char *nft_chain_name(uint32_t family, const char *table, const char *chain);

/*
 * Adds the forwards and jumps of the rule (its attributes) to the table. Returns 0 or -ENOMEM.
 */
int nft_rule_read(uint8_t family, AttributeWalk rule, const NftSets *sets, ForwardTable *table);
