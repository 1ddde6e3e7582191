/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/reach.h"
#include "util/memory.h"

int world_file_identity(void *userdata, const char *path, FileId *ret) {
    World *world = userdata;
    char whole[5000];

    world->n_identity_calls++;
    if (strncmp(path, "/missing", 8) == 0)
        return -ENOENT;
    if (strncmp(path, "/locked", 7) == 0)
        return -EACCES;
    snprintf(whole, sizeof(whole), "%s%s", strncmp(path, "/bin/", 5) == 0 ? "/usr" : "", path);
    uint64_t hash = 1469598103934665603u;
    for (const char *at = whole; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    *ret = (FileId){.device = 1, .inode = hash | 1};
    return 0;
}

/* uid 2 is in group 1 beside its own. */
static int user_in_group(void *userdata, uid_t uid, gid_t gid) {
    (void)userdata;
    return uid == gid || (uid == 2 && gid == 1);
}

static void add_link(World *world, const char *name, LinkKind kind, const char *address) {
    uint32_t index = (uint32_t)world->table.n_links + 1;
    Link *link = &world->links[world->table.n_links++];
    *link = (Link){.index = index, .kind = kind, .up = true};
    snprintf(link->name, sizeof(link->name), "%s", name);
    LinkAddress *entry = &world->addresses[world->table.n_addresses++];
    entry->index = index;
    entry->prefix_length = kind == LINK_LOOPBACK ? 8 : strchr(address, ':') ? 64 : 24;
    if (address_parse(address, &entry->address) < 0)
        abort();
}

void world_init(World *world) {
    *world = (World){};
    world->table.links = world->links;
    world->table.addresses = world->addresses;
    add_link(world, "lo", LINK_LOOPBACK, "127.0.0.1");
    add_link(world, "eth0", LINK_PHYSICAL, "192.168.1.20");
    add_link(world, "wlan0", LINK_WIRELESS, "10.9.8.7");
    add_link(world, "docker0", LINK_BRIDGE, "172.17.0.1");
    add_link(world, "wg0", LINK_WIREGUARD, "10.200.0.2");
    add_link(world, "tun0", LINK_TUN, "fd00::2");
    world->links[1].default_route = true;
    world->context = (JudgeContext){
        .links = &world->table,
        .netns = {.inode = 1, .host = true},
        .now = WORLD_NOW,
        .ephemeral_first = 32768,
        .ephemeral_last = 60999,
        .file_identity = world_file_identity,
        .user_in_group = user_in_group,
        .userdata = world,
    };
}

static void clear_listener(World *world) {
    owner_unref(world->listener.owner);
    free(world->listener.tool);
    world->listener = (Listener){};
}

void world_done(World *world) {
    clear_listener(world);
}

static bool set_endpoint(Endpoint *endpoint, const char *proto, const char *text) {
    char address[64];
    const char *colon = strrchr(text, ':');
    uint64_t port;

    if (!colon || proto_parse(proto, &endpoint->proto) < 0 ||
        parse_unsigned(colon + 1, strlen(colon + 1), UINT16_MAX, &port) < 0)
        return false;
    bool brackets = text[0] == '[';
    snprintf(address, sizeof(address), "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
    endpoint->port = (uint16_t)port;
    return address_parse(address, &endpoint->address) == 0;
}

static bool add_holder(World *world, const char *path, ExeState state, bool other) {
    Owner *owner = world->listener.owner;
    owner->holders = reallocarray(owner->holders, owner->n_holders + 1, sizeof(*owner->holders));
    Holder *holder = &owner->holders[owner->n_holders++];
    owner->n_holders_seen++;
    *holder = (Holder){.pid = (pid_t)(11 + owner->n_holders), .fd = 3, .exe_state = state};
    holder->exe = path ? strdup(path) : NULL;
    if (path && !other)
        world_file_identity(world, path, &holder->exe_id);
    if (other)
        holder->exe_id = (FileId){.device = 9, .inode = 99};
    return true;
}

static bool set_container(Owner *owner, char *text) {
    char *rest = text;
    const char *runtime = strsep(&rest, ":"), *id = strsep(&rest, ":");
    for (ContainerRuntime i = 1; i < RUNTIME_COUNT; i++)
        if (strcmp(runtime, container_runtime_name(i)) == 0)
            owner->runtime = i;
    owner->container_id = id && *id ? strdup(id) : NULL;
    owner->container_name = rest ? strdup(rest) : NULL;
    return owner->runtime != RUNTIME_NONE;
}

/* A unit's cgroup is known with it. */
static bool set_text(Owner *owner, char **field, const char *value) {
    free(*field);
    *field = strdup(value);
    if (!owner->cgroup)
        owner->cgroup = strdup("/x");
    return true;
}

static bool set_flag(World *world, const char *word) {
    Owner *owner = world->listener.owner;
    if (strcmp(word, "forward") == 0)
        world->listener.origin = ORIGIN_FORWARD;
    else if (strcmp(word, "incomplete") == 0)
        owner->complete = false;
    else if (strcmp(word, "many") == 0)
        owner->n_holders_seen++;
    else if (strcmp(word, "unreadable") == 0)
        add_holder(world, NULL, EXE_UNKNOWN, false);
    else if (strcmp(word, "no-links") == 0)
        world->context.links = NULL;
    else if (strcmp(word, "no-range") == 0)
        world->context.ephemeral_last = 0;
    else if (strcmp(word, "nobody") == 0)
        world->listener.owner = owner_unref(owner);
    else
        return false;
    return true;
}

static bool set_value(World *world, const char *key, char *value) {
    Owner *owner = world->listener.owner;
    uint64_t number = 0;
    bool is_number = parse_unsigned(value, strlen(value), UINT32_MAX, &number) == 0;

    if (strcmp(key, "uid") == 0)
        world->listener.uid = (uint32_t)number;
    else if (strcmp(key, "scope") == 0)
        return scope_parse(value, &world->listener.scope) == 0;
    else if (strcmp(key, "exe") == 0)
        return add_holder(world, value, EXE_VERIFIED, false);
    else if (strcmp(key, "unverified") == 0)
        return add_holder(world, value, EXE_UNVERIFIED, false);
    else if (strcmp(key, "replaced") == 0) {
        add_holder(world, value, EXE_UNVERIFIED, true);
        owner->holders[owner->n_holders - 1].exe_deleted = true;
    } else if (strcmp(key, "other") == 0)
        return add_holder(world, value, EXE_UNVERIFIED, true);
    else if (strcmp(key, "assumed") == 0)
        return add_holder(world, value, EXE_ASSUMED, false);
    else if (strcmp(key, "unit") == 0)
        return set_text(owner, &owner->unit, value);
    else if (strcmp(key, "user-unit") == 0)
        return set_text(owner, &owner->user_unit, value);
    else if (strcmp(key, "cgroup") == 0)
        return set_text(owner, &owner->cgroup, value);
    else if (strcmp(key, "container") == 0)
        return set_container(owner, value);
    else if (strcmp(key, "tool") == 0)
        world->listener.tool = strdup(value);
    else if (strcmp(key, "assumed-user") == 0)
        world->context.assumed_user =
            strncpy(world->assumed_user, value, sizeof(world->assumed_user) - 1);
    else if (strcmp(key, "target") == 0) {
        Endpoint target = {};
        world->listener.origin = ORIGIN_FORWARD;
        bool good =
            sscanf(value, "self:%hu", &target.port) == 1 || set_endpoint(&target, "tcp", value);
        world->listener.forward_to = target.address;
        world->listener.forward_port = target.port;
        return good;
    } else if (strcmp(key, "netns") == 0)
        world->context.netns = (Netns){.inode = strcmp(value, "other") == 0 ? 7 : 0};
    else if (strcmp(key, "age") == 0 && parse_duration(value, strlen(value), &number) == 0)
        owner->created = WORLD_NOW - number;
    else
        return false;
    return strcmp(key, "uid") != 0 || is_number;
}

bool world_set_listener(World *world, const char *text) {
    char copy[8192];
    char *rest = copy, *word, *proto;

    snprintf(copy, sizeof(copy), "%s", text);
    world_done(world);
    world_init(world);
    while ((proto = strsep(&rest, " ")) && !*proto)
        ;
    word = strsep(&rest, " ");
    if (!word || !set_endpoint(&world->listener.endpoint, proto, word))
        return false;
    world->listener.owner = owner_new();
    world->listener.owner->complete = true;
    world->listener.scope = endpoint_scope(&world->listener.endpoint, &world->table);
    while ((word = strsep(&rest, " "))) {
        char *equals = strchr(word, '=');
        if (equals)
            *equals = '\0';
        if (*word && !(equals ? set_value(world, word, equals + 1) : set_flag(world, word)))
            return false;
    }
    return true;
}
