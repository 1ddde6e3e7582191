/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/forwards/nft_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/forwards/nft_attributes.h"
#include "collect/forwards/nft_elements.h"
#include "collect/forwards/nft_xt.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* What a register holds while a rule runs. */
typedef enum SlotKind {
    SLOT_UNKNOWN,
    SLOT_PROTO,
    SLOT_FAMILY,
    SLOT_DEVICE_NAME,
    SLOT_DEVICE_INDEX,
    SLOT_DESTINATION,
    SLOT_PORT,
    SLOT_DATA,   /* a constant */
    SLOT_MAPPED, /* what a map gives for the destination port */
} SlotKind;

typedef struct Slot {
    SlotKind kind;
    uint8_t bits; /* SLOT_DESTINATION: how many are left to compare */
    uint8_t data[16];
    uint32_t length;        /* of the data, or of the offset of a mapped value */
    const NftSet *elements; /* SLOT_MAPPED; borrowed */
} Slot;

typedef struct Reader {
    const NftSets *sets;
    ForwardTable *table;
    uint32_t family;
    const char *table_name, *chain_name;
    PacketMatch match;
    Slot slots[NFT_REG32_COUNT + 1]; /* the last stands for registers that do not exist */
    bool unclear;
} Reader;

char *nft_chain_name(uint32_t family, const char *table, const char *chain) {
    char *name;
    return asprintf(&name, "%u %s %s", family, table, chain) < 0 ? NULL : name;
}

/* NFT_REG_1 to 4 are names for four 32-bit registers each (linux/netfilter/nf_tables.h). */
static Slot *reader_slot(Reader *reader, AttributeWalk expr, uint16_t attribute) {
    uint32_t number = nft_u32(expr, attribute);

    if (number >= NFT_REG_1 && number <= NFT_REG_4)
        return &reader->slots[(number - NFT_REG_1) * 4];
    if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
        return &reader->slots[number - NFT_REG32_00];
    return &reader->slots[NFT_REG32_COUNT];
}

static void match_family(PacketMatch *match, uint8_t family) {
    match->ipv4 &= family == NFPROTO_IPV4;
    match->ipv6 &= family == NFPROTO_IPV6;
}

static uint32_t proto_bit(uint8_t number) {
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        if (proto_number(proto) == number)
            return 1u << proto;
    return 0;
}

/* --- expressions that load a register --- */

static int read_meta(Reader *reader, AttributeWalk expr) {
    if (!nft_has(expr, NFTA_META_DREG))
        return 0;
    Slot *slot = reader_slot(reader, expr, NFTA_META_DREG);
    switch (nft_u32(expr, NFTA_META_KEY)) {
    case NFT_META_L4PROTO:
        *slot = (Slot){.kind = SLOT_PROTO};
        break;
    case NFT_META_NFPROTO:
        *slot = (Slot){.kind = SLOT_FAMILY};
        break;
    case NFT_META_IIFNAME:
        *slot = (Slot){.kind = SLOT_DEVICE_NAME};
        break;
    case NFT_META_IIF:
        *slot = (Slot){.kind = SLOT_DEVICE_INDEX};
        break;
    default:
        *slot = (Slot){};
    }
    return 0;
}

/* The destination address of IPv4 stands at byte 16 of the header, of IPv6 at 24; ports at 2. */
static int read_payload(Reader *reader, AttributeWalk expr) {
    if (!nft_has(expr, NFTA_PAYLOAD_DREG))
        return 0;
    Slot *slot = reader_slot(reader, expr, NFTA_PAYLOAD_DREG);
    uint32_t base = nft_u32(expr, NFTA_PAYLOAD_BASE);
    uint32_t offset = nft_u32(expr, NFTA_PAYLOAD_OFFSET);
    uint32_t length = nft_u32(expr, NFTA_PAYLOAD_LEN);
    bool ipv4 = reader->match.ipv4 && !reader->match.ipv6;
    bool ipv6 = reader->match.ipv6 && !reader->match.ipv4;

    *slot = (Slot){};
    if (base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && length == 2)
        slot->kind = SLOT_PORT;
    else if (base == NFT_PAYLOAD_NETWORK_HEADER &&
             ((ipv4 && offset == 16 && length <= 4) || (ipv6 && offset == 24 && length <= 16)))
        *slot = (Slot){.kind = SLOT_DESTINATION, .bits = (uint8_t)(length * 8)};
    else if (base == NFT_PAYLOAD_NETWORK_HEADER &&
             ((ipv4 && offset == 9) || (ipv6 && offset == 6)) && length == 1)
        slot->kind = SLOT_PROTO;
    return 0;
}

/* A mask that leaves the first bits of an address is a prefix; any other is not understood. */
static int read_bitwise(Reader *reader, AttributeWalk expr) {
    Slot *from = reader_slot(reader, expr, NFTA_BITWISE_SREG);
    Slot *to = reader_slot(reader, expr, NFTA_BITWISE_DREG);
    uint32_t length = 0;
    const uint8_t *mask = nft_data(expr, NFTA_BITWISE_MASK, &length);
    unsigned bits = 0;

    if (from->kind == SLOT_DESTINATION && mask && length <= 16) {
        while (bits < length * 8 && mask[bits / 8] & 0x80u >> bits % 8)
            bits++;
        for (unsigned i = bits; i < length * 8; i++)
            if (mask[i / 8] & 0x80u >> i % 8)
                bits = 0;
    }
    *to = bits > 0 ? (Slot){.kind = SLOT_DESTINATION, .bits = (uint8_t)bits} : (Slot){};
    return 0;
}

static int add_jump(Reader *reader, const PacketMatch *match, const char *chain) {
    ForwardRule rule = {
        .chain = nft_chain_name(reader->family, reader->table_name, reader->chain_name),
        .jump = nft_chain_name(reader->family, reader->table_name, chain),
        .action = FORWARD_JUMP,
        .match = *match,
    };
    if (!rule.chain || !rule.jump) {
        free(rule.chain);
        free(rule.jump);
        return -ENOMEM;
    }
    return forward_table_add(reader->table, &rule);
}

static int read_immediate(Reader *reader, AttributeWalk expr) {
    if (nft_u32(expr, NFTA_IMMEDIATE_DREG) == NFT_REG_VERDICT) {
        const char *chain = nft_verdict_chain(expr, NFTA_IMMEDIATE_DATA);
        return chain ? add_jump(reader, &reader->match, chain) : 0;
    }
    Slot *slot = reader_slot(reader, expr, NFTA_IMMEDIATE_DREG);
    uint32_t length = 0;
    const void *data = nft_data(expr, NFTA_IMMEDIATE_DATA, &length);

    *slot = (Slot){};
    if (data && length <= sizeof(slot->data)) {
        *slot = (Slot){.kind = SLOT_DATA, .length = length};
        memcpy(slot->data, data, length);
    }
    return 0;
}

/* --- expressions that compare one --- */

static void match_destination(Reader *reader, const Slot *slot, const uint8_t *data,
                              uint32_t length) {
    Prefix prefix = {
        .address.family = reader->match.ipv4 ? AF_INET : AF_INET6,
        .length = slot->bits,
    };
    if (length <= sizeof(prefix.address.bytes)) {
        memcpy(prefix.address.bytes, data, length);
        packet_match_narrow(&reader->match, &(PacketMatch){
                                                .ipv4 = true,
                                                .ipv6 = true,
                                                .protos = UINT32_MAX,
                                                .any_port = true,
                                                .destination = prefix,
                                            });
    }
}

static PortRange compared_ports(uint32_t operation, uint16_t port) {
    switch (operation) {
    case NFT_CMP_LT:
        return (PortRange){0, (uint16_t)(port ? port - 1 : 0)};
    case NFT_CMP_LTE:
        return (PortRange){0, port};
    case NFT_CMP_GT:
        return (PortRange){(uint16_t)(port < UINT16_MAX ? port + 1 : port), UINT16_MAX};
    case NFT_CMP_GTE:
        return (PortRange){port, UINT16_MAX};
    default:
        return (PortRange){port, port};
    }
}

static int match_port_ranges(Reader *reader, const PortRange *ranges, size_t n_ranges) {
    if (packet_match_ports(&reader->match, ranges, n_ranges) < 0)
        reader->unclear = true;
    return 0;
}

static uint16_t port_of(const uint8_t *data) {
    return (uint16_t)(data[0] << 8 | data[1]);
}

static int read_cmp(Reader *reader, AttributeWalk expr) {
    const Slot *slot = reader_slot(reader, expr, NFTA_CMP_SREG);
    uint32_t operation = nft_u32(expr, NFTA_CMP_OP), length = 0;
    const uint8_t *data = nft_data(expr, NFTA_CMP_DATA, &length);
    PortRange range;

    /* What is excluded narrows as well, but is not needed: the widest reading is the safe one. */
    if (!data || length == 0 || operation == NFT_CMP_NEQ)
        return 0;
    switch (slot->kind) {
    case SLOT_PORT:
        if (length < 2)
            return 0;
        range = compared_ports(operation, port_of(data));
        return match_port_ranges(reader, &range, 1);
    case SLOT_PROTO:
        packet_match_protos(&reader->match, proto_bit(data[0]));
        return 0;
    case SLOT_FAMILY:
        match_family(&reader->match, data[0]);
        return 0;
    case SLOT_DEVICE_NAME:
        /* With the NUL behind it, it is a name; without, a prefix such as `wl*`: no one interface.
         */
        if (length <= IFNAMSIZ && memchr(data, 0, length))
            memcpy(reader->match.device, data, length);
        return 0;
    case SLOT_DEVICE_INDEX:
        if (length == sizeof(reader->match.ifindex))
            memcpy(&reader->match.ifindex, data, length);
        return 0;
    case SLOT_DESTINATION:
        match_destination(reader, slot, data, length);
        return 0;
    default:
        return 0;
    }
}

static int read_range(Reader *reader, AttributeWalk expr) {
    const Slot *slot = reader_slot(reader, expr, NFTA_RANGE_SREG);
    uint32_t from_length = 0, to_length = 0;
    const uint8_t *from = nft_data(expr, NFTA_RANGE_FROM_DATA, &from_length);
    const uint8_t *to = nft_data(expr, NFTA_RANGE_TO_DATA, &to_length);

    if (slot->kind != SLOT_PORT || from_length < 2 || to_length < 2 ||
        nft_u32(expr, NFTA_RANGE_OP) != NFT_RANGE_EQ)
        return 0;
    PortRange range = {port_of(from), port_of(to)};
    return match_port_ranges(reader, &range, 1);
}

/* A verdict map of ports is a jump an element; one of anything else a jump each, whatever the key.
 */
static int read_verdict_map(Reader *reader, const Slot *key, const NftSet *set) {
    _cleanup_(nft_elements_cleanup) NftElements elements = {};
    int r = nft_elements_read(set, &elements);

    for (size_t i = 0; r == 0 && i < elements.n_items; i++) {
        PacketMatch match = reader->match;
        if (!elements.items[i].chain)
            continue;
        if (key->kind == SLOT_PORT)
            packet_match_ports(&match, &elements.items[i].ports, 1);
        r = add_jump(reader, &match, elements.items[i].chain);
    }
    return r;
}

static int match_set(Reader *reader, const Slot *key, const NftSet *set) {
    _cleanup_(nft_elements_cleanup) NftElements elements = {};
    int r = nft_elements_read(set, &elements);
    if (r < 0)
        return r;

    if (key->kind == SLOT_PROTO) {
        uint32_t protos = 0;
        for (size_t i = 0; i < elements.n_items; i++)
            protos |= proto_bit(elements.items[i].key[0]);
        packet_match_protos(&reader->match, protos);
        return 0;
    }
    PortRange ranges[PORT_RANGES_MAX];
    if (elements.n_items > ELEMENTS(ranges)) {
        reader->unclear = true;
        return 0;
    }
    for (size_t i = 0; i < elements.n_items; i++)
        ranges[i] = elements.items[i].ports;
    return match_port_ranges(reader, ranges, elements.n_items);
}

static int read_lookup(Reader *reader, AttributeWalk expr) {
    static const NftSet empty;
    Slot key = *reader_slot(reader, expr, NFTA_LOOKUP_SREG);
    const char *name = nft_text(expr, NFTA_LOOKUP_SET);
    bool maps = nft_has(expr, NFTA_LOOKUP_DREG);
    bool verdict = maps && nft_u32(expr, NFTA_LOOKUP_DREG) == NFT_REG_VERDICT;
    bool inverted =
        nft_has(expr, NFTA_LOOKUP_FLAGS) && nft_u32(expr, NFTA_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV;

    if (maps && !verdict)
        *reader_slot(reader, expr, NFTA_LOOKUP_DREG) = (Slot){};
    /* Sets of addresses may be large, and would change nothing: they are not asked for. */
    if (inverted || !name || (key.kind != SLOT_PORT && key.kind != SLOT_PROTO && !verdict))
        return 0;
    const NftSet *set =
        reader->sets->find(reader->sets->userdata, reader->family, reader->table_name, name);
    if (!set)
        set = &empty;
    if (verdict)
        return read_verdict_map(reader, &key, set);
    if (maps && key.kind == SLOT_PORT)
        *reader_slot(reader, expr, NFTA_LOOKUP_DREG) = (Slot){.kind = SLOT_MAPPED, .elements = set};
    return match_set(reader, &key, set);
}

/* --- expressions that end in a forward --- */

/* The target ports; a single one if `last` is 0. */
typedef struct TargetPorts {
    uint16_t first, last;
} TargetPorts;

static int add_forward(Reader *reader, const PacketMatch *match, const Address *to,
                       TargetPorts ports, bool unclear) {
    ForwardRule rule = {
        .chain = nft_chain_name(reader->family, reader->table_name, reader->chain_name),
        .action = FORWARD_TO,
        .match = *match,
        .to = *to,
        .to_port = ports.first,
        .to_last = ports.last,
        .unclear = unclear || reader->unclear,
    };
    return rule.chain ? forward_table_add(reader->table, &rule) : -ENOMEM;
}

/* An address by a map of ports: a forward an element. A value may hold the port behind the address.
 */
static int add_mapped(Reader *reader, const Slot *address, sa_family_t family, bool port_too) {
    _cleanup_(nft_elements_cleanup) NftElements elements = {};
    int r = nft_elements_read(address->elements, &elements);
    uint32_t size = family == AF_INET ? 4 : 16;

    for (size_t i = 0; r == 0 && i < elements.n_items; i++) {
        const NftElement *element = &elements.items[i];
        PacketMatch match = reader->match;
        Address to = {.family = family};
        if (element->data_length < size + (port_too ? 2 : 0))
            continue;
        memcpy(to.bytes, element->data, size);
        packet_match_ports(&match, &element->ports, 1);
        TargetPorts ports = {.first = port_too ? port_of(element->data + size) : 0};
        r = add_forward(reader, &match, &to, ports, false);
    }
    return r;
}

/* The ports in two registers with consecutive attributes. */
static TargetPorts read_target_ports(Reader *reader, AttributeWalk expr, uint16_t minimum) {
    TargetPorts ports = {};

    if (!nft_has(expr, minimum))
        return ports;
    const Slot *first = reader_slot(reader, expr, minimum);
    ports.first = first->kind == SLOT_DATA ? port_of(first->data) : 0;
    if (!nft_has(expr, minimum + 1))
        return ports;
    const Slot *last = reader_slot(reader, expr, minimum + 1);
    ports.last = last->kind == SLOT_DATA ? port_of(last->data) : 0;
    return ports;
}

static int read_nat(Reader *reader, AttributeWalk expr) {
    if (nft_u32(expr, NFTA_NAT_TYPE) != NFT_NAT_DNAT)
        return 0;
    uint32_t nfproto = nft_u32(expr, NFTA_NAT_FAMILY);
    sa_family_t family = nfproto == NFPROTO_IPV6 ? AF_INET6 : AF_INET;
    bool has_address = nft_has(expr, NFTA_NAT_REG_ADDR_MIN);
    const Slot *address = has_address ? reader_slot(reader, expr, NFTA_NAT_REG_ADDR_MIN) : NULL;

    match_family(&reader->match, (uint8_t)nfproto);
    if (address && address->kind == SLOT_MAPPED)
        return add_mapped(reader, address, family, nft_has(expr, NFTA_NAT_REG_PROTO_MIN));

    Address to = {};
    if (address && address->kind == SLOT_DATA) {
        to.family = family;
        memcpy(to.bytes, address->data, family == AF_INET ? 4 : 16);
    }
    return add_forward(reader, &reader->match, &to,
                       read_target_ports(reader, expr, NFTA_NAT_REG_PROTO_MIN), false);
}

static int read_redirect(Reader *reader, AttributeWalk expr) {
    return add_forward(reader, &reader->match, &(Address){},
                       read_target_ports(reader, expr, NFTA_REDIR_REG_PROTO_MIN), false);
}

static int read_xt_match(Reader *reader, AttributeWalk expr) {
    XtMatch match = {
        .name = nft_text(expr, NFTA_MATCH_NAME),
        .revision = nft_u32(expr, NFTA_MATCH_REV),
    };
    match.info = nft_bytes(expr, NFTA_MATCH_INFO, &match.length);
    PortRange ranges[XT_PORT_RANGES_MAX];
    int count = match.name && match.info ? xt_match_ports(&match, ranges) : 0;
    return count > 0 ? match_port_ranges(reader, ranges, (size_t)count) : 0;
}

static int read_xt_target(Reader *reader, AttributeWalk expr) {
    XtMatch target = {
        .name = nft_text(expr, NFTA_TARGET_NAME),
        .revision = nft_u32(expr, NFTA_TARGET_REV),
    };
    target.info = nft_bytes(expr, NFTA_TARGET_INFO, &target.length);
    Address to = {};
    TargetPorts ports = {};
    int r = target.name && target.info
                ? xt_target_forward(&target, reader->match.ipv6, &to, &ports.first, &ports.last)
                : 0;
    if (r == 0)
        return 0;
    return add_forward(reader, &reader->match, &to, ports, r < 0);
}

static const struct {
    const char *name;
    int (*read)(Reader *reader, AttributeWalk expr);
} expressions[] = {
    {"meta", read_meta},      {"payload", read_payload},     {"bitwise", read_bitwise},
    {"cmp", read_cmp},        {"range", read_range},         {"lookup", read_lookup},
    {"match", read_xt_match}, {"immediate", read_immediate}, {"nat", read_nat},
    {"redir", read_redirect}, {"target", read_xt_target},
};

static int read_expression(Reader *reader, AttributeWalk expr) {
    const char *name = nft_text(expr, NFTA_EXPR_NAME);

    for (size_t i = 0; name && i < ELEMENTS(expressions); i++)
        if (strcmp(expressions[i].name, name) == 0)
            return expressions[i].read(reader, nft_nested(expr, NFTA_EXPR_DATA));
    /* Whatever else loads a register must not leave there what an earlier one put in it. */
    if (name && (strcmp(name, "ct") == 0 || strcmp(name, "fib") == 0 || strcmp(name, "hash") == 0 ||
                 strcmp(name, "numgen") == 0 || strcmp(name, "exthdr") == 0 ||
                 strcmp(name, "socket") == 0 || strcmp(name, "rt") == 0))
        memset(reader->slots, 0, sizeof(reader->slots));
    return 0;
}

int nft_rule_read(uint8_t family, AttributeWalk rule, const NftSets *sets, ForwardTable *table) {
    Reader reader = {
        .sets = sets,
        .table = table,
        .family = family,
        .table_name = nft_text(rule, NFTA_RULE_TABLE),
        .chain_name = nft_text(rule, NFTA_RULE_CHAIN),
        .match = packet_match_any(),
    };
    AttributeWalk expressions_left = nft_nested(rule, NFTA_RULE_EXPRESSIONS);
    Attribute expression;
    int r = 0;

    if (!reader.table_name || !reader.chain_name)
        return 0;
    if (family == NFPROTO_IPV4 || family == NFPROTO_IPV6)
        match_family(&reader.match, family);
    while (r >= 0 && attribute_next(&expressions_left, &expression))
        r = read_expression(&reader, attribute_nested(&expression));
    return r;
}
