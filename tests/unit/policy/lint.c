/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/lint/lint.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "world.h"

static int unit_exists(void *userdata, const char *unit) {
    (void)userdata;
    return strcmp(unit, "ssh.service") == 0 ? 1 : strcmp(unit, "who-knows.service") == 0 ? -EIO : 0;
}

static int path_is_safe(void *userdata, const char *path, char **ret_place) {
    (void)userdata;
    if (strncmp(path, "/missing", 8) == 0)
        return -ENOENT;
    if (strncmp(path, "/home/alice", 11) == 0) {
        *ret_place = strdup(strcmp(path, "/home/alice/x") == 0 ? path : "/home/alice");
        return -EPERM;
    }
    return 0;
}

static const char *vendor;

static char *lint(const char *text) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;
    World world;
    char *told = NULL;
    size_t length;

    setenv("TZ", "UTC", 1);
    world_init(&world);
    cr_assert_eq(policy_parse("x", text, strlen(text), diagnostics, &policy), 0, "%s", text);
    static const char advice[] = "[Vite]\nexe = vite\nadvice = x\n";
    _cleanup_advice_ AdviceTable *table = NULL;
    cr_assert_eq(advice_parse(&table, "x", advice, strlen(advice), diagnostics), 0);
    LintContext context = {.now = WORLD_NOW,
                           .advice = table,
                           .vendor = vendor,
                           .links = &world.table,
                           .unit_exists = unit_exists,
                           .path_is_safe = path_is_safe};
    cr_assert_eq(policy_lint(policy, &context, diagnostics), 0);
    FILE *out = open_memstream(&told, &length);
    for (size_t i = 0; i < diagnostics->n_items; i++)
        fprintf(out, "%u:%u: %s\n", diagnostics->items[i].line, diagnostics->items[i].column,
                diagnostics->items[i].message);
    fclose(out);
    return told;
}

static void expect_lint(const char *text, const char *expected) {
    _cleanup_free_ char *told = lint(text);
    cr_expect_str_eq(told, expected, "%s: %s", text, told);
}

Test(lint, tools_without_a_section) {
    expect_lint("flag tool Vite", "");
    expect_lint("flag tool Vitte, Vite", "");
    expect_lint("flag tool V*", "");
    expect_lint("flag tool Vitte", "1:11: no section of the advice files is named `Vitte`\n");
    expect_lint("flag tool Vitte, \"N o\"", "1:6: none of these tools exists here\n");
}

Test(lint, what_does_not_exist) {
    expect_lint("allow user no-such-user-here",
                "1:12: no user is named `no-such-user-here` here: this matches no one\n");
    expect_lint("allow group no-such-group-here",
                "1:13: no group is named `no-such-group-here` here: this matches no one\n");
    expect_lint("allow interface eth7", "1:17: no interface is named `eth7` at the moment\n");
    expect_lint("allow unit sshd.service", "1:12: no unit is named `sshd.service` here\n");
    expect_lint("allow exe /missing/b", "1:11: `/missing/b` does not exist here\n");
    expect_lint("allow exe /missing/*/c", "1:11: `/missing` does not exist here\n");
}

Test(lint, of_alternatives_one_must_exist) {
    expect_lint("allow user root, no-such-user-here", "");
    expect_lint("allow interface eth0, eth7", "");
    expect_lint("allow interface eth7, wl*", "");
    expect_lint("allow unit ssh.service, sshd.service", "");
    expect_lint("allow unit sshd.service, who-knows.service", "");
    expect_lint("allow unit sshd.service, x*", "");
    expect_lint("allow exe /missing/b, /usr/bin/a", "");
    expect_lint("allow user no-such-user-here, nor-this", "1:7: none of these users exists here\n");
    expect_lint("allow not group no-such-group-here, nor-this",
                "1:7: none of these groups exists here\n");
    expect_lint("allow interface eth7, eth8", "1:7: none of these interfaces exists here\n");
    expect_lint("allow unit sshd.service, y.service", "1:7: none of these units exists here\n");
    expect_lint("allow exe /missing/b, /missing/*/c", "1:7: none of these files exists here\n");
}

Test(lint, packages_may_name_what_is_not_installed) {
    vendor = "x";
    expect_lint("allow unit sshd.service", "");
    expect_lint("allow exe /missing/b, /home/alice/x",
                "1:23: users other than root can write `/home/alice/x`, and so use this rule\n");
    vendor = "xy";
    expect_lint("allow unit sshd.service", "1:12: no unit is named `sshd.service` here\n");
}

Test(lint, who_can_write) {
    expect_lint("allow exe /home/alice/x",
                "1:11: users other than root can write `/home/alice/x`, and so use this rule\n");
    expect_lint(
        "allow exe /home/alice/y/*",
        "1:11: users other than root can write `/home/alice`, and so replace `/home/alice/y`\n");
}

Test(lint, lets_and_times) {
    expect_lint("let a = 1\nlet b = $a\nallow port 2", "2:5: `b` is never used\n");
    expect_lint("allow port 1 until 2026-01-01",
                "1:20: the rule has expired: it matches nothing now\n");
}

#define SHADOWED "2:1: never decides: the rule in line 1 matches all that it does\n"

Test(lint, shadowed) {
    static const char *const texts[] = {
        "allow\nflag tcp port 1",
        "allow tcp\nflag tcp port 1",
        "allow port 1-10, 11-20\nflag port 5-15, 20",
        "allow bind 10.0.0.0/8\nflag bind 10.1.0.0/16, 10.2.3.4",
        "allow bind 0.0.0.0/0\nflag bind 0.0.0.0",
        "allow scope wildcard, vpn\nflag scope vpn port 2",
        "allow interface e*\nflag interface eth0",
        "allow user root\nflag user root port 9",
        "allow exe /usr/bin/a, /usr/bin/b\nflag exe /usr/bin/b",
        "allow exe /usr/*/a\nflag exe /usr/*/a port 1",
        "allow unit s*.service\nflag unit ssh.service",
        "allow container any\nflag container docker",
        "allow age 5s\nflag age 10s",
        "allow target 10.0.0.5\nflag target 10.0.0.5:80",
        "allow target 10.0.0.5:80, 10.0.0.6\nflag target 10.0.0.5:80",
        "allow not port 1\nflag not port 1, 2",
        "flag not exe /usr/bin/a\nallow not exe /usr/bin/a",
        "allow port 1 until 2027-01-01\nflag port 1 until 2026-12-01",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        expect_lint(texts[i], SHADOWED);
}

/* A claim that is not certain must not be made. */
Test(lint, not_shadowed) {
    static const char *const texts[] = {
        "allow tcp\nflag udp",
        "allow tcp port 1\nflag tcp",
        "allow port 1-10, 12-20\nflag port 5-15",
        "allow bind 10.0.0.0/8\nflag bind 0.0.0.0/0",
        "allow bind 0.0.0.0\nflag bind 0.0.0.0/0",
        "allow exe /usr/*/a\nflag exe /usr/bin/a", /* a link: the file has another name, too */
        "allow not port 1, 2\nflag not port 1",
        "allow not exe /usr/bin/a\nflag not exe /usr/bin/a", /* the later takes unknown ones */
        "allow port 1 until 2026-12-01\nflag port 1",
        "allow port 1 until 2026-01-01\nflag port 1 user root",
        "allow age 10s\nflag age 5s",
        "allow target 10.0.0.5:80\nflag target 10.0.0.5",
        "allow target 10.0.0.5:80\nflag target 10.0.0.5:81",
        "allow target 10.0.0.5\nflag target fd00::5",
        "allow not target 10.0.0.5\nflag not target 10.0.0.5", /* the later takes unknown ones */
        "allow container docker\nflag container any",
        "allow user root\nflag not user root",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        _cleanup_free_ char *told = lint(texts[i]);
        cr_expect(!strstr(told, "never decides"), "%s: %s", texts[i], told);
    }
}
