/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "util/parse.h"

static const uint8_t mapped_head[12] = {[10] = 0xff, [11] = 0xff};

static unsigned address_bits(const Address *address) {
    return address->family == AF_INET ? 32 : 128;
}

static char *put_byte(char *out, unsigned byte) {
    if (byte >= 100)
        *out++ = (char)('0' + byte / 100);
    if (byte >= 10)
        *out++ = (char)('0' + byte / 10 % 10);
    *out++ = (char)('0' + byte % 10);
    return out;
}

void address_format(const Address *address, char buffer[static ADDRESS_SIZE]) {
    if (address->family == AF_INET) { /* avoids inet_ntop(3), which takes 2 µs */
        char *out = buffer;
        for (size_t i = 0; i < 4; i++) {
            out = put_byte(out, address->bytes[i]);
            *out++ = '.';
        }
        out[-1] = '\0';
        return;
    }
    if (!inet_ntop(address->family, address->bytes, buffer, ADDRESS_SIZE))
        buffer[0] = '\0';
}

int address_parse(const char *text, Address *ret) {
    Address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    if (inet_pton(address.family, text, address.bytes) != 1)
        return -EINVAL;
    *ret = address;
    return 0;
}

/* Bits beyond `length` set to zero. */
static Address address_masked(Address address, unsigned length) {
    for (unsigned bit = length; bit < address_bits(&address); bit++)
        address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    return address;
}

int prefix_parse(const char *text, Prefix *ret) {
    char copy[ADDRESS_SIZE];
    size_t length = strcspn(text, "/");
    Prefix prefix;

    if (length >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    int r = address_parse(copy, &prefix.address);
    if (r < 0)
        return r;

    uint64_t bits = address_bits(&prefix.address);
    if (text[length] == '/') {
        const char *number = text + length + 1;
        if (parse_unsigned(number, strlen(number), bits, &bits) < 0)
            return -EINVAL;
    }
    prefix.length = (uint8_t)bits;
    Address masked = address_masked(prefix.address, prefix.length);
    if (!address_equal(&masked, &prefix.address))
        return -EDOM;
    *ret = prefix;
    return 0;
}

bool prefix_holds(const Prefix *prefix, const Address *address) {
    unsigned whole = prefix->length / 8, rest = prefix->length % 8;

    if (prefix->address.family != address->family ||
        memcmp(prefix->address.bytes, address->bytes, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || (address->bytes[whole] & mask) == prefix->address.bytes[whole];
}

bool address_is_mapped(const Address *address) {
    return address->family == AF_INET6 &&
           memcmp(address->bytes, mapped_head, sizeof(mapped_head)) == 0;
}

Address address_unmapped(const Address *address) {
    if (!address_is_mapped(address))
        return *address;
    Address unmapped = {.family = AF_INET};
    memcpy(unmapped.bytes, address->bytes + sizeof(mapped_head), 4);
    return unmapped;
}

bool address_equal(const Address *a, const Address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, address_bits(a) / 8) == 0;
}

/* Whether the address, unmapped, lies in one of the prefixes of its family. */
static bool address_in(const Address *address, const Prefix *prefixes, unsigned count) {
    Address unmapped = address_unmapped(address);
    for (unsigned i = 0; i < count; i++)
        if (prefix_holds(&prefixes[i], &unmapped))
            return true;
    return false;
}

#define IPV4(a, b, bits)                                                                           \
    { .address = {AF_INET, {(a), (b)}}, .length = (bits) }
#define IPV6(a, b, bits)                                                                           \
    { .address = {AF_INET6, {(a), (b)}}, .length = (bits) }

bool address_is_wildcard(const Address *address) {
    static const uint8_t zero[16];
    Address unmapped = address_unmapped(address);
    return memcmp(unmapped.bytes, zero, address_bits(&unmapped) / 8) == 0;
}

bool address_is_loopback(const Address *address) {
    static const Prefix loopback[] = {
        IPV4(127, 0, 8),
        {.address = {AF_INET6, {[15] = 1}}, .length = 128},
    };
    return address_in(address, loopback, 2);
}

bool address_is_link_local(const Address *address) {
    static const Prefix link_local[] = {IPV4(169, 254, 16), IPV6(0xfe, 0x80, 10)};
    return address_in(address, link_local, 2);
}

bool address_is_private(const Address *address) {
    static const Prefix private[] = {
        IPV4(10, 0, 8), IPV4(172, 16, 12), IPV4(192, 168, 16), IPV4(100, 64, 10), IPV6(0xfc, 0, 7),
    };
    return address_in(address, private, 5);
}

bool address_is_multicast(const Address *address) {
    static const Prefix multicast[] = {IPV4(224, 0, 4), IPV6(0xff, 0, 8)};
    return address_in(address, multicast, 2);
}

bool address_is_broadcast(const Address *address) {
    static const Prefix broadcast[] = {
        {.address = {AF_INET, {255, 255, 255, 255}}, .length = 32},
    };
    return address_in(address, broadcast, 1);
}

bool address_is_broadcast_of(const Address *address, const Address *own, uint8_t length) {
    /* A network of 31 or 32 bits has none. */
    if (own->family != AF_INET || length > 30)
        return false;
    Address broadcast = *own;
    for (unsigned bit = length; bit < 32; bit++)
        broadcast.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    return address_equal(address, &broadcast);
}
