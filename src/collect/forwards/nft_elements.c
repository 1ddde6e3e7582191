/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/nft_elements.h"

#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "collect/forwards/nft_attributes.h"
#include "util/memory.h"

/* An element as the kernel tells it: of an interval, the two ends are elements of their own. */
typedef struct NftRawElement {
    NftElement element;
    char *chain; /* owned */
    bool end;    /* the end of an interval: the first key outside it */
} NftRawElement;

NftSet *nft_set_new(uint8_t family, const char *table, const char *name) {
    NftSet *set = calloc(1, sizeof(*set));
    if (!set)
        return NULL;
    set->family = family;
    set->table = strdup(table);
    set->name = strdup(name);
    return set->table && set->name ? set : nft_set_free(set);
}

NftSet *nft_set_free(NftSet *set) {
    if (!set)
        return NULL;
    for (size_t i = 0; i < set->n_items; i++)
        free(set->items[i].chain);
    free(set->items);
    free(set->table);
    free(set->name);
    free(set);
    return NULL;
}

static int add_element(NftSet *set, AttributeWalk attributes) {
    NftRawElement item = {};
    NftElement *element = &item.element;
    uint32_t length;
    int r = ARRAY_RESERVE(set->items, set->items_allocated, set->n_items + 1);
    if (r < 0)
        return r;

    const uint8_t *key = nft_data(attributes, NFTA_SET_ELEM_KEY, &length);
    if (!key || length == 0)
        return 0;
    memcpy(element->key, key, length < 4 ? length : 4);
    element->ports.first = (uint16_t)(element->key[0] << 8 | element->key[1]);
    element->ports.last = element->ports.first;

    const uint8_t *end = nft_data(attributes, NFTA_SET_ELEM_KEY_END, &length);
    if (end && length >= 2)
        element->ports.last = (uint16_t)(end[0] << 8 | end[1]);

    const uint8_t *data = nft_data(attributes, NFTA_SET_ELEM_DATA, &length);
    if (data && length <= sizeof(element->data)) {
        memcpy(element->data, data, length);
        element->data_length = length;
    }
    const char *chain = nft_verdict_chain(attributes, NFTA_SET_ELEM_DATA);
    item.chain = chain ? strdup(chain) : NULL;
    if (chain && !item.chain)
        return -ENOMEM;
    element->chain = item.chain;
    item.end = nft_u32(attributes, NFTA_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END;
    set->intervals |= item.end;
    set->items[set->n_items++] = item;
    return 0;
}

int nft_set_add(NftSet *set, AttributeWalk elements) {
    Attribute element;
    int r = 0;

    while (r >= 0 && attribute_next(&elements, &element))
        r = add_element(set, attribute_nested(&element));
    return r;
}

/* By key; where one interval ends as the next begins, the end first. */
static int compare_elements(const void *a, const void *b) {
    const NftRawElement *x = a, *y = b;
    int order = memcmp(x->element.key, y->element.key, sizeof(x->element.key));
    return order ?: (int)y->end - (int)x->end;
}

int nft_elements_read(const NftSet *set, NftElements *ret) {
    NftElements elements = {};
    NftRawElement *raw = NULL;
    size_t allocated = 0;
    int r = 0;

    if (set->n_items > 0)
        r = ARRAY_RESERVE(raw, allocated, set->n_items);
    if (r >= 0 && set->n_items > 0)
        r = ARRAY_RESERVE(elements.items, elements.items_allocated, set->n_items);
    if (r >= 0 && set->n_items > 0) {
        memcpy(raw, set->items, set->n_items * sizeof(*raw));
        qsort(raw, set->n_items, sizeof(*raw), compare_elements);
        for (size_t i = 0; i < set->n_items; i++) {
            if (raw[i].end)
                continue;
            NftElement *element = &elements.items[elements.n_items++];
            *element = raw[i].element;
            /* The last interval has no end where it goes to the largest key. */
            if (set->intervals && i + 1 < set->n_items)
                element->ports.last = (uint16_t)(raw[i + 1].element.ports.first - 1);
            else if (set->intervals)
                element->ports.last = UINT16_MAX;
        }
    }
    free(raw);
    if (r < 0)
        nft_elements_done(&elements);
    else
        *ret = elements;
    return r < 0 ? r : 0;
}

void nft_elements_done(NftElements *elements) {
    free(elements->items);
    *elements = (NftElements){};
}
