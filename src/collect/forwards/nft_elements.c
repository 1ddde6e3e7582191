/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/nft_elements.h"

#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/* An element as the kernel tells it: of an interval, the two ends are elements of their own. */
typedef struct RawElement {
    NftElement element;
    bool end; /* the first key that is no longer in */
} RawElement;

typedef struct RawElements {
    RawElement *items;
    size_t n_items, items_allocated;
    bool intervals;
} RawElements;

static int collect_element(struct nftnl_set_elem *elem, void *userdata) {
    RawElements *raw = userdata;
    uint32_t length = 0, flags = 0;
    int r = ARRAY_RESERVE(raw->items, raw->items_allocated, raw->n_items + 1);
    if (r < 0)
        return r;

    RawElement item = {};
    const void *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &length);
    if (!key || length == 0)
        return 0;
    memcpy(item.element.key, key, length < 4 ? length : 4);
    item.element.ports.first = (uint16_t)(item.element.key[0] << 8 | item.element.key[1]);
    item.element.ports.last = item.element.ports.first;

    const uint8_t *end = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY_END, &length);
    if (end && length >= 2)
        item.element.ports.last = (uint16_t)(end[0] << 8 | end[1]);

    const void *data = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &length);
    if (data && length <= sizeof(item.element.data)) {
        memcpy(item.element.data, data, length);
        item.element.data_length = length;
    }
    item.element.chain = nftnl_set_elem_get_str(elem, NFTNL_SET_ELEM_CHAIN);
    if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_FLAGS))
        flags = nftnl_set_elem_get_u32(elem, NFTNL_SET_ELEM_FLAGS);
    item.end = flags & NFT_SET_ELEM_INTERVAL_END;
    raw->intervals |= item.end;
    raw->items[raw->n_items++] = item;
    return 0;
}

/* By key; where one interval ends as the next begins, the end first. */
static int compare_elements(const void *a, const void *b) {
    const RawElement *x = a, *y = b;
    int order = memcmp(x->element.key, y->element.key, sizeof(x->element.key));
    return order ?: (int)y->end - (int)x->end;
}

int nft_elements_read(struct nftnl_set *set, NftElements *ret) {
    RawElements raw = {};
    NftElements elements = {};
    int r = nftnl_set_elem_foreach(set, collect_element, &raw);

    if (r >= 0 && raw.n_items > 0)
        r = ARRAY_RESERVE(elements.items, elements.items_allocated, raw.n_items);
    if (r >= 0 && raw.n_items > 0) {
        qsort(raw.items, raw.n_items, sizeof(*raw.items), compare_elements);
        for (size_t i = 0; i < raw.n_items; i++) {
            if (raw.items[i].end)
                continue;
            NftElement *element = &elements.items[elements.n_items++];
            *element = raw.items[i].element;
            /* The last interval has no end where it goes to the largest key. */
            if (raw.intervals && i + 1 < raw.n_items)
                element->ports.last = (uint16_t)(raw.items[i + 1].element.ports.first - 1);
            else if (raw.intervals)
                element->ports.last = UINT16_MAX;
        }
    }
    free(raw.items);
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
