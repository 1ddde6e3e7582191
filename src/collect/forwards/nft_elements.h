/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The elements of an nftables set or map whose keys are ports or protocol numbers. */
#pragma once

#include <libnftnl/set.h>

#include "collect/forwards/forward.h"

typedef struct NftElement {
    uint8_t key[4];   /* its first bytes, network order */
    PortRange ports;  /* the key read as ports: one, or an interval */
    uint8_t data[20]; /* of a map */
    uint32_t data_length;
    const char *chain; /* of a verdict map, borrowed from the set; NULL: no jump */
} NftElement;

typedef struct NftElements {
    NftElement *items;
    size_t n_items, items_allocated;
} NftElements;

/* Reads them, intervals joined. Keys wider than a port are read by their first bytes. 0 or -ENOMEM.
 */
int nft_elements_read(struct nftnl_set *set, NftElements *ret);
void nft_elements_done(NftElements *elements);

static inline void nft_elements_cleanup(NftElements *elements) {
    nft_elements_done(elements);
}
