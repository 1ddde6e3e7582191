/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink attributes, walked over bytes that nobody has checked yet. libmnl's own walk calls into
 * the library four times an attribute; this one is inline and refuses what does not fit.
 */
#pragma once

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Attribute {
    unsigned type; /* without NLA_F_NESTED and NLA_F_NET_BYTEORDER */
    size_t length; /* of the data */
    const uint8_t *data;
} Attribute;

typedef struct AttributeWalk {
    const uint8_t *at;
    size_t left;
    bool malformed; /* an attribute did not fit: the rest was not looked at */
} AttributeWalk;

static inline AttributeWalk attribute_walk(const void *bytes, size_t length) {
    return (AttributeWalk){.at = bytes, .left = length};
}

/* The attributes inside a nested one. */
static inline AttributeWalk attribute_nested(const Attribute *attribute) {
    return attribute_walk(attribute->data, attribute->length);
}

/* The next attribute. Returns false at the end, or, with `malformed` set, where it can't go on. */
static inline bool attribute_next(AttributeWalk *walk, Attribute *ret) {
    struct nlattr head;

    if (walk->left < sizeof(head))
        return false;
    memcpy(&head, walk->at, sizeof(head));
    if (head.nla_len < sizeof(head) || head.nla_len > walk->left) {
        walk->malformed = true;
        return false;
    }
    ret->type = head.nla_type & (unsigned)NLA_TYPE_MASK;
    ret->length = head.nla_len - sizeof(head);
    ret->data = walk->at + sizeof(head);

    size_t step = ((size_t)head.nla_len + 3) & ~(size_t)3; /* NLA_ALIGN, which is signed */
    if (step > walk->left)
        step = walk->left;
    walk->at += step;
    walk->left -= step;
    return true;
}

/* Copies a value of exactly `size` bytes. Returns 0 or -EBADMSG. */
static inline int attribute_read(const Attribute *attribute, void *ret, size_t size) {
    if (attribute->length != size)
        return -EBADMSG;
    memcpy(ret, attribute->data, size);
    return 0;
}

/* Whether the attribute is that text, with or without the NUL behind it. */
static inline bool attribute_is_text(const Attribute *attribute, const char *text) {
    size_t length = strlen(text);
    if (attribute->length == length + 1 && attribute->data[length] == '\0')
        return memcmp(attribute->data, text, length) == 0;
    return attribute->length == length && memcmp(attribute->data, text, length) == 0;
}
