/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/forwards.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <unistd.h>

#include "collect/forwards/nft_rule.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* Rulesets are root's to write; the bound keeps a generated one from taking all memory. */
#define RULES_MAX      100000
#define READ_TRIES_MAX 3

/* A table with a base chain that may forward. Jumps stay within its own chains. */
typedef struct NatTable {
    uint16_t family;
    char *name;
} NatTable;

typedef struct Ruleset {
    Netlink *netfilter;
    struct nftnl_rule **rules;
    size_t n_rules, rules_allocated;
    struct nftnl_set **sets; /* those whose elements were asked for */
    size_t n_sets, sets_allocated;
    NatTable *tables;
    size_t n_tables, tables_allocated;
    ForwardTable table;
    bool too_many;
    bool sets_lack; /* elements of sets, and so ports */
} Ruleset;

static void ruleset_done(Ruleset *ruleset) {
    for (size_t i = 0; i < ruleset->n_rules; i++)
        nftnl_rule_free(ruleset->rules[i]);
    for (size_t i = 0; i < ruleset->n_sets; i++)
        nftnl_set_free(ruleset->sets[i]);
    for (size_t i = 0; i < ruleset->n_tables; i++)
        free(ruleset->tables[i].name);
    free(ruleset->rules);
    free(ruleset->sets);
    free(ruleset->tables);
    forward_table_done(&ruleset->table);
    *ruleset = (Ruleset){.netfilter = ruleset->netfilter};
}

static bool chain_forwards(const struct nftnl_chain *chain) {
    const char *type = nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE);
    return type && strcmp(type, "nat") == 0 && nftnl_chain_is_set(chain, NFTNL_CHAIN_TABLE) &&
           nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) &&
           nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) == NF_INET_PRE_ROUTING;
}

static int add_table(Ruleset *ruleset, uint16_t family, const char *name) {
    for (size_t i = 0; i < ruleset->n_tables; i++)
        if (ruleset->tables[i].family == family && strcmp(ruleset->tables[i].name, name) == 0)
            return 0;
    int r = ARRAY_RESERVE(ruleset->tables, ruleset->tables_allocated, ruleset->n_tables + 1);
    char *copy = r < 0 ? NULL : strdup(name);
    if (!copy)
        return -ENOMEM;
    ruleset->tables[ruleset->n_tables++] = (NatTable){family, copy};
    return 0;
}

static int take_chain(const struct nlmsghdr *message, void *data) {
    Ruleset *ruleset = data;
    struct nftnl_chain *chain = nftnl_chain_alloc();
    int r = chain ? 0 : -ENOMEM;

    if (r == 0 && nftnl_chain_nlmsg_parse(message, chain) >= 0 && chain_forwards(chain)) {
        uint32_t family = nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);
        const char *table = nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE);
        _cleanup_free_ char *name =
            nft_chain_name(family, table, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
        r = name ? forward_table_add_hook(&ruleset->table, name) : -ENOMEM;
        if (r >= 0)
            r = add_table(ruleset, (uint16_t)family, table);
    }
    if (chain)
        nftnl_chain_free(chain);
    return r;
}

static int take_rule(const struct nlmsghdr *message, void *data) {
    Ruleset *ruleset = data;

    if (ruleset->n_rules == RULES_MAX) {
        ruleset->too_many = true;
        return 0;
    }
    int r = ARRAY_RESERVE(ruleset->rules, ruleset->rules_allocated, ruleset->n_rules + 1);
    if (r < 0)
        return r;
    struct nftnl_rule *rule = nftnl_rule_alloc();
    if (!rule)
        return -ENOMEM;
    if (nftnl_rule_nlmsg_parse(message, rule) < 0)
        nftnl_rule_free(rule);
    else
        ruleset->rules[ruleset->n_rules++] = rule;
    return 0;
}

static int take_elements(const struct nlmsghdr *message, void *data) {
    /* A malformed answer leaves the set with fewer elements: libnftnl has no finer word for it. */
    return nftnl_set_elems_nlmsg_parse(message, data) < 0 && errno == ENOMEM ? -ENOMEM : 0;
}

/* One dump. Returns 0 with *ret_result, or -ENOMEM. */
static int dump(Ruleset *ruleset, uint16_t type, uint16_t family, struct nftnl_set *set,
                MessageHandler handler, void *data, DumpResult *ret_result) {
    _Alignas(struct nlmsghdr) char buffer[4096];
    struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, type, family, NLM_F_DUMP, 0);

    if (set)
        nftnl_set_elems_nlmsg_build_payload(request, set);
    return netlink_dump(ruleset->netfilter, request, handler, data, ret_result);
}

/* Reads only the rules of this table, not the thousands of a firewall in others. */
static int dump_rules(Ruleset *ruleset, const NatTable *table, DumpResult *ret_result) {
    _Alignas(struct nlmsghdr) char buffer[4096];
    struct nlmsghdr *request =
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, table->family, NLM_F_DUMP, 0);

    if (!mnl_attr_put_strz_check(request, sizeof(buffer), NFTA_RULE_TABLE, table->name))
        return -ENOMEM;
    return netlink_dump(ruleset->netfilter, request, take_rule, ruleset, ret_result);
}

static bool same_set(const struct nftnl_set *set, uint32_t family, const char *table,
                     const char *name) {
    return nftnl_set_get_u32(set, NFTNL_SET_FAMILY) == family &&
           strcmp(nftnl_set_get_str(set, NFTNL_SET_TABLE), table) == 0 &&
           strcmp(nftnl_set_get_str(set, NFTNL_SET_NAME), name) == 0;
}

/* NftSets.elements: each set is asked for once. One that went meanwhile has no elements. */
static int set_elements(void *userdata, uint32_t family, const char *table, const char *name,
                        struct nftnl_set **ret) {
    Ruleset *ruleset = userdata;
    DumpResult result;

    for (size_t i = 0; i < ruleset->n_sets; i++)
        if (same_set(ruleset->sets[i], family, table, name)) {
            *ret = ruleset->sets[i];
            return 0;
        }

    int r = ARRAY_RESERVE(ruleset->sets, ruleset->sets_allocated, ruleset->n_sets + 1);
    if (r < 0)
        return r;
    struct nftnl_set *set = nftnl_set_alloc();
    if (!set)
        return -ENOMEM;
    ruleset->sets[ruleset->n_sets++] = set;
    nftnl_set_set_u32(set, NFTNL_SET_FAMILY, family);
    if (nftnl_set_set_str(set, NFTNL_SET_TABLE, table) < 0 ||
        nftnl_set_set_str(set, NFTNL_SET_NAME, name) < 0)
        return -ENOMEM;
    r = dump(ruleset, NFT_MSG_GETSETELEM, (uint16_t)family, set, take_elements, set, &result);
    if (r < 0)
        return r;
    if (result.end != DUMP_COMPLETE && !(result.end == DUMP_REFUSED && result.error == -ENOENT))
        ruleset->sets_lack = true;
    *ret = set;
    return 0;
}

/* Chains, rules and the sets that they need. Returns 0 with *ret_result, or -ENOMEM. */
static int read_ruleset(Ruleset *ruleset, DumpResult *ret_result) {
    const NftSets sets = {.elements = set_elements, .userdata = ruleset};
    int r = dump(ruleset, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NULL, take_chain, ruleset, ret_result);

    if (r < 0 || ret_result->end != DUMP_COMPLETE || ruleset->table.n_hooks == 0)
        return r;
    for (size_t i = 0; i < ruleset->n_tables; i++) {
        r = dump_rules(ruleset, &ruleset->tables[i], ret_result);
        if (r < 0 || ret_result->end != DUMP_COMPLETE)
            return r;
    }
    for (size_t i = 0; r == 0 && i < ruleset->n_rules; i++)
        r = nft_rule_read(ruleset->rules[i], &sets, &ruleset->table);
    return r;
}

/* Whether iptables-legacy has a nat table here: then there may be rules that nf_tables lacks. */
static bool legacy_nat_exists(int proc_fd, const char *directory) {
    static const char *const lists[] = {"ip_tables_names", "ip6_tables_names"};
    bool exists = false;

    for (size_t i = 0; i < ELEMENTS(lists); i++) {
        char path[64], names[256];
        snprintf(path, sizeof(path), "%s/%s", directory, lists[i]);
        _cleanup_close_ int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, names, sizeof(names) - 1) : 0;
        if (n <= 0)
            continue;
        names[n] = '\0';
        exists |= strncmp(names, "nat\n", 4) == 0 || strstr(names, "\nnat\n");
    }
    return exists;
}

static void tell_refusal(const DumpResult *result, Coverage *coverage) {
    switch (result->error) {
    case -EPERM:
        coverage_set(coverage, COVERAGE_UNAVAILABLE, "only root may read the NAT rules");
        break;
    case -EINVAL: /* nfnetlink without nf_tables, before and since 4.x */
    case -EOPNOTSUPP:
    case -ENOENT:
        break;
    default:
        coverage_set(coverage, COVERAGE_UNAVAILABLE, "the NAT rules could not be read: %s",
                     result->error ? strerror(-result->error) : "they keep changing");
    }
}

int forwards_collect(Netlink *netfilter, int proc_fd, const char *directory, Snapshot *snapshot) {
    Ruleset ruleset = {.netfilter = netfilter};
    DumpResult result = {DUMP_COMPLETE, 0};
    int r = 0;

    snapshot->forwards_coverage = (Coverage){};
    for (unsigned tries = 0; netfilter && tries < READ_TRIES_MAX; tries++) {
        ruleset_done(&ruleset);
        r = read_ruleset(&ruleset, &result);
        if (r < 0 || (result.end != DUMP_INTERRUPTED && !ruleset.sets_lack))
            break;
    }
    if (r == 0 && result.end == DUMP_COMPLETE)
        r = forward_table_resolve(&ruleset.table, snapshot);
    else if (r == 0)
        tell_refusal(&result, &snapshot->forwards_coverage);
    bool too_many = ruleset.too_many, sets_lack = ruleset.sets_lack;
    ruleset_done(&ruleset);
    if (r == -ENOMEM)
        return r;

    if (snapshot->forwards_coverage.state != COVERAGE_FULL)
        return 0;
    if (too_many)
        coverage_set(&snapshot->forwards_coverage, COVERAGE_INCOMPLETE,
                     "of the NAT rules, only the first %d were read", RULES_MAX);
    else if (sets_lack)
        coverage_set(&snapshot->forwards_coverage, COVERAGE_INCOMPLETE,
                     "not all sets that the NAT rules name could be read");
    else if (legacy_nat_exists(proc_fd, directory))
        coverage_set(&snapshot->forwards_coverage, COVERAGE_INCOMPLETE,
                     "iptables-legacy has a nat table, which is not read");
    return 0;
}
