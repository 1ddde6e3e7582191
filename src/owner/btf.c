/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/btf.h"

#include <errno.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/* Unnamed structs in structs; the kernel's own are three deep. */
#define NESTING_MAX 8

/* The kinds that are younger than Linux 5.15, whose headers Ubuntu 22.04 has (linux/btf.h). */
enum {
    KIND_DECL_TAG = 17,
    KIND_TYPE_TAG = 18,
    KIND_ENUM64 = 19, /* struct btf_enum64: a name and two halves of a value */
    SIZE_OF_ENUM64 = 12,
};

/* What stands behind a struct btf_type, by kind; -1: a kind that we don't know. */
static int64_t trailing_size(const struct btf_type *type) {
    int64_t n = BTF_INFO_VLEN(type->info);
    switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case KIND_DECL_TAG:
        return sizeof(uint32_t);
    case BTF_KIND_ARRAY:
        return sizeof(struct btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return n * (int64_t)sizeof(struct btf_member);
    case BTF_KIND_ENUM:
        return n * (int64_t)sizeof(struct btf_enum);
    case KIND_ENUM64:
        return n * SIZE_OF_ENUM64;
    case BTF_KIND_FUNC_PROTO:
        return n * (int64_t)sizeof(struct btf_param);
    case BTF_KIND_DATASEC:
        return n * (int64_t)sizeof(struct btf_var_secinfo);
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case KIND_TYPE_TAG:
        return 0;
    default:
        return -1;
    }
}

static struct btf_type type_at(const Btf *btf, uint32_t offset) {
    struct btf_type type;
    memcpy(&type, btf->types + offset, sizeof(type));
    return type;
}

static bool name_is(const Btf *btf, uint32_t offset, const char *name) {
    return offset < btf->strings_size && strcmp(btf->strings + offset, name) == 0;
}

static int index_types(Btf *btf) {
    size_t at = 0, allocated = 0;

    while (btf->types_size - at >= sizeof(struct btf_type)) {
        struct btf_type type = type_at(btf, (uint32_t)at);
        int64_t trailing = trailing_size(&type);
        size_t left = btf->types_size - at - sizeof(type);
        if (trailing < 0 || (uint64_t)trailing > left)
            return -EBADMSG;
        int r = ARRAY_RESERVE(btf->offsets, allocated, btf->n_types + 2);
        if (r < 0)
            return r;
        btf->offsets[++btf->n_types] = (uint32_t)at;
        at += sizeof(type) + (size_t)trailing;
    }
    return 0;
}

int btf_open(Btf *btf, const void *data, size_t size) {
    struct btf_header header;
    if (size < sizeof(header) || size > UINT32_MAX)
        return -EBADMSG;
    memcpy(&header, data, sizeof(header));
    if (header.magic != BTF_MAGIC || header.hdr_len < sizeof(header) || header.hdr_len > size)
        return -EBADMSG;

    const unsigned char *body = (const unsigned char *)data + header.hdr_len;
    size_t left = size - header.hdr_len;
    if (header.type_off > left || header.type_len > left - header.type_off ||
        header.str_off > left || header.str_len > left - header.str_off || header.str_len == 0 ||
        body[header.str_off + header.str_len - 1] != '\0')
        return -EBADMSG;

    *btf = (Btf){.types = body + header.type_off,
                 .types_size = header.type_len,
                 .strings = (const char *)body + header.str_off,
                 .strings_size = header.str_len};
    int r = index_types(btf);
    if (r < 0)
        btf_done(btf);
    return r;
}

void btf_done(Btf *btf) {
    free(btf->offsets);
    *btf = (Btf){};
}

/* The id of the type of that kind and name, or 0. */
static uint32_t find(const Btf *btf, uint32_t kind, const char *name) {
    for (uint32_t id = 1; id <= btf->n_types; id++) {
        struct btf_type type = type_at(btf, btf->offsets[id]);
        if (BTF_INFO_KIND(type.info) == kind && name_is(btf, type.name_off, name))
            return id;
    }
    return 0;
}

uint32_t btf_function(const Btf *btf, const char *name) {
    return find(btf, BTF_KIND_FUNC, name);
}

/* Looks in the struct or union of that id; adds to *offset, in bits. */
static int find_member(const Btf *btf, uint32_t id, const char *name, unsigned nesting,
                       uint64_t *offset) {
    if (id == 0 || id > btf->n_types || nesting > NESTING_MAX)
        return -ENOENT;
    struct btf_type type = type_at(btf, btf->offsets[id]);
    uint32_t kind = BTF_INFO_KIND(type.info);
    if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION)
        return -ENOENT;

    const unsigned char *members = btf->types + btf->offsets[id] + sizeof(type);
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type.info); i++) {
        struct btf_member member;
        memcpy(&member, members + i * sizeof(member), sizeof(member));
        bool flagged = BTF_INFO_KFLAG(type.info);
        uint64_t at = flagged ? BTF_MEMBER_BIT_OFFSET(member.offset) : member.offset;
        if (member.name_off == 0) {
            if (find_member(btf, member.type, name, nesting + 1, offset) == 0) {
                *offset += at;
                return 0;
            }
        } else if (name_is(btf, member.name_off, name)) {
            if ((flagged && BTF_MEMBER_BITFIELD_SIZE(member.offset)) || at % 8 != 0)
                return -EINVAL;
            *offset += at;
            return 0;
        }
    }
    return -ENOENT;
}

int btf_member(const Btf *btf, const char *structure, const char *member, uint32_t *ret) {
    uint64_t offset = 0;
    int r = find_member(btf, find(btf, BTF_KIND_STRUCT, structure), member, 0, &offset);
    if (r < 0)
        return r;
    if (offset / 8 > INT16_MAX) /* an instruction's offset */
        return -EINVAL;
    *ret = (uint32_t)(offset / 8);
    return 0;
}
