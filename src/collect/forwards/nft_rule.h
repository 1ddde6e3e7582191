/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One nftables rule, as the kernel gives it, read for what it forwards. The expressions of a rule
 * are a small program on registers: it is run with the registers holding "the destination port",
 * "the protocol", … in place of values. Rules that iptables-nft made are read as well: they mix
 * such expressions with iptables' own matches and targets.
 */
#pragma once

#include "collect/forwards/forward.h"
#include "collect/forwards/nft_elements.h"
#include "collect/netlink/attributes.h"

/* How to find a named set or map: returns it, borrowed for as long as the rule is read, or NULL. */
typedef struct NftSets {
    const NftSet *(*find)(void *userdata, uint32_t family, const char *table, const char *set);
    void *userdata;
} NftSets;

/* The name of a chain in a ForwardTable, freed by the caller; NULL: out of memory. */
char *nft_chain_name(uint32_t family, const char *table, const char *chain);

/*
 * Adds what the rule (its attributes) forwards or jumps to, if anything, to the table. Returns 0 or
 * -ENOMEM.
 */
int nft_rule_read(uint8_t family, AttributeWalk rule, const NftSets *sets, ForwardTable *table);
