/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written is read again, byte for byte; what is none is refused. */
#include "bus/marshal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/unmarshal.h"
#include "message.h"
#include "util/memory.h"

static const Viewer all = {0, true}, nobody = {65534, false};

static const RuleInfo rule = {
    .file = "/etc/\xff.rules",
    .line = 7,
    .text = "flag error tcp # \xc3\xa4",
    .id = "x",
    .note = "n\n",
    .action = ACTION_FLAG,
    .severity = SEVERITY_ERROR,
};

static char **vector(const char *a, const char *b) {
    char **words = calloc(3, sizeof(*words));
    words[0] = strdup(a);
    words[1] = strdup(b);
    return words;
}

static Listener make_listener(void) {
    Listener listener = {
        .endpoint = {.proto = PROTO_UDP, .port = 65535, .v6only = true, .ifindex = 9},
        .scope = SCOPE_VPN,
        .uid = 4294967294,
        .inode = UINT32_MAX,
        .cookie = UINT64_MAX,
        .cgroup_id = 77,
        .n_sockets = 3,
        .owner = owner_new(),
        .verdict = {ACTION_FLAG, SEVERITY_ERROR, &rule, false},
        .tool = strdup("A tool\xff"),
        .advice = strdup("type \x1b[31m\xfe"),
    };
    address_parse("fe80::1", &listener.endpoint.address);
    Owner *owner = listener.owner;
    owner->attribution = ATTRIBUTION_FULL;
    owner->complete = true;
    owner->unheld = true;
    owner->cgroup = strdup("/a\xed\xa0\x80");     /* a surrogate */
    owner->unit = strdup("\xef\xbf\xbe.service"); /* U+FFFE: valid UTF-8 that sd-bus refuses */
    owner->runtime = RUNTIME_PODMAN;
    owner->container_id = strdup("");
    owner->created = 123;
    owner->holders = calloc(2, sizeof(*owner->holders));
    owner->n_holders = 2;
    owner->n_holders_seen = 300;
    owner->holders[0] = (Holder){
        .pid = 1,
        .fd = -1,
        .uid = 1000,
        .start = 5,
        .comm = strdup(") \n\xff"),
        .exe = strdup("/bin/\xff"),
        .exe_state = EXE_VERIFIED,
        .exe_id = {11, 12},
        .cmdline = vector("a", "\xff\xfe"),
        .cwd = strdup("/"),
    };
    owner->holders[1] = (Holder){.pid = 2, .fd = 3, .uid = 1001, .cmdline = vector("", "b")};
    return listener;
}

static void done(Listener *listener) {
    owner_unref(listener->owner);
    free(listener->tool);
    free(listener->advice);
}

static const Standing standing = {
    .first_seen = 1,
    .age = 2,
    .snoozed_for = 3,
    .n_returned = 4,
    .flagged = true,
    .pending = true,
};

/* Through a message, as that viewer. */
static void travel(const Listener *listener, const Viewer *viewer, BusView *view) {
    const BusListener out = {.listener = listener, .standing = standing};
    DictWriter writer = {.message = message_new()};

    cr_assert_eq(bus_view_init(view), 0);
    cr_assert_not_null(writer.message);
    marshal_listener(&writer, &out, viewer);
    cr_assert_eq(writer.error, 0);
    cr_assert_eq(message_turn(writer.message), 0);
    cr_assert_eq(unmarshal_listener(writer.message, view), 0);
    cr_assert_eq(sd_bus_message_at_end(writer.message, 1), 1);
    sd_bus_message_unref(writer.message);
}

Test(marshal, a_listener_comes_back_as_it_was) {
    Listener listener = make_listener();
    BusView view;

    travel(&listener, &all, &view);
    cr_assert_eq(view.snapshot->n_listeners, 1);
    const Listener *back = view.snapshot->listeners;
    cr_assert(endpoint_equal(&back->endpoint, &listener.endpoint));
    cr_assert_eq(back->scope, SCOPE_VPN);
    cr_assert_eq(back->uid, listener.uid);
    cr_assert_eq(back->cookie, UINT64_MAX);
    cr_assert_eq(back->n_sockets, 3);
    cr_assert_eq(back->verdict.action, ACTION_FLAG);
    cr_assert_eq(back->verdict.severity, SEVERITY_ERROR);
    cr_assert_str_eq(back->verdict.rule->file, rule.file);
    cr_assert_str_eq(back->verdict.rule->text, rule.text);
    cr_assert_str_eq(back->verdict.rule->note, rule.note);
    cr_assert_null(back->verdict.rule->advice);
    cr_assert_str_eq(back->advice, listener.advice);
    cr_assert_str_eq(back->tool, listener.tool);
    cr_assert_eq(memcmp(&view.standings[0], &standing, sizeof(standing)), 0);
    const Owner *owner = back->owner;
    cr_assert_eq(owner->attribution, ATTRIBUTION_FULL);
    cr_assert(owner->unheld);
    cr_assert_str_eq(owner->cgroup, listener.owner->cgroup);
    cr_assert_str_eq(owner->unit, listener.owner->unit);
    cr_assert_str_eq(owner->container_id, "");
    cr_assert_null(owner->container_name);
    cr_assert_eq(owner->n_holders, 2);
    cr_assert_eq(owner->n_holders_seen, 300);
    cr_assert_str_eq(owner->holders[0].comm, ") \n\xff");
    cr_assert_str_eq(owner->holders[0].cmdline[1], "\xff\xfe");
    cr_assert_null(owner->holders[0].cmdline[2]);
    cr_assert_eq(owner->holders[0].fd, -1);
    cr_assert_eq(owner->holders[0].exe_id.inode, 12);
    cr_assert_str_eq(owner->holders[1].cmdline[0], "");
    cr_assert_null(owner->holders[1].exe);
    bus_view_done(&view);
    done(&listener);
}

Test(marshal, others_see_no_process) {
    Listener listener = make_listener();
    BusView view;

    travel(&listener, &nobody, &view);
    const Listener *back = view.snapshot->listeners;
    cr_assert_null(back->advice);
    cr_assert_null(back->tool);
    for (size_t i = 0; i < 2; i++) {
        const Holder *holder = &back->owner->holders[i];
        cr_assert_null(holder->exe);
        cr_assert_null(holder->cmdline);
        cr_assert_null(holder->cwd);
        cr_assert_eq(holder->exe_id.inode, 0);
        cr_assert_eq(holder->exe_state, EXE_UNKNOWN);
    }
    cr_assert_str_eq(back->owner->holders[0].comm, ") \n\xff");
    cr_assert_eq(back->owner->attribution, ATTRIBUTION_PARTIAL);
    cr_assert_not_null(back->owner->note);
    bus_view_done(&view);
    done(&listener);
}

Test(marshal, many_holders_are_cut) {
    Listener listener = make_listener();
    char *large = malloc(4000);
    BusView view;

    memset(large, 'x', 3999);
    large[3999] = '\0';
    for (size_t i = 0; i < listener.owner->n_holders; i++)
        holder_done(&listener.owner->holders[i]);
    free(listener.owner->holders);
    listener.owner->holders = calloc(HOLDERS_MAX, sizeof(Holder));
    listener.owner->n_holders = HOLDERS_MAX;
    for (size_t i = 0; i < HOLDERS_MAX; i++)
        listener.owner->holders[i].exe = strdup(large);
    travel(&listener, &all, &view);
    size_t n = view.snapshot->listeners->owner->n_holders;
    cr_assert_geq(n, 7);
    cr_assert_leq(n, 12);
    cr_assert_eq(view.snapshot->listeners->owner->n_holders_seen, 300);
    bus_view_done(&view);
    done(&listener);
    free(large);
}

Test(marshal, the_machine) {
    Link links[] = {{.index = 1, .name = "lo", .kind = LINK_LOOPBACK, .up = true},
                    {.index = 5, .master = 1, .name = "a\xff", .kind = LINK_VETH}};
    LinkAddress addresses[] = {{.index = 5, .prefix_length = 24}};
    LinkTable table = {links, 2, addresses, 1};
    BusMachine machine = {.netns = {42, true}, .links = &table, .links_generation = 3};
    DictWriter writer = {.message = message_new()};
    BusView view;

    address_parse("192.168.1.20", &addresses[0].address);
    coverage_set(&machine.coverage[PROTO_SCTP], COVERAGE_UNAVAILABLE, "why \xff");
    machine.coverage[PROTO_SCTP].absent = true;
    coverage_set(&machine.owners_coverage, COVERAGE_INCOMPLETE, "some");
    marshal_machine(&writer, &machine);
    cr_assert_eq(writer.error, 0);
    cr_assert_eq(message_turn(writer.message), 0);
    cr_assert_eq(bus_view_init(&view), 0);
    cr_assert_eq(unmarshal_machine(writer.message, &view), 0);
    const Snapshot *back = view.snapshot;
    cr_assert_eq(back->netns.inode, 42);
    cr_assert(back->netns.host);
    cr_assert_eq(back->links->n_links, 2);
    cr_assert_str_eq(link_table_find(back->links, 5)->name, "a\xff");
    cr_assert_eq(back->links->links[1].kind, LINK_VETH);
    cr_assert(address_equal(&back->links->addresses[0].address, &addresses[0].address));
    cr_assert_eq(back->coverage[PROTO_SCTP].state, COVERAGE_UNAVAILABLE);
    cr_assert(back->coverage[PROTO_SCTP].absent);
    cr_assert_str_eq(back->coverage[PROTO_SCTP].why, "why \xff");
    cr_assert_eq(back->coverage[PROTO_TCP].state, COVERAGE_FULL);
    cr_assert_eq(view.owners.state, COVERAGE_INCOMPLETE);
    cr_assert_eq(view.links_generation, 3);
    bus_view_done(&view);
    sd_bus_message_unref(writer.message);
}

/* One entry of a listener's dictionary, by sd-bus's own words. */
#define REFUSED(...)                                                                               \
    do {                                                                                           \
        BusView view;                                                                              \
        sd_bus_message *message = message_new();                                                   \
        cr_assert_eq(bus_view_init(&view), 0);                                                     \
        cr_assert_geq(sd_bus_message_append(message, "a{sv}", __VA_ARGS__), 0);                    \
        cr_assert_eq(message_turn(message), 0);                                                    \
        cr_assert_eq(unmarshal_listener(message, &view), -EBADMSG, "%s", #__VA_ARGS__);            \
        cr_assert_eq(view.snapshot->n_listeners, 0);                                               \
        bus_view_done(&view);                                                                      \
        sd_bus_message_unref(message);                                                             \
    } while (0)

Test(marshal, what_makes_no_sense_is_refused) {
    REFUSED(0); /* no address */
    REFUSED(1, "address", "s", "1.2.3");
    REFUSED(1, "address", "u", 1);
    REFUSED(2, "address", "s", "1.2.3.4", "port", "u", 1);
    REFUSED(2, "address", "s", "1.2.3.4", "proto", "s", "icmp");
    REFUSED(2, "address", "s", "1.2.3.4", "scope", "s", "");
    REFUSED(2, "address", "s", "1.2.3.4", "cgroup", "ai", 1, 1);
    REFUSED(2, "address", "s", "1.2.3.4", "cgroup", "ay", 3, 'a', 0, 'b'); /* a NUL inside */
    REFUSED(2, "address", "s", "1.2.3.4", "holders", "aa{ss}", 0);
    REFUSED(2, "address", "s", "1.2.3.4", "holders", "aa{sv}", 1, 1, "cmdline", "s", "x");
    REFUSED(3, "address", "s", "1.2.3.4", "holders", "aa{sv}", 0, "holders", "aa{sv}", 0);
}

Test(marshal, unknown_keys_are_passed_over) {
    sd_bus_message *message = message_new();
    BusView view;

    cr_assert_eq(bus_view_init(&view), 0);
    cr_assert_geq(sd_bus_message_append(message, "a{sv}", 3, "new", "a(su)", 1, "x", 1, "address",
                                        "s", "1.2.3.4", "cgroup", "s", "/a"),
                  0);
    cr_assert_eq(message_turn(message), 0);
    cr_assert_eq(unmarshal_listener(message, &view), 0);
    cr_assert_str_eq(view.snapshot->listeners->owner->cgroup, "/a");
    cr_assert_null(view.snapshot->listeners->verdict.rule);
    bus_view_done(&view);
    sd_bus_message_unref(message);
}

static int read_links(const char *first, uint32_t a, uint32_t b) {
    sd_bus_message *message = message_new();
    BusView view;

    cr_assert_eq(bus_view_init(&view), 0);
    cr_assert_geq(sd_bus_message_append(message, "a{sv}", 1, "links", "aa{sv}", 2, 2, "index", "u",
                                        a, "name", "s", first, 1, "index", "u", b),
                  0);
    cr_assert_eq(message_turn(message), 0);
    int r = unmarshal_machine(message, &view);
    bus_view_done(&view);
    sd_bus_message_unref(message);
    return r;
}

Test(marshal, links_are_sorted_and_named_within_bounds) {
    cr_assert_eq(read_links("eth0", 1, 2), 0);
    cr_assert_eq(read_links("fifteen-letters", 1, 2), 0);
    cr_assert_eq(read_links("sixteen--letters", 1, 2), -EBADMSG);
    cr_assert_eq(read_links("eth0", 2, 1), -EBADMSG);
    cr_assert_eq(read_links("eth0", 1, 1), -EBADMSG);
    cr_assert_eq(read_links("eth0", 0, 1), -EBADMSG);
}

Test(marshal, status_and_rules) {
    char *files[] = {(char *)"/etc/a.rules", (char *)"/etc/\xff", NULL};
    const BusStatus status = {
        .since = 5,
        .sources = {{"socket events", true, "at once"},
                    {"closed UDP sockets", false, "polled", "nobody may"}},
        .n_sources = 2,
        .n_rules = 9,
        .policy_files = files,
        .n_flagged = 4,
    };
    DictWriter writer = {.message = message_new()};
    BusStatusRead read;
    BusRule back;

    marshal_status(&writer, &status);
    marshal_rule(&writer, &rule, 17);
    cr_assert_eq(writer.error, 0);
    cr_assert_eq(message_turn(writer.message), 0);
    cr_assert_eq(unmarshal_status(writer.message, &read), 0);
    cr_assert_eq(unmarshal_rule(writer.message, &back), 0);
    cr_assert_str_eq(read.version, PACKAGE_VERSION);
    cr_assert_eq(read.status.n_sources, 2);
    cr_assert(read.status.sources[0].works);
    cr_assert_null(read.status.sources[0].why);
    cr_assert_str_eq(read.status.sources[1].words, "polled");
    cr_assert_str_eq(read.status.sources[1].why, "nobody may");
    cr_assert_str_eq(read.status.policy_files[1], "/etc/\xff");
    cr_assert_null(read.status.policy_differs);
    cr_assert_eq(read.status.n_rules, 9);
    cr_assert_eq(back.hits, 17);
    cr_assert_eq(back.info.severity, SEVERITY_ERROR);
    bus_status_done(&read);
    bus_rule_done(&back);
    sd_bus_message_unref(writer.message);
}
