/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads messages of nf_tables and the values of their attributes, from the list that `walk` begins.
 * libnftnl is not used because it exits when an attribute is malformed.
 */
#pragma once

#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "collect/netlink/attributes.h"

#define NFT_MESSAGE_TYPE(type) ((NFNL_SUBSYS_NFTABLES << 8) | (type))

/* Returns the attributes of a message, which must not be shorter than its two headers. */
static inline uint8_t nft_family(const struct nlmsghdr *message) {
    return ((const struct nfgenmsg *)(message + 1))->nfgen_family;
}
static inline AttributeWalk nft_attributes(const struct nlmsghdr *message) {
    const size_t heads = sizeof(*message) + sizeof(struct nfgenmsg);
    return attribute_walk((const uint8_t *)message + heads, message->nlmsg_len - heads);
}

static inline bool nft_find(AttributeWalk walk, unsigned type, Attribute *ret) {
    while (attribute_next(&walk, ret))
        if (ret->type == type)
            return true;
    return false;
}

static inline bool nft_has(AttributeWalk walk, unsigned type) {
    Attribute attribute;
    return nft_find(walk, type, &attribute);
}

/* Returns the list nested in the attribute, or an empty one. */
static inline AttributeWalk nft_nested(AttributeWalk walk, unsigned type) {
    Attribute attribute;
    return nft_find(walk, type, &attribute) ? attribute_nested(&attribute) : (AttributeWalk){};
}

/* Returns the number, or 0. */
static inline uint32_t nft_u32(AttributeWalk walk, unsigned type) {
    Attribute attribute;
    uint32_t value = 0;
    if (nft_find(walk, type, &attribute))
        (void)attribute_read(&attribute, &value, sizeof(value));
    return be32toh(value);
}

/* Returns the text, borrowed, or NULL. */
static inline const char *nft_text(AttributeWalk walk, unsigned type) {
    Attribute attribute;
    return nft_find(walk, type, &attribute) && memchr(attribute.data, '\0', attribute.length)
               ? (const char *)attribute.data
               : NULL;
}

/* Returns the bytes, borrowed, or NULL with *ret_length 0. */
static inline const uint8_t *nft_bytes(AttributeWalk walk, unsigned type, uint32_t *ret_length) {
    Attribute attribute;
    bool found = nft_find(walk, type, &attribute);
    *ret_length = found ? (uint32_t)attribute.length : 0;
    return found ? attribute.data : NULL;
}

/* The same for the value in a data attribute. */
static inline const uint8_t *nft_data(AttributeWalk walk, unsigned type, uint32_t *ret_length) {
    return nft_bytes(nft_nested(walk, type), NFTA_DATA_VALUE, ret_length);
}

/* Returns the chain to which the verdict in a data attribute jumps, borrowed, or NULL. */
static inline const char *nft_verdict_chain(AttributeWalk walk, unsigned type) {
    return nft_text(nft_nested(nft_nested(walk, type), NFTA_DATA_VERDICT), NFTA_VERDICT_CHAIN);
}
