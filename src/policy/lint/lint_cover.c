/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/lint/lint_cover.h"

#include <string.h>

#include "policy/match/match.h"

/* Whether the ports from `first` on to `last` are all in the list. */
static bool ports_cover(const Match *wide, uint32_t first, uint32_t last) {
    while (first <= last) {
        uint32_t next = first;
        for (uint32_t i = 0; i < wide->n_items; i++)
            if (wide->items[i].port.first <= next && next <= wide->items[i].port.last)
                next = wide->items[i].port.last + 1u;
        if (next == first)
            return false;
        first = next;
    }
    return true;
}

static bool bind_covers(const Item *wide, const Item *narrow) {
    const Prefix *outer = &wide->bind.prefix, *inner = &narrow->bind.prefix;
    if (wide->bind.wildcard)
        return narrow->bind.wildcard && address_equal(&outer->address, &inner->address);
    return outer->length <= inner->length && prefix_holds(outer, &inner->address);
}

/* A literal in a glob counts where names are compared; files have more than one. */
static bool pattern_covers(const Pattern *wide, const Pattern *narrow, bool by_name) {
    if (wide->is_glob == narrow->is_glob && strcmp(wide->text, narrow->text) == 0)
        return true;
    return by_name && wide->is_glob && !narrow->is_glob &&
           glob_matches(wide->text, narrow->text, GLOB_NAME);
}

static bool account_covers(const Account *wide, const Account *narrow) {
    if (wide->name && narrow->name)
        return strcmp(wide->name, narrow->name) == 0;
    return !wide->name && !narrow->name && wide->id == narrow->id;
}

static bool container_covers(const Item *wide, const Item *narrow) {
    if (wide->container.word == CONTAINER_ANY)
        return narrow->container.word != CONTAINER_NONE;
    return wide->container.word == narrow->container.word &&
           strcmp(wide->container.pattern.text, narrow->container.pattern.text) == 0;
}

/* Whether what satisfies the one item satisfies the other. */
static bool item_covers(KeyId key, const Item *wide, const Item *narrow) {
    switch (key) {
    case KEY_PROTO:
        return wide->proto == narrow->proto;
    case KEY_BIND:
        return bind_covers(wide, narrow);
    case KEY_SCOPE:
        return wide->scope == narrow->scope;
    case KEY_INTERFACE:
    case KEY_UNIT:
    case KEY_USER_UNIT:
    case KEY_TOOL:
        return pattern_covers(&wide->pattern, &narrow->pattern, true);
    case KEY_EXE:
        return pattern_covers(&wide->pattern, &narrow->pattern, false);
    case KEY_USER:
    case KEY_GROUP:
        return account_covers(&wide->account, &narrow->account);
    case KEY_CONTAINER:
        return container_covers(wide, narrow);
    case KEY_TARGET:
        return address_equal(&wide->target.address, &narrow->target.address) &&
               (wide->target.port == 0 || wide->target.port == narrow->target.port);
    case KEY_AGE:
        return wide->age <= narrow->age;
    default:
        return wide->yes == narrow->yes;
    }
}

/* Whether what satisfies the narrow list satisfies the wide one. */
static bool list_covers(const Match *wide, const Match *narrow) {
    for (uint32_t i = 0; i < narrow->n_items; i++) {
        const Item *item = &narrow->items[i];
        bool covered = false;
        if (wide->key == KEY_PORT)
            covered = ports_cover(wide, item->port.first, item->port.last);
        for (uint32_t j = 0; wide->key != KEY_PORT && j < wide->n_items && !covered; j++)
            covered = item_covers(wide->key, &wide->items[j], item);
        if (!covered)
            return false;
    }
    return true;
}

/* Keys whose answer is always known. */
static bool key_is_certain(KeyId key) {
    return key == KEY_PROTO || key == KEY_PORT || key == KEY_BIND || key == KEY_SCOPE ||
           key == KEY_USER || key == KEY_ORIGIN;
}

static bool has_untold(const Match *match) {
    for (uint32_t i = 0; i < match->n_items; i++)
        if (match->items[i].untold)
            return true;
    return false;
}

/*
 * With `not` the lists change places: what is outside the larger one is outside the smaller one.
 * What is not known satisfies a `not` of `flag`, and none of another action.
 */
static bool match_covers(const Rule *wide_rule, const Match *wide, const Rule *narrow_rule,
                         const Match *narrow) {
    if (wide->negated != narrow->negated || has_untold(wide) || has_untold(narrow))
        return false;
    if (!wide->negated)
        return list_covers(wide, narrow);
    if (!key_is_certain(wide->key) && narrow_rule->info.action == ACTION_FLAG &&
        wide_rule->info.action != ACTION_FLAG)
        return false;
    return list_covers(narrow, wide);
}

bool rule_covers(const Rule *wide, const Rule *narrow) {
    if ((wide->keys & ~narrow->keys) != 0 || wide->until < narrow->until)
        return false;
    for (uint32_t i = 0; i < wide->n_matches; i++) {
        const Match *match = &wide->matches[i];
        for (uint32_t j = 0; j < narrow->n_matches; j++)
            if (narrow->matches[j].key == match->key &&
                !match_covers(wide, match, narrow, &narrow->matches[j]))
                return false;
    }
    return true;
}
