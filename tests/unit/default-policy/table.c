/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shipped policy, against a table of what people have: tests/fixtures/default-policy.table. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glob.h>

#include "model/reach.h"
#include "policy/advice/advice.h"
#include "policy/lint/lint.h"
#include "policy/policy.h"
#include "util/cleanup.h"
#include "util/memory.h"

#define RULES TOP_SRCDIR "/etc/sockaudit.rules"
#define TABLE TOP_SRCDIR "/tests/fixtures/default-policy.table"

/* The machine that the head of the table describes. */
static Link links[] = {
    {.index = 1, .name = "lo", .kind = LINK_LOOPBACK, .up = true},
    {.index = 2, .name = "wlan0", .kind = LINK_WIRELESS, .up = true, .default_route = true},
    {.index = 3, .name = "docker0", .kind = LINK_BRIDGE, .up = true},
    {.index = 4, .name = "virbr0", .kind = LINK_BRIDGE, .up = true},
    {.index = 5, .name = "tailscale0", .kind = LINK_TUN, .up = true},
    {.index = 6, .name = "wg0", .kind = LINK_WIREGUARD, .up = true},
};
static const struct {
    uint32_t index;
    const char *address;
} addresses[] = {
    {1, "127.0.0.1"},     {1, "::1"},        {2, "192.168.1.20"},
    {2, "2001:db8::20"},  {2, "fe80::20"},   {3, "172.17.0.1"},
    {4, "192.168.122.1"}, {5, "100.64.1.2"}, {6, "10.8.0.2"},
};
static LinkAddress link_addresses[ELEMENTS(addresses)];
static LinkTable table = {
    .links = links,
    .n_links = ELEMENTS(links),
    .addresses = link_addresses,
    .n_addresses = ELEMENTS(addresses),
};

static Policy *policy;

/* Every path is a file of its own, which the hash of its name stands for. */
static int identity_of(void *userdata, const char *path, FileId *ret) {
    ino_t hash = 5381;
    (void)userdata;
    for (; *path; path++)
        hash = hash * 33 + (unsigned char)*path;
    *ret = (FileId){.device = 1, .inode = hash};
    return 0;
}

static int in_no_group(void *userdata, uid_t uid, gid_t gid) {
    (void)userdata, (void)uid, (void)gid;
    return false;
}

static AdviceTable *advice;

static JudgeContext context = {
    .links = &table,
    .netns = {.inode = 1, .host = true},
    .now = 1800000000 * USEC_PER_SEC,
    .ephemeral_first = 32768,
    .ephemeral_last = 60999,
    .file_identity = identity_of,
    .user_in_group = in_no_group,
};

static char *read_text(const char *path, size_t *ret_length) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    cr_assert_not_null(file, "%s", path);
    ssize_t length = getdelim(&text, &size, '\0', file);
    fclose(file);
    cr_assert_gt(length, 0);
    *ret_length = (size_t)length;
    return text;
}

static void read_advice(void) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    glob_t files;

    cr_assert_eq(glob(TOP_SRCDIR "/data/advice.d/*.advice", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        size_t length;
        _cleanup_free_ char *text = read_text(files.gl_pathv[i], &length);
        cr_assert_eq(advice_parse(&advice, files.gl_pathv[i], text, length, diagnostics), 0);
    }
    globfree(&files);
    context.advice = advice;
}

static void setup(void) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();

    read_advice();

    for (size_t i = 0; i < ELEMENTS(addresses); i++) {
        link_addresses[i].index = addresses[i].index;
        cr_assert_eq(address_parse(addresses[i].address, &link_addresses[i].address), 0);
        link_addresses[i].prefix_length = link_addresses[i].address.family == AF_INET ? 24 : 64;
    }
    size_t length;
    /* Read as text: the tree may be anybody's, and its files writable by a group. */
    _cleanup_free_ char *text = read_text(RULES, &length);
    int r = policy_parse("sockaudit.rules", text, length, diagnostics, &policy);
    diagnostics_print(diagnostics, stderr);
    cr_assert_eq(r, 0, "%s", strerror(-r));
    cr_assert_eq(diagnostics->n_warnings, 0);
}

static void teardown(void) {
    policy_free(policy);
    advice_free(advice);
}

TestSuite(default_policy, .init = setup, .fini = teardown);

/* `tcp 0.0.0.0%lo 53` */
static void parse_where(char *text, Listener *listener) {
    char *state = NULL;
    char *proto = strtok_r(text, " ", &state);
    char *address = strtok_r(NULL, " ", &state);
    char *port = strtok_r(NULL, " ", &state);

    cr_assert(proto && address && port);
    char *device = strchr(address, '%');
    if (device) {
        *device++ = '\0';
        const Link *link = link_table_find_name(&table, device);
        cr_assert_not_null(link, "%s", device);
        listener->endpoint.ifindex = link->index;
    }
    cr_assert_eq(proto_parse(proto, &listener->endpoint.proto), 0, "%s", proto);
    cr_assert_eq(address_parse(address, &listener->endpoint.address), 0, "%s", address);
    listener->endpoint.port = (uint16_t)atoi(port);
    listener->scope = endpoint_scope(&listener->endpoint, &table);
}

/* Words with blanks between; behind a `=` one string, as of a process that wrote a title. */
static char **words_of(const char *command) {
    char **words = calloc(strlen(command) / 2 + 3, sizeof(char *));
    size_t count = 0;

    cr_assert_not_null(words);
    if (*command == '=') {
        words[0] = strdup(command + 1);
        return words;
    }
    while (*(command += strspn(command, " "))) {
        size_t length = strcspn(command, " ");
        words[count++] = strndup(command, length);
        command += length;
    }
    return words;
}

static void add_holder(Owner *owner, const char *exe, uid_t uid, const char *command) {
    owner->holders = calloc(1, sizeof(Holder));
    cr_assert_not_null(owner->holders);
    owner->holders[0] = (Holder){.pid = 1000, .uid = uid, .exe = strdup(exe)};
    owner->holders[0].exe_state = EXE_VERIFIED;
    owner->holders[0].cmdline = words_of(command ?: exe);
    const char *slash = strrchr(exe, '/');
    cr_assert_not_null(slash, "%s", exe);
    owner->holders[0].comm = strdup(slash + 1);
    identity_of(NULL, exe, &owner->holders[0].exe_id);
    owner->n_holders = owner->n_holders_seen = 1;
    owner->complete = true;
    owner->attribution = ATTRIBUTION_FULL;
}

static void parse_who(char *text, const char *command, Listener *listener) {
    Owner *owner = listener->owner;
    const char *exe = NULL;
    char *state = NULL;

    listener->uid = 1000;
    for (char *word = strtok_r(text, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        if (strcmp(word, "uid") == 0)
            listener->uid = (uint32_t)atoi(value);
        else if (strcmp(word, "unit") == 0)
            owner->unit = strdup(value);
        else if (strcmp(word, "user-unit") == 0)
            owner->user_unit = strdup(value);
        else if (strcmp(word, "exe") == 0)
            exe = value;
        else if (strcmp(word, "container") == 0 && strcmp(value, "docker") == 0)
            owner->runtime = RUNTIME_DOCKER;
        else if (strcmp(word, "forward") == 0)
            listener->origin = ORIGIN_FORWARD;
        else
            cr_assert_str_eq(word, "-");
    }
    if (exe)
        add_holder(owner, exe, listener->uid, command);
}

static const char *verdict_of(const Listener *listener, const RuleInfo **ret_rule) {
    Verdict verdict;

    policy_judge(policy, &context, listener, &verdict);
    cr_assert_not_null(verdict.rule);
    *ret_rule = verdict.rule;
    return verdict.action == ACTION_FLAG ? severity_name(verdict.severity)
                                         : action_name(verdict.action);
}

static void check_line(char *line, int number) {
    Listener listener = {.n_sockets = 1, .cookie = 1, .owner = owner_new()};
    _cleanup_free_ char *copy = strdup(line);
    char *rest = line;
    char *expected = strsep(&rest, "|"), *where = strsep(&rest, "|");
    char *who = strsep(&rest, "|"), *command = rest;
    const RuleInfo *rule;

    cr_assert(expected && where && who, "line %d", number);
    expected[strcspn(expected, " ")] = '\0';
    who[strcspn(who, "\n")] = '\0';
    if (command)
        command[strcspn(command, "\n")] = '\0';
    parse_where(where, &listener);
    parse_who(who, command ? command + strspn(command, " ") : NULL, &listener);
    const char *verdict = verdict_of(&listener, &rule);
    cr_expect_str_eq(verdict, expected, "line %d: %sgives %s by line %u: %s", number, copy, verdict,
                     rule->line, rule->text);
    /* A program that asks for MPTCP, as those in Go do, is the same server. */
    if (listener.endpoint.proto == PROTO_TCP) {
        listener.endpoint.proto = PROTO_MPTCP;
        verdict = verdict_of(&listener, &rule);
        cr_expect_str_eq(verdict, expected, "line %d, MPTCP: %sgives %s by line %u: %s", number,
                         copy, verdict, rule->line, rule->text);
    }
    owner_unref(listener.owner);
}

Test(default_policy, says_what_the_table_says) {
    FILE *file = fopen(TABLE, "re");
    char *line = NULL;
    size_t size = 0;
    int number = 0, checked = 0;

    cr_assert_not_null(file);
    while (getline(&line, &size, file) > 0) {
        number++;
        if (*line == '#' || *line == '\n')
            continue;
        check_line(line, number);
        checked++;
    }
    free(line);
    fclose(file);
    cr_assert_geq(checked, 120, "the table has %d lines", checked);
}

/* A rule that nothing of the machine can decide costs a search of all processes: it has to name a
 * port first, so that the search is made for that port's listeners alone. */
Test(default_policy, looks_at_files_only_for_known_ports) {
    for (size_t i = 0; i < policy_n_rules(policy); i++) {
        const RuleInfo *rule = policy_rule(policy, i);
        if (strstr(rule->text, " exe "))
            cr_expect_not_null(strstr(rule->text, " port "), "line %u: %s", rule->line, rule->text);
    }
}

static int no_unit(void *userdata, const char *unit) {
    (void)userdata, (void)unit;
    return -ENOTSUP;
}

/* Nothing shadowed, nothing unused, nothing expired: whatever the machine has installed. */
Test(default_policy, lints_clean) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    LintContext lint = {.now = context.now, .unit_exists = no_unit, .advice = advice};

    cr_assert_eq(policy_lint(policy, &lint, diagnostics), 0);
    diagnostics_print(diagnostics, stderr);
    cr_expect_eq(diagnostics->n_warnings, 0);
}
