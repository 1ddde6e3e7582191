/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/links/link_parse.h"

void link_builder_done(LinkBuilder *builder) {
    free(builder->links);
    free(builder->addresses);
    free(builder->defaults);
    *builder = (LinkBuilder){};
}

static int compare_links(const void *a, const void *b) {
    uint32_t left = ((const Link *)a)->index, right = ((const Link *)b)->index;
    return (left > right) - (left < right);
}

static int compare_addresses(const void *a, const void *b) {
    const LinkAddress *left = a, *right = b;
    if (left->index != right->index)
        return left->index < right->index ? -1 : 1;
    if (left->address.family != right->address.family)
        return left->address.family < right->address.family ? -1 : 1;
    if (left->whole != right->whole)
        return left->whole ? 1 : -1;
    if (left->whole && left->prefix_length != right->prefix_length)
        return left->prefix_length < right->prefix_length ? -1 : 1;
    return memcmp(left->address.bytes, right->address.bytes, sizeof(left->address.bytes));
}

/* Sorts, and keeps the first of equals. `size` bytes each; returns how many are left. */
static size_t sort_unique(void *array, size_t count, size_t size,
                          int (*compare)(const void *, const void *)) {
    char *items = array;
    size_t kept = 0;

    if (count == 0)
        return 0;
    qsort(array, count, size, compare);
    for (size_t i = 1; i < count; i++)
        if (compare(items + kept * size, items + i * size) != 0 && ++kept != i)
            memcpy(items + kept * size, items + i * size, size);
    return kept + 1;
}

static void mark_default_routes(const LinkBuilder *builder, LinkTable *table) {
    for (size_t i = 0; i < builder->n_defaults; i++) {
        Link *link = (Link *)link_table_find(table, builder->defaults[i]);
        if (link)
            link->default_route = true;
    }
}

int link_builder_finish(LinkBuilder *builder, LinkTable **ret) {
    LinkTable *table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;

    table->n_links = sort_unique(builder->links, builder->n_links, sizeof(Link), compare_links);
    table->links = builder->links;
    table->n_addresses = sort_unique(builder->addresses, builder->n_addresses, sizeof(LinkAddress),
                                     compare_addresses);
    table->addresses = builder->addresses;
    mark_default_routes(builder, table);
    builder->links = NULL;
    builder->addresses = NULL;
    link_builder_done(builder);
    *ret = table;
    return 0;
}
