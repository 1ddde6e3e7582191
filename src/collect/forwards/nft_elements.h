/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The elements of an nftables set or map whose keys are ports or protocol numbers. */
#pragma once

#include "collect/forwards/forward.h"
#include "collect/netlink/attributes.h"

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

/* A set or map with its elements as the kernel sends them. An interval has two elements: its ends.
 */
typedef struct NftSet {
    uint8_t family;
    char *table, *name; /* owned */
    struct NftRawElement *items;
    size_t n_items, items_allocated;
    bool intervals;
} NftSet;

/* Returns an empty set, or NULL: out of memory. */
NftSet *nft_set_new(uint8_t family, const char *table, const char *name);
/* Takes NULL, returns NULL. */
NftSet *nft_set_free(NftSet *set);
/* Adds the elements of a list (NFTA_SET_ELEM_LIST_ELEMENTS). Returns 0 or -ENOMEM. */
int nft_set_add(NftSet *set, AttributeWalk elements);

/* Returns the elements, with intervals joined. Only the first bytes of wider keys than a port are
 * read. Returns 0 or -ENOMEM. */
int nft_elements_read(const NftSet *set, NftElements *ret);
void nft_elements_done(NftElements *elements);

static inline void nft_elements_cleanup(NftElements *elements) {
    nft_elements_done(elements);
}
