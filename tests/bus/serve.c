/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server on the bus for the tests of its clients: the socket `bus` below a directory, or the
 * system bus, and behind it a made-up machine.
 *
 *   serve DIR [COUNT [--system | --crowd]]
 *
 * Listener i of COUNT (default 3) is on port 3000 + i; its uid is 0, 1000, 1001, … in turn. In a
 * crowd all are on 3000, at loopback addresses and allowed, but for the last one, which is flagged
 * as critical at 0.0.0.0. What a
 * line on stdin says is done: `signal N` tells N times that the first was flagged, `stats` prints
 * the server's, `quit`.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "bus/server.h"
#include "util/cleanup.h"
#include "util/memory.h"

static Snapshot *machine;
static BusServer *server;
static usec_t snoozed[UINT16_MAX];
static const RuleInfo flag_rule = {
    .file = "/etc/sockaudit/sockaudit.rules",
    .line = 42,
    .text = "flag warning scope wildcard",
    .note = "made up",
    .action = ACTION_FLAG,
    .severity = SEVERITY_WARNING,
};
static const RuleInfo allow_rule = {
    .file = "/etc/sockaudit/sockaudit.rules",
    .line = 7,
    .text = "allow scope loopback",
    .action = ACTION_ALLOW,
};
static const RuleInfo default_rule = {.text = "set default flag warning", .action = ACTION_FLAG};

/* --- the machine --------------------------------------------------------------------------------
 */

static void must(bool good, const char *what) {
    if (good)
        return;
    perror(what);
    exit(99);
}

static LinkTable *make_links(void) {
    static const Link links[] = {
        {.index = 1, .name = "lo", .kind = LINK_LOOPBACK, .up = true},
        {.index = 2, .name = "eth0", .kind = LINK_PHYSICAL, .up = true, .default_route = true},
    };
    static const char *const addresses[] = {"127.0.0.1", "192.168.1.20"};
    LinkTable *table = calloc(1, sizeof(*table));
    must(table, "links");
    table->links = calloc(2, sizeof(*table->links));
    table->addresses = calloc(2, sizeof(*table->addresses));
    must(table->links && table->addresses, "links");
    memcpy(table->links, links, sizeof(links));
    table->n_links = table->n_addresses = 2;
    for (uint32_t i = 0; i < 2; i++) {
        table->addresses[i] = (LinkAddress){.index = i + 1, .prefix_length = 24};
        must(address_parse(addresses[i], &table->addresses[i].address) == 0, "address");
    }
    return table;
}

static Owner *make_owner(uint32_t uid, size_t i) {
    Owner *owner = owner_new();
    must(owner, "owner");
    owner->attribution = ATTRIBUTION_FULL;
    owner->complete = true;
    owner->cgroup = strdup("/user.slice/a\xff");
    owner->holders = calloc(1, sizeof(*owner->holders));
    owner->n_holders = owner->n_holders_seen = 1;
    owner->holders[0] = (Holder){
        .pid = (pid_t)(4000 + i),
        .fd = 3,
        .uid = uid,
        .comm = strdup("node"),
        .exe = strdup("/usr/bin/secret-exe"),
        .exe_state = EXE_VERIFIED,
        .cmdline = calloc(3, sizeof(char *)),
        .cwd = strdup("/home/secret-cwd"),
    };
    owner->holders[0].cmdline[0] = strdup("node");
    owner->holders[0].cmdline[1] = strdup("secret-\xfe\n-argument");
    return owner;
}

/* One of those among which the last is to be lost. */
static void hide(Listener *listener, size_t i) {
    listener->endpoint.port = 3000;
    listener->endpoint.address.bytes[0] = 127;
    listener->endpoint.address.bytes[2] = (uint8_t)(i >> 8);
    listener->endpoint.address.bytes[3] = (uint8_t)i;
}

static void make_machine(size_t count, bool crowd) {
    machine = snapshot_new();
    must(machine, "snapshot");
    machine->links = make_links();
    machine->netns = (Netns){.inode = 4026531840, .host = true};
    for (size_t i = 0; i < count; i++) {
        uint32_t uid = i % 3 == 0 ? 0 : 999 + (uint32_t)(i % 3);
        Listener listener = {
            .endpoint = {.proto = PROTO_TCP, .port = (uint16_t)(3000 + i)},
            .uid = uid,
            .cookie = i + 1,
            .inode = (uint32_t)i + 1,
        };
        listener.endpoint.address.family = AF_INET;
        bool hides = crowd && i < count - 1;
        if (hides)
            hide(&listener, i);
        else if (crowd)
            listener.endpoint.port = 3000;
        must(snapshot_add(machine, &listener) >= 0, "listener");
        Listener *added = &machine->listeners[i];
        added->scope = hides ? SCOPE_LOOPBACK : SCOPE_WILDCARD;
        added->owner = make_owner(uid, i);
        added->verdict =
            (Verdict){ACTION_FLAG, crowd ? SEVERITY_CRITICAL : SEVERITY_WARNING, &flag_rule, false};
        if (hides)
            added->verdict = (Verdict){ACTION_ALLOW, 0, &allow_rule, false};
        added->advice = strdup("start secret-advice with --host 127.0.0.1");
    }
}

static BusListener bus_listener(size_t i) {
    return (BusListener){
        .listener = &machine->listeners[i],
        .netns = machine->netns,
        .key = i + 1,
        .standing = {.first_seen = UINT64_C(1795000000000000),
                     .age = 60 * USEC_PER_SEC,
                     .flagged = true,
                     .snoozed = snoozed[i % UINT16_MAX] > 0,
                     .snoozed_for = snoozed[i % UINT16_MAX]},
    };
}

/* --- handlers -----------------------------------------------------------------------------------
 */

static int do_status(void *userdata, BusStatus *ret) {
    static char *files[] = {(char *)"/etc/sockaudit/sockaudit.rules", NULL};
    (void)userdata;
    *ret = (BusStatus){
        .since = UINT64_C(1795000000000000),
        .sources = {{"socket events", true, "alerts come within milliseconds"},
                    {"closed UDP sockets", false, "polled every second", "made\033up"}},
        .n_sources = 2,
        .policy_generation = 1,
        .policy_loaded = UINT64_C(1795000000000000),
        .n_rules = 1,
        .policy_files = files,
        .n_listeners = machine->n_listeners,
        .n_flagged = machine->n_listeners,
    };
    return 0;
}

static int do_machine(void *userdata, BusMachine *ret) {
    (void)userdata;
    *ret = (BusMachine){.netns = machine->netns, .links = machine->links, .links_generation = 7};
    return 0;
}

static int do_list(void *userdata, BusSelection selection, uint64_t *cursor, BusSink *sink) {
    (void)userdata;
    for (uint64_t i = *cursor, looked = 0; i < machine->n_listeners; i++, looked++) {
        *cursor = i;
        if (looked == BUS_LIST_WORK)
            return 0;
        BusListener listener = bus_listener(i);
        if (bus_selection_holds(selection, listener.listener->verdict.action) &&
            !bus_sink_listener(sink, &listener))
            return 0;
    }
    *cursor = 0;
    return 0;
}

static int do_find(void *userdata, const char *id, uint16_t port, uint64_t *cursor, BusSink *sink) {
    (void)userdata;
    for (uint64_t i = *cursor, looked = 0; i < machine->n_listeners; i++, looked++) {
        BusListener listener = bus_listener(i);
        char its[LISTENER_ID_SIZE];
        listener_id(listener.listener, &listener.netns, its);
        *cursor = i;
        if (looked == BUS_LIST_WORK)
            return 0;
        if (id ? strcmp(id, its) == 0 : listener.listener->endpoint.port == port)
            if (!bus_sink_listener(sink, &listener))
                return 0;
    }
    *cursor = 0;
    return 0;
}

static int do_rules(void *userdata, uint64_t *cursor, BusSink *sink) {
    (void)userdata;
    if (*cursor == 0 && !bus_sink_rule(sink, &flag_rule, 17))
        return 0;
    *cursor = bus_sink_rule(sink, &default_rule, 3) ? 0 : 1;
    return 0;
}

/* The first time it succeeds. */
static int do_reload(void *userdata, char **ret_text) {
    static unsigned n;
    (void)userdata;
    *ret_text = strdup(n++ == 0 ? "a warning\n" : "x.rules:1:1: error: no\n  bad line\n  ^~~\n");
    return n == 1 ? 0 : -EBADMSG;
}

/* 700000 to 700999 are subordinate uids of 1000. */
static uid_t payer(void *userdata, uid_t uid) {
    (void)userdata;
    return uid / 1000 == 700 ? 1000 : uid;
}

static int do_snooze(void *userdata, const BusSnooze *snooze) {
    (void)userdata;
    if (snooze->span > USEC_PER_DAY)
        return -EDQUOT;
    snoozed[(snooze->key - 1) % UINT16_MAX] = snooze->span;
    return 0;
}

static int do_allow(void *userdata, const uint64_t *keys, size_t n_keys, usec_t until,
                    const char *note, BusAllowed *ret, char **ret_why) {
    (void)userdata, (void)ret_why;
    ret->file = strdup("/etc/sockaudit/rules.d/50-local.rules");
    ret->line = 7;
    if (asprintf(&ret->lines, "allow %zu from key %" PRIu64 " until %" PRIu64 " note \"%s\"\n",
                 n_keys, keys[0], until, note ?: "") < 0)
        return -ENOMEM;
    return 0;
}

/* For key 1 there is none. */
static int do_suggest(void *userdata, const uint64_t *keys, size_t n_keys, const Viewer *viewer,
                      char **ret_text) {
    (void)userdata;
    if (keys[0] == 1) {
        *ret_text = strdup("unknown process");
        return -ENODATA;
    }
    return asprintf(ret_text, "allow tcp port %zu user %u\n", n_keys, viewer->uid) < 0 ? -ENOMEM
                                                                                       : 0;
}

/* --- what stdin says ----------------------------------------------------------------------------
 */

static void send_signals(unsigned long count) {
    BusListener listener = bus_listener(0);
    BusChange change = {.signal = BUS_FLAGGED, .listener = &listener, .time = 1};
    for (unsigned long i = 0; i < count; i++)
        bus_server_tell(server, &change);
}

static void print_stats(void) {
    BusServerStats stats;
    bus_server_stats(server, &stats);
    printf("peers=%zu subscribed=%zu queued=%zu refused=%" PRIu64 " dropped=%" PRIu64
           " system=%d\n",
           stats.n_peers, stats.n_subscribed, stats.n_queued, stats.n_refused, stats.n_dropped,
           stats.on_system_bus);
    fflush(stdout);
}

static int on_stdin(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    static char line[256];
    static size_t length;
    (void)events, (void)userdata;

    ssize_t n = read(fd, line + length, sizeof(line) - 1 - length);
    if (n <= 0)
        return sd_event_exit(sd_event_source_get_event(source), 0);
    length += (size_t)n;
    for (char *end; (end = memchr(line, '\n', length));) {
        *end = '\0';
        if (strncmp(line, "signal ", 7) == 0)
            send_signals(strtoul(line + 7, NULL, 10));
        else if (strcmp(line, "stats") == 0)
            print_stats();
        else if (strcmp(line, "quit") == 0)
            return sd_event_exit(sd_event_source_get_event(source), 0);
        length -= (size_t)(end + 1 - line);
        memmove(line, end + 1, length);
    }
    return 0;
}

int main(int argc, char **argv) {
    sd_event *event = NULL;
    const BusHandlers handlers = {
        .payer = payer,
        .status = do_status,
        .machine = do_machine,
        .list = do_list,
        .find = do_find,
        .rules = do_rules,
        .reload = do_reload,
        .snooze = do_snooze,
        .allow = do_allow,
        .suggest = do_suggest,
    };

    must(argc >= 2, "serve DIR [COUNT [--system | --crowd]]");
    make_machine(argc > 2 ? strtoul(argv[2], NULL, 10) : 3,
                 argc > 3 && strcmp(argv[3], "--crowd") == 0);
    must(sd_event_new(&event) >= 0, "event");
    const BusConfig config = {
        .event = event,
        .runtime_dir = argv[1],
        .system_bus = argc > 3 && strcmp(argv[3], "--system") == 0,
        .reader_gid = 4, /* adm */
        .handlers = &handlers,
    };
    int r = bus_server_new(&config, &server);
    if (r < 0) {
        fprintf(stderr, "serve: %s\n", strerror(-r));
        snapshot_free(machine);
        sd_event_unref(event);
        return 1;
    }
    must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_stdin, NULL) >= 0, "stdin");
    puts("ready");
    fflush(stdout);
    sd_event_loop(event);
    bus_server_free(server);
    snapshot_free(machine);
    sd_event_unref(event);
    return 0;
}
