/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "model/reach.h"

const RuleInfo fixture_rule = {
    .file = "/etc/sockaudit/sockaudit.rules",
    .line = 42,
    .text = "flag warning tcp port 3000",
    .note = "dev servers",
    .action = ACTION_FLAG,
    .severity = SEVERITY_WARNING,
};
const RuleInfo fixture_allow = {
    .file = "/etc/sockaudit/rules.d/10-mine.rules",
    .line = 7,
    .text = "allow tcp port ssh",
    .id = "ssh",
    .action = ACTION_ALLOW,
};
const RuleInfo fixture_default = {.text = "set default flag warning", .action = ACTION_FLAG};

static void add_address(LinkTable *table, uint32_t index, const char *text, uint8_t prefix) {
    LinkAddress *address = &table->addresses[table->n_addresses++];
    *address = (LinkAddress){.index = index, .prefix_length = prefix};
    cr_assert_eq(address_parse(text, &address->address), 0);
}

Snapshot *fixture_snapshot(void) {
    static const Link links[] = {
        {.index = 1, .name = "lo", .kind = LINK_LOOPBACK, .up = true},
        {.index = 2, .name = "eth0", .kind = LINK_PHYSICAL, .up = true, .default_route = true},
        {.index = 3, .name = "docker0", .kind = LINK_BRIDGE, .up = true},
    };
    Snapshot *snapshot = snapshot_new();
    LinkTable *table = calloc(1, sizeof(*table));
    cr_assert(snapshot && table);
    table->links = malloc(sizeof(links));
    table->addresses = calloc(8, sizeof(LinkAddress));
    cr_assert(table->links && table->addresses);
    memcpy(table->links, links, sizeof(links));
    table->n_links = 3;
    add_address(table, 1, "127.0.0.1", 8);
    add_address(table, 1, "::1", 128);
    add_address(table, 2, "192.168.1.20", 24);
    add_address(table, 2, "fe80::20", 64);
    add_address(table, 2, "fd00::20", 64);
    add_address(table, 3, "172.17.0.1", 16);
    snapshot->links = table;
    snapshot->netns = (Netns){.inode = 4026531840, .host = true};
    return snapshot;
}

Listener *fixture_add(Snapshot *snapshot, Proto proto, const char *address, uint16_t port,
                      uid_t uid) {
    static uint64_t cookie = 0x10;
    cookie++;
    Listener found = {
        .endpoint = {.proto = proto, .port = port},
        .uid = uid,
        .inode = 5000 + (uint32_t)cookie - 1,
        .cookie = cookie,
    };
    cr_assert_eq(address_parse(address, &found.endpoint.address), 0);
    cr_assert_eq(snapshot_add(snapshot, &found), 1);
    Listener *listener = &snapshot->listeners[snapshot->n_listeners - 1];
    listener->scope = endpoint_scope(&listener->endpoint, snapshot->links);
    listener->verdict = (Verdict){.action = ACTION_ALLOW, .rule = &fixture_allow};
    return listener;
}

Holder *fixture_hold(Listener *listener, pid_t pid, const char *comm, const char *exe) {
    if (!listener->owner)
        listener->owner = owner_new();
    Owner *owner = listener->owner;
    owner->holders = realloc(owner->holders, (owner->n_holders + 1) * sizeof(Holder));
    cr_assert(owner->holders);
    Holder *holder = &owner->holders[owner->n_holders++];
    *holder = (Holder){
        .pid = pid,
        .fd = 3,
        .uid = listener->uid,
        .comm = comm ? strdup(comm) : NULL,
        .exe = exe ? strdup(exe) : NULL,
        .exe_state = exe ? EXE_VERIFIED : EXE_UNKNOWN,
    };
    owner->n_holders_seen = owner->n_holders;
    owner->attribution = ATTRIBUTION_FULL;
    owner->complete = true;
    return holder;
}

void fixture_flag(Listener *listener, Severity severity) {
    listener->verdict =
        (Verdict){.action = ACTION_FLAG, .severity = severity, .rule = &fixture_rule};
}

const char *fixture_user(uid_t uid) {
    return uid == 0 ? "root" : uid == 1000 ? "alice" : NULL;
}

ListingView fixture_view(const Snapshot *snapshot) {
    return (ListingView){
        .snapshot = snapshot,
        .now = FIXTURE_NOW,
        .user_name = fixture_user,
    };
}
