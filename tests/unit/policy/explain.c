/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `explain` says, filters, and when a verdict may change. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "world.h"

static Policy *parse(const char *text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy = NULL;
    setenv("TZ", "UTC", 1);
    int r = policy_parse("x.rules", text, strlen(text), diagnostics, &policy);
    if (r < 0)
        diagnostics_print(diagnostics, stderr);
    cr_assert_eq(r, 0);
    return policy;
}

static int write_step(void *userdata, const TraceStep *step) {
    fprintf(userdata, "%s", step->rule->text);
    if (step->failed)
        fprintf(userdata, " | %s | %s", step->failed, step->why);
    fprintf(userdata, "%s\n", step->decides ? " | decides" : "");
    return 0;
}

/* One rule that fails for the listener, and why. */
static void expect_why(const char *rule, const char *listener, const char *failed,
                       const char *why) {
    _cleanup_policy_ Policy *policy = parse(rule);
    _cleanup_free_ char *told = NULL, *expected = NULL;
    size_t length;
    World world;

    world_init(&world);
    cr_assert(world_set_listener(&world, listener), "%s", listener);
    FILE *out = open_memstream(&told, &length);
    policy_explain(policy, &world.context, &world.listener, write_step, out);
    fclose(out);
    cr_assert(asprintf(&expected, "%s | %s | %s\nset default flag warning | decides\n", rule,
                       failed, why) > 0);
    cr_expect_str_eq(told, expected, "expected\n%sbut was told\n%s", expected, told);
    world_done(&world);
}

Test(explain, runs_of_blanks_are_one_outside_of_strings) {
    _cleanup_policy_ Policy *policy = parse("allow   tcp\t port 1,   2 \\\n"
                                            "    note  \"two  \\\" blanks\"  id   x   # three\n");
    cr_expect_str_eq(policy_rule(policy, 0)->text,
                     "allow tcp port 1, 2 note \"two  \\\" blanks\" id x");
}

Test(explain, each_key) {
    expect_why("allow tcp", "udp 0.0.0.0:1", "tcp", "it is udp");
    expect_why("allow port 2, 3", "tcp 0.0.0.0:1", "port 2, 3", "its port is 1");
    expect_why("allow bind 10.0.0.0/8", "tcp [::]:1", "bind 10.0.0.0/8", "it is bound to ::");
    expect_why("allow scope vpn", "tcp 0.0.0.0:1", "scope vpn", "its scope is wildcard");
    expect_why("allow interface tun0", "tcp 10.9.8.7:1", "interface tun0",
               "it can be reached through wlan0");
    expect_why("allow interface tun0", "tcp 10.9.8.9:1", "interface tun0",
               "no interface reaches it");
    expect_why("allow interface tun0", "tcp 10.9.8.9:1 no-links", "interface tun0",
               "the interfaces are not known");
    expect_why("allow user root", "tcp 0.0.0.0:1 uid=1", "user root",
               "it belongs to daemon (uid 1)");
    expect_why("allow user root", "tcp 0.0.0.0:1 uid=54321", "user root",
               "it belongs to uid 54321");
    expect_why("allow user root", "tcp 0.0.0.0:1 assumed-user=zoe", "user root",
               "it belongs to zoe (no such user)");
    expect_why("allow group 0", "tcp 0.0.0.0:1 uid=1", "group 0", "daemon (uid 1) is not in it");
    expect_why("allow not group 1", "tcp 0.0.0.0:1 uid=1", "not group 1",
               "daemon (uid 1) is in it");
    expect_why("allow unit a.service", "tcp 0.0.0.0:1 unit=b.service", "unit a.service",
               "it belongs to b.service");
    expect_why("allow unit a.service", "tcp 0.0.0.0:1 cgroup=/x", "unit a.service",
               "it belongs to no system unit");
    expect_why("allow user-unit a.service", "tcp 0.0.0.0:1", "user-unit a.service",
               "its user unit is not known");
    expect_why("allow container none", "tcp 0.0.0.0:1 container=docker:0123456789abcdef:web",
               "container none", "it belongs to docker container web 0123456789ab");
    expect_why("allow container db", "tcp 0.0.0.0:1 container=docker:0123456789abcdef",
               "container db",
               "it belongs to docker container 0123456789ab, whose name is not known");
    expect_why("allow container any", "tcp 0.0.0.0:1 cgroup=/x", "container any",
               "it belongs to no container");
    expect_why("allow container any", "tcp 0.0.0.0:1", "container any",
               "its container is not known");
    expect_why("allow netns other", "tcp 0.0.0.0:1", "netns other",
               "it is in the host's network namespace");
    expect_why("allow netns host", "tcp 0.0.0.0:1 netns=unknown", "netns host",
               "its network namespace is not known");
    expect_why("allow origin forward", "tcp 0.0.0.0:1", "origin forward", "it is a socket");
    expect_why("allow target 10.0.0.5", "tcp 0.0.0.0:1", "target 10.0.0.5",
               "it is a socket, and the key matches only forwards");
    expect_why("allow target 10.0.0.5", "tcp 0.0.0.0:1 forward", "target 10.0.0.5",
               "it has several targets, or its target is unknown");
    expect_why("allow target 10.0.0.5:80", "tcp 0.0.0.0:1 target=10.0.0.5:81", "target 10.0.0.5:80",
               "its target is 10.0.0.5:81");
    expect_why("allow target 10.0.0.5", "tcp 0.0.0.0:1 target=self:81", "target 10.0.0.5",
               "its target is port 81 of this host");
    expect_why("allow target 10.0.0.5:80", "tcp 0.0.0.0:1 target=[fd00::5]:80",
               "target 10.0.0.5:80", "its target is [fd00::5]:80");
    expect_why("flag tool Vite", "tcp 0.0.0.0:1 exe=/usr/bin/x", "tool Vite",
               "it is not recognised as a tool");
    expect_why("flag tool Vite", "tcp 0.0.0.0:1 tool=Redis", "tool Vite",
               "it is recognised as Redis");
    expect_why("flag tool Vite", "tcp 0.0.0.0:1 incomplete", "tool Vite", "its process is unknown");
    expect_why("allow age 30s", "tcp 0.0.0.0:1", "age 30s", "its age is not known");
    expect_why("allow age 30s", "tcp 0.0.0.0:1 age=12s", "age 30s", "it is 12s old");
    expect_why("allow ephemeral yes", "tcp 0.0.0.0:1", "ephemeral yes",
               "it is tcp, and the key matches only UDP");
    expect_why("allow ephemeral yes", "udp 0.0.0.0:1", "ephemeral yes",
               "its port 1 is outside 32768-60999");
    expect_why("allow until 2026-01-01", "tcp 0.0.0.0:1", "until 2026-01-01", "it expired then");
}

Test(explain, exe) {
    expect_why("allow exe /usr/bin/node", "tcp 0.0.0.0:1 exe=/tmp/node", "exe /usr/bin/node",
               "pid 12 runs /tmp/node");
    expect_why("allow exe /usr/bin/node", "tcp 0.0.0.0:1 exe=/usr/bin/node exe=/tmp/n\033x",
               "exe /usr/bin/node", "pid 13 runs /tmp/n\\x1bx");
    expect_why("allow exe /usr/bin/node", "tcp 0.0.0.0:1", "exe /usr/bin/node",
               "its process is unknown");
    expect_why("allow exe /usr/bin/node", "tcp 0.0.0.0:1 unreadable", "exe /usr/bin/node",
               "the program of pid 12 is unknown");
    expect_why("allow exe /usr/bin/node", "tcp 0.0.0.0:1 other=/usr/bin/node", "exe /usr/bin/node",
               "pid 12 runs a file that is not /usr/bin/node here (deleted, replaced or in a "
               "mount namespace)");
    expect_why(
        "allow exe /usr/bin/node", "tcp 0.0.0.0:1 replaced=/usr/bin/node", "exe /usr/bin/node",
        "pid 12 runs a version of /usr/bin/node that was replaced or removed since; restart it");
    expect_why("allow exe /usr/bin/node", "tcp 0.0.0.0:1 exe=/usr/bin/node many",
               "exe /usr/bin/node", "2 processes have the socket, too many to check each");
}

Test(explain, the_first_failed_as_written) {
    expect_why("allow exe /a/b port 9 user root", "tcp 0.0.0.0:1 uid=1 exe=/a/c", "exe /a/b",
               "pid 12 runs /a/c");
}

static int stop_at_once(void *userdata, const TraceStep *step) {
    (void)step;
    ++*(int *)userdata;
    return 42;
}

Test(explain, ends_at_the_decider_or_when_told) {
    _cleanup_policy_ Policy *policy = parse("allow udp\nflag tcp\nallow\n");
    _cleanup_free_ char *told = NULL;
    size_t length;
    World world;
    int n_steps = 0;

    world_init(&world);
    world_set_listener(&world, "tcp 0.0.0.0:1");
    FILE *out = open_memstream(&told, &length);
    cr_expect_eq(policy_explain(policy, &world.context, &world.listener, write_step, out), 0);
    fclose(out);
    cr_expect_str_eq(told, "allow udp | udp | it is tcp\nflag tcp | decides\n");
    cr_expect_eq(policy_explain(policy, &world.context, &world.listener, stop_at_once, &n_steps),
                 42);
    cr_expect_eq(n_steps, 1);
    world_done(&world);
}

Test(explain, next_change) {
    _cleanup_policy_ Policy *policy =
        parse("allow port 1 until 2026-11-20\nallow port 1 until 2026-11-22\n"
              "allow port 1 age 30s, 2h\n");
    cr_expect_eq(policy_next_until(policy, WORLD_NOW), WORLD_NOW + USEC_PER_DAY);
    cr_expect_eq(policy_next_until(policy, WORLD_NOW + 2 * USEC_PER_DAY), USEC_INFINITY);
    cr_expect_eq(policy_next_age(policy, 0), 30 * USEC_PER_SEC);
    cr_expect_eq(policy_next_age(policy, 60 * USEC_PER_SEC), 2 * USEC_PER_HOUR);
    cr_expect_eq(policy_next_age(policy, 2 * USEC_PER_HOUR), USEC_INFINITY);
}

/* What filter_parse() gives: 1 and 0 for whether it holds, or the diagnostics in *ret_told. */
static int filter(const char *text, const char *listener, char **ret_told) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_filter_ Filter *parsed = NULL;
    char copy[512], *words[32], *rest = copy;
    size_t n_words = 0, length;
    World world;

    snprintf(copy, sizeof(copy), "%s", text);
    for (char *word; (word = strsep(&rest, "_"));)
        words[n_words++] = word;
    int r = filter_parse(words, *text ? n_words : 0, diagnostics, &parsed);
    FILE *out = open_memstream(ret_told, &length);
    diagnostics_print(diagnostics, out);
    fclose(out);
    if (r < 0)
        return r;
    world_init(&world);
    cr_assert(world_set_listener(&world, listener));
    r = filter_matches(parsed, &world.context, &world.listener);
    world_done(&world);
    return r;
}

static void expect_filter(const char *text, int expected, const char *expected_told) {
    _cleanup_free_ char *told = NULL;
    cr_expect_eq(filter(text, "tcp 0.0.0.0:3000 uid=1", &told), expected, "%s: %s", text, told);
    cr_expect_str_eq(told, expected_told, "%s: %s", text, told);
}

Test(filter, matches_alone) {
    expect_filter("", 1, "");
    expect_filter("tcp_port_3000-3999_user_daemon", 1, "");
    expect_filter("tcp_port_3001,_3002", 0, "");
    expect_filter("not_unit_ssh.service", 1, ""); /* not known: shown */
    expect_filter("tcp_prot_1", -EBADMSG,
                  "error: `prot` is not a key or protocol: did you mean `port`?\n"
                  "  tcp prot 1\n      ^~~~\n");
    expect_filter("tcp_note_\"x\"", -EBADMSG,
                  "error: `note` has no place in a filter: it takes matches alone\n"
                  "  tcp note \"x\"\n      ^~~~\n");
    expect_filter("port_1_\nudp", -EBADMSG, "error: a filter is one line\n  udp\n  ^~~\n");
    expect_filter("port_$x", -EBADMSG,
                  "error: no `let` above in this file names `$x`\n  port $x\n       ^~\n");
    expect_filter("port_1,", -EBADMSG,
                  "error: an item is missing behind `,` (a `\\` as the last character continues a "
                  "line)\n  port 1,\n        ^\n");
}
