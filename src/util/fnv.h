/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FNV-1a, 64 bits: the same on every machine and in every run. Not for keys that an attacker may
 * choose. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FNV_BEGIN UINT64_C(0xcbf29ce484222325)

/* Continues the hash, which is FNV_BEGIN or a previous result. */
static inline uint64_t fnv_add(uint64_t hash, const void *data, size_t length) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}
