/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/identity.h"

#include <string.h>

#include "model/program.h"
#include "util/fnv.h"
#include "util/memory.h"

static uint64_t who_hash(const char *kind, const char *name) {
    uint64_t hash = fnv_add(FNV_BEGIN, kind, strlen(kind) + 1);
    hash = fnv_add(hash, name, strlen(name));
    return hash == WHO_UNKNOWN ? 1 : hash;
}

static bool unit_is_lasting(const char *unit) {
    size_t length = unit ? strlen(unit) : 0;
    return (length > 8 && strcmp(unit + length - 8, ".service") == 0) ||
           (length > 7 && strcmp(unit + length - 7, ".socket") == 0);
}

/* The executable; for an interpreter also the script and the working directory. */
static uint64_t who_of_program(const Holder *holder) {
    uint64_t hash = who_hash(holder->exe_state == EXE_VERIFIED ? "exe" : "unverified", holder->exe);
    Program program;

    program_init(&program, holder);
    if (!program_is_interpreted(&program))
        return hash;
    const char *subject = program_subject(&program) ?: "", *cwd = holder->cwd ?: "";
    hash = fnv_add(hash, subject, strlen(subject) + 1);
    hash = fnv_add(hash, cwd, strlen(cwd));
    return hash == WHO_UNKNOWN ? 1 : hash;
}

uint64_t identity_who(const Owner *owner) {
    if (!owner)
        return WHO_UNKNOWN;
    if (!string_is_empty(owner->container_name))
        return who_hash(container_runtime_name(owner->runtime), owner->container_name);
    if (!string_is_empty(owner->container_id))
        return who_hash("container", owner->container_id);
    if (unit_is_lasting(owner->user_unit))
        return who_hash("user-unit", owner->user_unit);
    if (unit_is_lasting(owner->unit) && !owner->user_unit && !owner->session)
        return who_hash("unit", owner->unit);
    for (size_t i = 0; i < owner->n_holders; i++)
        if (!string_is_empty(owner->holders[i].exe))
            return who_of_program(&owner->holders[i]);
    return WHO_UNKNOWN;
}

uint64_t identity_of_target(uint16_t port) {
    uint64_t hash = fnv_add(FNV_BEGIN, &port, sizeof(port));
    return hash == WHO_UNKNOWN ? 1 : hash;
}

Identity identity_of_service(Identity listener) {
    listener.endpoint.address = (Address){.family = AF_INET};
    listener.endpoint.ifindex = 0;
    listener.endpoint.v6only = false;
    return listener;
}

bool identity_equal(const Identity *a, const Identity *b) {
    return a->who == b->who && a->uid == b->uid && a->origin == b->origin &&
           endpoint_equal(&a->endpoint, &b->endpoint);
}

static uint64_t place_mix(const Endpoint *endpoint, uint64_t seed) {
    uint64_t words[2] = {0};
    memcpy(words, endpoint->address.bytes, endpoint->address.family == AF_INET ? 4 : sizeof(words));
    uint64_t hash = hash_mix(seed ^ endpoint->address.family, words[0]);
    hash = hash_mix(hash, words[1]);
    return hash_mix(hash, (uint64_t)endpoint->port << 8 | endpoint->proto);
}

uint32_t place_hash(const Endpoint *endpoint, uint64_t seed) {
    return (uint32_t)place_mix(endpoint, seed);
}

bool place_equal(const Endpoint *a, const Endpoint *b) {
    return a->proto == b->proto && a->port == b->port && address_equal(&a->address, &b->address);
}

uint32_t identity_hash(const Identity *identity, uint64_t seed) {
    uint64_t hash = place_mix(&identity->endpoint, seed);
    hash = hash_mix(hash, (uint64_t)identity->endpoint.ifindex << 32 | identity->uid);
    hash = hash_mix(hash, identity->who);
    return (uint32_t)hash_mix(hash, (uint64_t)identity->endpoint.v6only << 1 |
                                        (uint64_t)identity->origin);
}
