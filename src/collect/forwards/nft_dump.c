/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/nft_dump.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <unistd.h>

#include "collect/forwards/nft_attributes.h"
#include "util/cleanup.h"
#include "util/memory.h"

#define READ_TRIES_MAX 3

/* The name of a table, or of one of its sets. */
typedef struct NftName {
    uint8_t family;
    char *table; /* NULL: all tables */
    char *set;   /* NULL: the table itself */
} NftName;

typedef struct NftNames {
    NftName *items;
    size_t n_items, items_allocated;
} NftNames;

typedef struct Dump {
    Netlink *netfilter;
    MessageHandler handler;
    void *data;
    NftNames tables; /* with a base chain that may forward; jumps do not leave a table */
    NftNames sets;   /* sets of these tables */
    bool sets_lack;
} Dump;

static void names_done(NftNames *names) {
    for (size_t i = 0; i < names->n_items; i++) {
        free(names->items[i].table);
        free(names->items[i].set);
    }
    free(names->items);
    *names = (NftNames){};
}

static int names_add(NftNames *names, uint8_t family, const char *table, const char *set) {
    int r = ARRAY_RESERVE(names->items, names->items_allocated, names->n_items + 1);
    if (r < 0)
        return r;
    NftName name = {family, strdup(table), set ? strdup(set) : NULL};
    if (!name.table || (set && !name.set)) {
        free(name.table);
        free(name.set);
        return -ENOMEM;
    }
    names->items[names->n_items++] = name;
    return 0;
}

static int add_table(NftNames *tables, uint8_t family, const char *table) {
    for (size_t i = 0; i < tables->n_items; i++)
        if (tables->items[i].family == family && strcmp(tables->items[i].table, table) == 0)
            return 0;
    return names_add(tables, family, table, NULL);
}

static bool chain_forwards(AttributeWalk chain) {
    const char *type = nft_text(chain, NFTA_CHAIN_TYPE);
    AttributeWalk hook = nft_nested(chain, NFTA_CHAIN_HOOK);
    return type && strcmp(type, "nat") == 0 && nft_has(hook, NFTA_HOOK_HOOKNUM) &&
           nft_u32(hook, NFTA_HOOK_HOOKNUM) == NF_INET_PRE_ROUTING;
}

static int take_chain(const struct nlmsghdr *message, void *data) {
    Dump *dump = data;
    AttributeWalk chain = nft_attributes(message);
    const char *table = nft_text(chain, NFTA_CHAIN_TABLE);

    if (!table || !chain_forwards(chain))
        return 0;
    int r = add_table(&dump->tables, nft_family(message), table);
    return r < 0 ? r : dump->handler(message, dump->data);
}

static int take_set(const struct nlmsghdr *message, void *data) {
    Dump *dump = data;
    const char *table = nft_text(nft_attributes(message), NFTA_SET_TABLE);
    const char *name = nft_text(nft_attributes(message), NFTA_SET_NAME);

    return table && name ? names_add(&dump->sets, nft_family(message), table, name) : 0;
}

/* Dumps the contents of the table or set. Returns 0 with *ret_result, or a negative errno. */
static int request(const Dump *dump, uint16_t type, const NftName *name, MessageHandler handler,
                   void *data, DumpResult *ret_result) {
    static_assert((int)NFTA_RULE_TABLE == (int)NFTA_SET_TABLE &&
                      (int)NFTA_RULE_TABLE == (int)NFTA_SET_ELEM_LIST_TABLE,
                  "one attribute names the table");
    _Alignas(struct nlmsghdr) char buffer[4096];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

    message->nlmsg_type = NFT_MESSAGE_TYPE(type);
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    *head = (struct nfgenmsg){.nfgen_family = name->family, .version = NFNETLINK_V0};

    if ((name->table &&
         !mnl_attr_put_strz_check(message, sizeof(buffer), NFTA_RULE_TABLE, name->table)) ||
        (name->set &&
         !mnl_attr_put_strz_check(message, sizeof(buffer), NFTA_SET_ELEM_LIST_SET, name->set)))
        return -ENOMEM;
    return netlink_dump(dump->netfilter, message, handler, data, ret_result);
}

/* The same for each name, until a dump fails. */
static int request_each(Dump *dump, uint16_t type, const NftNames *names, MessageHandler handler,
                        void *data, DumpResult *ret_result) {
    int r = 0;

    for (size_t i = 0; r >= 0 && ret_result->end == DUMP_COMPLETE && i < names->n_items; i++)
        r = request(dump, type, &names->items[i], handler, data, ret_result);
    return r;
}

/* A set that was deleted meanwhile has no elements. */
static int request_elements(Dump *dump) {
    DumpResult result;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < dump->sets.n_items; i++) {
        r = request(dump, NFT_MSG_GETSETELEM, &dump->sets.items[i], dump->handler, dump->data,
                    &result);
        if (r >= 0 && result.end != DUMP_COMPLETE &&
            !(result.end == DUMP_REFUSED && result.error == -ENOENT))
            dump->sets_lack = true;
    }
    return r;
}

static int dump_once(Dump *dump, DumpResult *ret_result) {
    const NftName all = {.family = NFPROTO_UNSPEC};

    names_done(&dump->tables);
    names_done(&dump->sets);
    dump->sets_lack = false;
    int r = request(dump, NFT_MSG_GETCHAIN, &all, take_chain, dump, ret_result);
    /* Dump only these tables, and not thousands of firewall rules in others. */
    if (r >= 0)
        r = request_each(dump, NFT_MSG_GETSET, &dump->tables, take_set, dump, ret_result);
    if (r >= 0)
        r = request_elements(dump);
    if (r >= 0)
        r = request_each(dump, NFT_MSG_GETRULE, &dump->tables, dump->handler, dump->data,
                         ret_result);
    return r;
}

/* If a nat table exists, it may contain rules that nf_tables lacks. Root and its group can read the
 * lists. */
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

static int hand_on(const Dump *dump, uint16_t type, const NftDumpEnd *end) {
    struct {
        struct nlmsghdr head;
        NftDumpEnd end;
    } message = {.head = {.nlmsg_len = sizeof(message.head), .nlmsg_type = type}};

    if (end) {
        message.head.nlmsg_len = sizeof(message);
        message.end = *end;
    }
    return dump->handler(&message.head, dump->data);
}

int nft_dump(Netlink *netfilter, int proc_fd, const char *directory, MessageHandler handler,
             void *data) {
    Dump dump = {.netfilter = netfilter, .handler = handler, .data = data};
    DumpResult result = {DUMP_COMPLETE, 0};
    int r = 0;

    for (unsigned tries = 0; netfilter && tries < READ_TRIES_MAX; tries++) {
        r = tries > 0 ? hand_on(&dump, NFT_DUMP_AGAIN, NULL) : 0;
        if (r >= 0)
            r = dump_once(&dump, &result);
        if (r < 0 || (result.end != DUMP_INTERRUPTED && !dump.sets_lack))
            break;
    }
    names_done(&dump.tables);
    names_done(&dump.sets);
    if (r < 0)
        return r;
    const NftDumpEnd end = {
        .error = result.end == DUMP_INTERRUPTED ? -EAGAIN : result.error,
        .sets_lack = dump.sets_lack,
        .legacy_exists = legacy_nat_exists(proc_fd, directory),
    };
    return hand_on(&dump, NFT_DUMP_END, &end);
}
