/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/match/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/match/bitrows.h"
#include "policy/match/exe_table.h"
#include "util/memory.h"

/* Not a value: every rule may hold, or only those that don't look at the property. */
#define VALUE_ANY  SIZE_MAX
#define VALUE_NONE (SIZE_MAX - 1)

/* Properties of as many values as there are names and numbers are hashed to so many; their values
 * are taken modulo the rows that the index has. */
#define VALUES_MAX 1024

/* One property. */
typedef struct Property {
    KeyId key;
    size_t n_values; /* VALUES_MAX: hashed */
    /* Sets the bits of one item of a rule. */
    void (*set)(BitRows *rows, size_t rule, const Item *item);
    /* The value of a listener. */
    size_t (*of_listener)(const JudgeContext *context, const Listener *listener);
    /* The value of one listener that the item holds for. */
    size_t (*of_item)(const Item *item);
} Property;

static size_t text_value(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash ^ hash >> 16;
}

static size_t uid_value(uint32_t uid) {
    return (uid * 2654435761u) >> 16;
}

/* Sets the bit in the row that a hash falls to. */
static void set_hashed(BitRows *rows, size_t hash, size_t rule) {
    bitrows_set(rows, hash & (rows->n_values - 1), rule);
}

static void set_proto(BitRows *rows, size_t rule, const Item *item) {
    bitrows_set(rows, item->proto, rule);
}

static size_t listener_proto(const JudgeContext *context, const Listener *listener) {
    (void)context;
    return listener->endpoint.proto;
}

static size_t item_proto(const Item *item) {
    return item->proto;
}

static void set_scope(BitRows *rows, size_t rule, const Item *item) {
    bitrows_set(rows, item->scope, rule);
}

static size_t listener_scope(const JudgeContext *context, const Listener *listener) {
    (void)context;
    return listener->scope;
}

static size_t item_scope(const Item *item) {
    return item->scope;
}

static void set_port_high(BitRows *rows, size_t rule, const Item *item) {
    for (size_t high = item->port.first >> 8; high <= (size_t)item->port.last >> 8; high++)
        bitrows_set(rows, high, rule);
}

static size_t listener_port_high(const JudgeContext *context, const Listener *listener) {
    (void)context;
    return listener->endpoint.port >> 8;
}

static size_t item_port_high(const Item *item) {
    return item->port.first >> 8;
}

static void set_port_low(BitRows *rows, size_t rule, const Item *item) {
    /* A range over more than one high byte may have any low one, or nearly. */
    if (item->port.first >> 8 != item->port.last >> 8) {
        bitrows_set_all(rows, rule);
        return;
    }
    for (size_t low = item->port.first & 255; low <= (item->port.last & 255u); low++)
        bitrows_set(rows, low, rule);
}

static size_t listener_port_low(const JudgeContext *context, const Listener *listener) {
    (void)context;
    return listener->endpoint.port & 255;
}

static size_t item_port_low(const Item *item) {
    return item->port.first & 255;
}

static void set_user(BitRows *rows, size_t rule, const Item *item) {
    if (item->account.known)
        set_hashed(rows, uid_value(item->account.id), rule);
}

static size_t listener_user(const JudgeContext *context, const Listener *listener) {
    return context->assumed_user ? VALUE_ANY : uid_value(listener->uid);
}

static size_t item_user(const Item *item) {
    return item->account.known ? uid_value(item->account.id) : VALUE_ANY;
}

static void set_pattern(BitRows *rows, size_t rule, const Item *item) {
    if (item->pattern.is_glob)
        bitrows_set_all(rows, rule);
    else
        set_hashed(rows, text_value(item->pattern.text), rule);
}

static size_t item_pattern(const Item *item) {
    return item->pattern.is_glob ? VALUE_ANY : text_value(item->pattern.text);
}

static size_t listener_unit(const JudgeContext *context, const Listener *listener) {
    (void)context;
    if (!listener->owner || !listener->owner->unit)
        return VALUE_NONE;
    return text_value(listener->owner->unit);
}

static size_t listener_user_unit(const JudgeContext *context, const Listener *listener) {
    (void)context;
    if (!listener->owner || !listener->owner->user_unit)
        return VALUE_NONE;
    return text_value(listener->owner->user_unit);
}

/* Addresses by family and three of their bytes. */
static size_t address_value(const Address *address, size_t byte) {
    return (address->family == AF_INET6 ? 256u : 0u) + address->bytes[byte];
}

static size_t address_last(const Address *address) {
    return address->family == AF_INET6 ? 15 : 3;
}

static size_t address_middle(const Address *address) {
    return address->family == AF_INET6 ? 7 : 2;
}

static void set_bind_byte(BitRows *rows, size_t rule, const Prefix *prefix, size_t byte) {
    size_t base = prefix->address.family == AF_INET6 ? 256u : 0u;
    unsigned free_bits = 8;
    if (prefix->length > byte * 8)
        free_bits = prefix->length >= byte * 8 + 8 ? 0 : (unsigned)(byte * 8 + 8 - prefix->length);
    size_t first = prefix->address.bytes[byte];
    for (size_t value = first; value < first + (1u << free_bits); value++)
        bitrows_set(rows, base + value, rule);
}

static void set_bind_first(BitRows *rows, size_t rule, const Item *item) {
    set_bind_byte(rows, rule, &item->bind.prefix, 0);
}

static void set_bind_middle(BitRows *rows, size_t rule, const Item *item) {
    set_bind_byte(rows, rule, &item->bind.prefix, address_middle(&item->bind.prefix.address));
}

static void set_bind_last(BitRows *rows, size_t rule, const Item *item) {
    set_bind_byte(rows, rule, &item->bind.prefix, address_last(&item->bind.prefix.address));
}

static size_t listener_bind_first(const JudgeContext *context, const Listener *listener) {
    const Address *address = &listener->endpoint.address;
    (void)context;
    /* A v4-mapped one is in prefixes of both families. */
    return address_is_mapped(address) ? VALUE_ANY : address_value(address, 0);
}

static size_t listener_bind_middle(const JudgeContext *context, const Listener *listener) {
    const Address *address = &listener->endpoint.address;
    (void)context;
    return address_is_mapped(address) ? VALUE_ANY : address_value(address, address_middle(address));
}

static size_t listener_bind_last(const JudgeContext *context, const Listener *listener) {
    const Address *address = &listener->endpoint.address;
    (void)context;
    return address_is_mapped(address) ? VALUE_ANY : address_value(address, address_last(address));
}

static size_t item_bind_first(const Item *item) {
    return address_value(&item->bind.prefix.address, 0);
}

static size_t item_bind_middle(const Item *item) {
    const Address *address = &item->bind.prefix.address;
    return address_value(address, address_middle(address));
}

static size_t item_bind_last(const Item *item) {
    const Address *address = &item->bind.prefix.address;
    return address_value(address, address_last(address));
}

static size_t target_value(const Address *address) {
    uint32_t words[4];
    memcpy(words, address->bytes, sizeof(words));
    return uid_value(words[0] ^ words[1] ^ words[2] ^ words[3] ^ address->family);
}

static void set_target(BitRows *rows, size_t rule, const Item *item) {
    set_hashed(rows, target_value(&item->target.address), rule);
}

static size_t listener_target(const JudgeContext *context, const Listener *listener) {
    (void)context;
    if (listener->origin != ORIGIN_FORWARD || listener->forward_port == 0)
        return VALUE_NONE;
    const Address to = address_unmapped(&listener->forward_to);
    return target_value(&to);
}

static size_t item_target(const Item *item) {
    return target_value(&item->target.address);
}

static const Property properties[] = {
    {KEY_PORT, 256, set_port_high, listener_port_high, item_port_high},
    {KEY_PORT, 256, set_port_low, listener_port_low, item_port_low},
    {KEY_PROTO, PROTO_COUNT, set_proto, listener_proto, item_proto},
    {KEY_SCOPE, SCOPE_COUNT, set_scope, listener_scope, item_scope},
    {KEY_USER, VALUES_MAX, set_user, listener_user, item_user},
    {KEY_UNIT, VALUES_MAX, set_pattern, listener_unit, item_pattern},
    {KEY_USER_UNIT, VALUES_MAX, set_pattern, listener_user_unit, item_pattern},
    {KEY_BIND, 512, set_bind_first, listener_bind_first, item_bind_first},
    {KEY_BIND, 512, set_bind_middle, listener_bind_middle, item_bind_middle},
    {KEY_BIND, 512, set_bind_last, listener_bind_last, item_bind_last},
    {KEY_TARGET, VALUES_MAX, set_target, listener_target, item_target},
};

struct PolicyIndex {
    BitRows rows[ELEMENTS(properties)];
    uint64_t *all; /* a row with every rule */
    size_t n_words;
};

_Static_assert(ELEMENTS(properties) + 2 <= INDEX_ROWS_MAX, "a walk must hold a row a property");

PolicyIndex *policy_index_free(PolicyIndex *index) {
    if (!index)
        return NULL;
    for (size_t i = 0; i < ELEMENTS(properties); i++)
        bitrows_done(&index->rows[i]);
    free(index->all);
    free(index);
    return NULL;
}

/* The rule's match of that key, if it has one without `not`. */
static const Match *plain_match(const Rule *rule, KeyId key) {
    if (rule->keys & 1u << key)
        for (uint32_t i = 0; i < rule->n_matches; i++)
            if (rule->matches[i].key == key && !rule->matches[i].negated)
                return &rule->matches[i];
    return NULL;
}

static int fill_rows(const Policy *policy, const Property *property, BitRows *rows) {
    bool used = false;
    for (size_t i = 0; i < policy->n_rules && !used; i++)
        used = plain_match(&policy->rules[i], property->key);
    if (!used)
        return 0;

    /* Few rules need few rows: about eight rules a row. */
    size_t n_values = property->n_values;
    while (property->n_values == VALUES_MAX && n_values > 64 && n_values / 2 * 8 >= policy->n_rules)
        n_values /= 2;
    int r = bitrows_init(rows, n_values, policy->n_rules);
    if (r < 0)
        return r;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const Match *match = plain_match(&policy->rules[i], property->key);
        if (!match)
            bitrows_set(rows, rows->n_values, i);
        for (uint32_t j = 0; match && j < match->n_items; j++)
            property->set(rows, i, &match->items[j]);
    }
    bitrows_finish(rows);
    return 0;
}

int policy_index_new(const Policy *policy, PolicyIndex **ret) {
    PolicyIndex *index = calloc(1, sizeof(*index));
    if (!index)
        return -ENOMEM;
    index->n_words = (policy->n_rules + 63) / 64;
    index->all = calloc(index->n_words + 1, sizeof(uint64_t));
    int r = index->all ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < policy->n_rules; i++)
        index->all[i / 64] |= UINT64_C(1) << i % 64;
    for (size_t i = 0; r == 0 && i < ELEMENTS(properties); i++)
        r = fill_rows(policy, &properties[i], &index->rows[i]);
    if (r < 0) {
        policy_index_free(index);
        return r;
    }
    *ret = index;
    return 0;
}

static void walk_add_row(IndexWalk *walk, const uint64_t *row, uint32_t count) {
    size_t at = walk->n_rows++;
    for (; at > 0 && walk->counts[at - 1] > count; at--) {
        walk->rows[at] = walk->rows[at - 1];
        walk->counts[at] = walk->counts[at - 1];
    }
    walk->rows[at] = row;
    walk->counts[at] = count;
}

static void walk_begin(const Policy *policy, IndexWalk *walk) {
    walk->n_rows = 0;
    walk->n_words = policy->index->n_words;
    walk->word = SIZE_MAX;
    walk->bits = 0;
    walk_add_row(walk, policy->index->all, (uint32_t)policy->n_rules);
}

static void walk_add(IndexWalk *walk, const Property *property, const BitRows *rows, size_t value) {
    if (value == VALUE_ANY)
        return;
    if (value == VALUE_NONE)
        value = rows->n_values;
    else if (property->n_values == VALUES_MAX)
        value &= rows->n_values - 1;
    walk_add_row(walk, bitrows_row(rows, value), rows->counts[value]);
}

/* What the holders of a listener leave of the `exe` rules. */
static const uint64_t *exe_row(const ExeTable *table, const Listener *listener,
                               uint32_t *ret_count) {
    const Owner *owner = listener->owner;
    if (!owner || owner->n_holders == 0)
        return NULL; /* none holds, but which would matter must be found out */
    const Holder *first = &owner->holders[0];
    if (first->exe_state == EXE_VERIFIED && file_id_is_known(&first->exe_id))
        return exe_table_row(table, &first->exe_id, ret_count);
    if (first->exe_state == EXE_UNKNOWN || first->exe_state == EXE_UNVERIFIED)
        return exe_table_free_row(table, ret_count);
    return NULL;
}

void index_walk_listener(const Policy *policy, const JudgeContext *context,
                         const Listener *listener, IndexWalk *ret) {
    const PolicyIndex *index = policy->index;

    walk_begin(policy, ret);
    for (size_t i = 0; i < ELEMENTS(properties); i++)
        if (index->rows[i].words)
            walk_add(ret, &properties[i], &index->rows[i],
                     properties[i].of_listener(context, listener));
    uint32_t count;
    const uint64_t *row = context->exes ? exe_row(context->exes, listener, &count) : NULL;
    if (row)
        walk_add_row(ret, row, count);
}

void index_walk_covering(const Policy *policy, const Rule *rule, IndexWalk *ret) {
    const PolicyIndex *index = policy->index;

    walk_begin(policy, ret);
    for (size_t i = 0; i < ELEMENTS(properties); i++) {
        const Match *match = plain_match(rule, properties[i].key);
        if (index->rows[i].words)
            walk_add(ret, &properties[i], &index->rows[i],
                     match ? properties[i].of_item(&match->items[0]) : VALUE_NONE);
    }
}

size_t index_walk_next(IndexWalk *walk) {
    while (walk->bits == 0) {
        if (++walk->word >= walk->n_words) {
            walk->word = walk->n_words; /* stays at the end */
            return SIZE_MAX;
        }
        uint64_t bits = walk->rows[0][walk->word];
        for (size_t i = 1; i < walk->n_rows && bits != 0; i++)
            bits &= walk->rows[i][walk->word];
        walk->bits = bits;
    }
    size_t bit = (size_t)__builtin_ctzll(walk->bits);
    walk->bits &= walk->bits - 1;
    return walk->word * 64 + bit;
}
