/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes two sockets, one after the other, the same thing to a person: the same program of the
 * same user at the same endpoint. A socket's own identity is (netns, cookie); this one outlives it:
 * a server that restarts keeps its flag, its snooze and its first_seen.
 */
#pragma once

#include "model/snapshot.h"

/* No holder is known, nor a unit or container that would say it. */
#define WHO_UNKNOWN 0

typedef struct Identity {
    Endpoint endpoint;
    uint32_t uid;
    Origin origin;
    uint64_t who; /* identity_who() */
} Identity;

/*
 * Returns a hash of the program that is stable across restarts and reboots. It is of the first of
 * these: the container's name (or id); the system or user unit, if it is a service or socket (scope
 * units have generated names); the executable of the first process and whether it was verified, for
 * an interpreter with the script or module and the working directory. The owner may be NULL. The
 * hash is not secret. Endpoint and uid are compared as well, so a collision can only be with
 * another program of the same user.
 */
uint64_t identity_who(const Owner *owner);

/* The same for a forward, by its target port, because a recreated container has another address. */
uint64_t identity_of_target(uint16_t port);

/*
 * Returns the service of a listener, to which alerts and snoozes apply: the same program of the
 * same user at the same protocol and port, at all addresses.
 */
Identity identity_of_service(Identity listener);

bool identity_equal(const Identity *a, const Identity *b);

/* Hashes for tables in memory, seeded. `place_hash` is of protocol, address and port alone. */
uint32_t identity_hash(const Identity *identity, uint64_t seed);
uint32_t place_hash(const Endpoint *endpoint, uint64_t seed);
bool place_equal(const Endpoint *a, const Endpoint *b);

/* The finalizer of splitmix64 over hash and value. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t value) {
    hash ^= value + UINT64_C(0x9e3779b97f4a7c15) + (hash << 6);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}
