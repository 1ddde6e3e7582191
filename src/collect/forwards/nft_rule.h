/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One nftables rule, as libnftnl gives it, read for what it forwards. The expressions of a rule are
 * a small program on registers: it is run with the registers holding "the destination port", "the
 * protocol", … in place of values. Rules that iptables-nft made are read as well: they mix such
 * expressions with iptables' own matches and targets.
 */
#pragma once

#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#include "collect/forwards/forward.h"

/* How to get at the elements of a named set or map; kept by the callee. 0 or a negative errno. */
typedef struct NftSets {
    int (*elements)(void *userdata, uint32_t family, const char *table, const char *set,
                    struct nftnl_set **ret);
    void *userdata;
} NftSets;

/* The name of a chain in a ForwardTable, freed by the caller; NULL: out of memory. */
char *nft_chain_name(uint32_t family, const char *table, const char *chain);

/*
 * Adds what the rule forwards or jumps to, if anything, to the table. Returns 0, or -ENOMEM or what
 * `sets` returned of it.
 */
int nft_rule_read(struct nftnl_rule *rule, const NftSets *sets, ForwardTable *table);
