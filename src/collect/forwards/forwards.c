/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/forwards.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "collect/forwards/nft_attributes.h"
#include "collect/forwards/nft_dump.h"
#include "collect/forwards/nft_rule.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* Limits on the time and memory for a generated ruleset. */
#define RULES_MAX         100000
#define ELEMENTS_SIZE_MAX ((size_t)4 << 20)

struct Forwards {
    ForwardTable table;
    NftSet **sets; /* with their elements */
    size_t n_sets, sets_allocated;
    size_t elements_size; /* of the messages */
    bool sets_lack;
    size_t n_rules;
    bool too_many;
    bool ended;
    Coverage coverage;
};

Forwards *forwards_new(void) {
    return calloc(1, sizeof(Forwards));
}

Forwards *forwards_unavailable(const char *why) {
    Forwards *forwards = forwards_new();
    if (!forwards)
        return NULL;
    forwards->ended = true;
    coverage_set(&forwards->coverage, COVERAGE_UNAVAILABLE, "%s", why);
    return forwards;
}

static void free_sets(Forwards *forwards) {
    for (size_t i = 0; i < forwards->n_sets; i++)
        nft_set_free(forwards->sets[i]);
    free(forwards->sets);
    forwards->sets = NULL;
    forwards->n_sets = forwards->sets_allocated = 0;
}

static void clear(Forwards *forwards) {
    free_sets(forwards);
    forward_table_done(&forwards->table);
    *forwards = (Forwards){};
}

Forwards *forwards_free(Forwards *forwards) {
    if (!forwards)
        return NULL;
    clear(forwards);
    free(forwards);
    return NULL;
}

/* --- parsing -------------------------------------------------------------------------------------
 */

static int take_chain(Forwards *forwards, const struct nlmsghdr *message) {
    const char *table = nft_text(nft_attributes(message), NFTA_CHAIN_TABLE);
    const char *chain = nft_text(nft_attributes(message), NFTA_CHAIN_NAME);

    if (!table || !chain)
        return -EBADMSG;
    _cleanup_free_ char *name = nft_chain_name(nft_family(message), table, chain);
    return name ? forward_table_add_hook(&forwards->table, name) : -ENOMEM;
}

static bool same_set(const NftSet *set, uint32_t family, const char *table, const char *name) {
    return set->family == family && strcmp(set->table, table) == 0 && strcmp(set->name, name) == 0;
}

static NftSet *add_set(Forwards *forwards, uint8_t family, const char *table, const char *name) {
    if (ARRAY_RESERVE(forwards->sets, forwards->sets_allocated, forwards->n_sets + 1) < 0)
        return NULL;
    NftSet *set = nft_set_new(family, table, name);
    if (set)
        forwards->sets[forwards->n_sets++] = set;
    return set;
}

/* NftSets.find */
static const NftSet *find_set(void *userdata, uint32_t family, const char *table,
                              const char *name) {
    const Forwards *forwards = userdata;

    for (size_t i = 0; i < forwards->n_sets; i++)
        if (same_set(forwards->sets[i], family, table, name))
            return forwards->sets[i];
    return NULL;
}

static int take_elements(Forwards *forwards, const struct nlmsghdr *message) {
    AttributeWalk list = nft_attributes(message);
    uint8_t family = nft_family(message);
    const char *table = nft_text(list, NFTA_SET_ELEM_LIST_TABLE);
    const char *name = nft_text(list, NFTA_SET_ELEM_LIST_SET);
    NftSet *set = forwards->n_sets > 0 ? forwards->sets[forwards->n_sets - 1] : NULL;

    if (!table || !name)
        return -EBADMSG;
    forwards->elements_size += message->nlmsg_len;
    if (forwards->elements_size > ELEMENTS_SIZE_MAX) {
        forwards->sets_lack = true;
        return 0;
    }
    /* The kernel sends a large set in several consecutive messages. */
    if (!set || !same_set(set, family, table, name))
        set = add_set(forwards, family, table, name);
    return set ? nft_set_add(set, nft_nested(list, NFTA_SET_ELEM_LIST_ELEMENTS)) : -ENOMEM;
}

static int take_rule(Forwards *forwards, const struct nlmsghdr *message) {
    const NftSets sets = {.find = find_set, .userdata = forwards};

    if (forwards->n_rules == RULES_MAX) {
        forwards->too_many = true;
        return 0;
    }
    forwards->n_rules++;
    return nft_rule_read(nft_family(message), nft_attributes(message), &sets, &forwards->table);
}

static void set_error(Coverage *coverage, int error) {
    switch (error) {
    case -EPERM:
        coverage_set(coverage, COVERAGE_UNAVAILABLE, "only root may read the NAT rules");
        break;
    case 0:
    case -EINVAL: /* nfnetlink without nf_tables, before and since 4.x */
    case -EOPNOTSUPP:
    case -ENOENT:
        break;
    default:
        coverage_set(coverage, COVERAGE_UNAVAILABLE, "NAT rules could not be read: %s",
                     error == -EAGAIN ? "the ruleset keeps changing" : strerror(-error));
    }
}

static int take_end(Forwards *forwards, const struct nlmsghdr *message) {
    NftDumpEnd end;

    if (mnl_nlmsg_get_payload_len(message) != sizeof(end))
        return -EBADMSG;
    memcpy(&end, mnl_nlmsg_get_payload(message), sizeof(end));
    if (end.error > 0 || end.error < -4095)
        return -EBADMSG;
    forwards->ended = true;
    free_sets(forwards);
    if (end.error < 0)
        forward_table_done(&forwards->table);
    set_error(&forwards->coverage, end.error);
    if (forwards->coverage.state != COVERAGE_FULL)
        return 0;
    if (forwards->too_many)
        coverage_set(&forwards->coverage, COVERAGE_INCOMPLETE,
                     "of the NAT rules, only the first %d were read", RULES_MAX);
    else if (end.sets_lack || forwards->sets_lack)
        coverage_set(&forwards->coverage, COVERAGE_INCOMPLETE,
                     "not all sets that the NAT rules name could be read");
    else if (end.legacy_exists)
        coverage_set(&forwards->coverage, COVERAGE_INCOMPLETE,
                     "iptables-legacy has a nat table, which is not read");
    return 0;
}

int forwards_take(const struct nlmsghdr *message, void *data) {
    Forwards *forwards = data;

    if (forwards->ended)
        return -EBADMSG;
    if (message->nlmsg_type == NFT_DUMP_AGAIN) {
        clear(forwards);
        return 0;
    }
    if (message->nlmsg_type == NFT_DUMP_END)
        return take_end(forwards, message);
    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return -EBADMSG;
    switch (message->nlmsg_type) {
    case NFT_MESSAGE_TYPE(NFT_MSG_NEWCHAIN):
        return take_chain(forwards, message);
    case NFT_MESSAGE_TYPE(NFT_MSG_NEWSETELEM):
        return take_elements(forwards, message);
    case NFT_MESSAGE_TYPE(NFT_MSG_NEWRULE):
        return take_rule(forwards, message);
    }
    return -EBADMSG;
}

ssize_t forwards_take_bytes(Forwards *forwards, const void *bytes, size_t size) {
    size_t at = 0;

    while (!forwards->ended && size - at >= sizeof(struct nlmsghdr)) {
        const struct nlmsghdr *message = (const void *)((const char *)bytes + at);
        if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > FORWARDS_MESSAGE_MAX)
            return -EBADMSG;
        size_t step = ((size_t)message->nlmsg_len + 3) & ~(size_t)3; /* NLMSG_ALIGN, signed */
        if (step > size - at)
            break;
        int r = forwards_take(message, forwards);
        if (r < 0)
            return r;
        at += step;
    }
    return (ssize_t)at;
}

bool forwards_ended(const Forwards *forwards) {
    return forwards->ended;
}

const Coverage *forwards_coverage(const Forwards *forwards) {
    return &forwards->coverage;
}

/* --- resolving -----------------------------------------------------------------------------------
 */

int forwards_resolve(const Forwards *forwards, Snapshot *snapshot) {
    snapshot->forwards_coverage = (Coverage){};
    int r = forward_table_resolve(&forwards->table, snapshot);
    if (r >= 0 && snapshot->forwards_coverage.state == COVERAGE_FULL)
        snapshot->forwards_coverage = forwards->coverage;
    return r;
}

int forwards_collect(Netlink *netfilter, int proc_fd, const char *directory, Snapshot *snapshot) {
    _cleanup_(forwards_cleanup) Forwards *forwards = forwards_new();

    if (!forwards)
        return -ENOMEM;
    int r = nft_dump(netfilter, proc_fd, directory, forwards_take, forwards);
    if (r == -EBADMSG) {
        snapshot->forwards_coverage = (Coverage){};
        set_error(&snapshot->forwards_coverage, r);
        return 0;
    }
    return r < 0 ? r : forwards_resolve(forwards, snapshot);
}
