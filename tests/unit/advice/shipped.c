/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of data/advice.d, against a table of what people run: tests/fixtures/advice.table. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "policy/advice/advice_table.h"
#include "support.h"
#include "util/cleanup.h"

#define COLUMNS 5

static AdviceTable *shipped;

static void read_whole(const char *path, char **ret, size_t *ret_length) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    cr_assert_not_null(file, "%s", path);
    ssize_t length = getdelim(&text, &size, '\0', file);
    fclose(file);
    cr_assert_gt(length, 0, "%s", path);
    *ret = text;
    *ret_length = (size_t)length;
}

static void setup(void) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    glob_t files;

    cr_assert_eq(glob(TOP_SRCDIR "/data/advice.d/*.advice", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        _cleanup_free_ char *text = NULL;
        size_t length;
        read_whole(files.gl_pathv[i], &text, &length);
        cr_assert_eq(advice_parse(&shipped, files.gl_pathv[i], text, length, diagnostics), 0);
    }
    globfree(&files);
    diagnostics_print(diagnostics, stderr);
    cr_assert_eq(diagnostics->n_warnings, 0);
}

static void teardown(void) {
    advice_free(shipped);
}

TestSuite(advice_shipped, .init = setup, .fini = teardown);

/* `docker`, `docker=NAME`, `unit=NAME`, `user-unit=NAME`, `forward=PORT`, several with blanks
 * between, or `-`. */
static void apply_option(Sample *sample, const char *option) {
    if (strncmp(option, "user-unit=", 10) == 0) {
        sample->owner->user_unit = strdup(option + 10);
    } else if (strncmp(option, "unit=", 5) == 0) {
        sample->owner->unit = strdup(option + 5);
    } else if (strncmp(option, "forward=", 8) == 0) {
        sample->listener.origin = ORIGIN_FORWARD;
        sample->listener.forward_port = (uint16_t)atoi(option + 8);
    } else if (strcmp(option, "-") != 0) {
        size_t length = strcspn(option, "=");
        for (ContainerRuntime runtime = 0; runtime < RUNTIME_COUNT; runtime++)
            if (strncmp(container_runtime_name(runtime), option, length) == 0)
                sample->owner->runtime = runtime;
        cr_assert_neq(sample->owner->runtime, RUNTIME_NONE, "option %s", option);
        if (option[length])
            sample->owner->container_name = strdup(option + length + 1);
    }
}

static char *trimmed(char *text) {
    text += strspn(text, " ");
    for (size_t length = strlen(text); length > 0 && strchr(" \n", text[length - 1]);)
        text[--length] = '\0';
    return text;
}

/* One line: section | port | exe | owner | command line. */
static void check_line(char *line, int number) {
    _cleanup_(sample_done) Sample sample;
    char *columns[COLUMNS], *rest = line, *state = NULL;
    const char *section;

    for (int i = 0; i < COLUMNS; i++) {
        char *column = i < COLUMNS - 1 ? strsep(&rest, "|") : rest;
        cr_assert_not_null(column, "line %d: %d columns are needed", number, COLUMNS);
        columns[i] = trimmed(column);
    }
    sample_init(&sample, (uint16_t)atoi(columns[1]), strcmp(columns[2], "-") ? columns[2] : NULL,
                columns[4]);
    for (char *option = strtok_r(columns[3], " ", &state); option;
         option = strtok_r(NULL, " ", &state))
        apply_option(&sample, option);
    _cleanup_free_ char *advice = advice_of(shipped, &sample, &section);
    cr_expect_str_eq(section ? section : "-", columns[0], "line %d: %s gives [%s] %s", number,
                     columns[4], section, advice);
    if (!advice)
        return;
    cr_expect_null(strpbrk(advice, "\n\033"), "line %d: more than a line", number);
    for (size_t start, length, at = 0; at < strlen(advice); at = start + length) {
        Placeholder placeholder;
        if (!placeholder_next(advice, at, &start, &length, &placeholder))
            break;
        cr_expect_eq(placeholder, PLACEHOLDER_COUNT, "line %d: left open: %s", number, advice);
    }
}

Test(advice_shipped, what_people_run_gets_its_advice) {
    FILE *table = fopen(TOP_SRCDIR "/tests/fixtures/advice.table", "re");
    char *line = NULL;
    size_t size = 0;
    int number = 0, checked = 0;

    cr_assert_not_null(table);
    while (getline(&line, &size, table) > 0) {
        number++;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        check_line(line, number);
        checked++;
    }
    free(line);
    fclose(table);
    cr_assert_geq(checked, 100, "the table has %d lines", checked);
}

Test(advice_shipped, every_advice_names_something_to_type) {
    for (size_t i = 0; i < shipped->n_sections; i++) {
        const AdviceSection *section = &shipped->sections[i];
        cr_expect_lt(strlen(section->advice), 320, "[%s] is too long for a table", section->name);
        cr_expect_null(strstr(section->advice, "0.0.0.0 "), "[%s]", section->name);
    }
}

/*
 * Units whose restart or firewall ends a session, locks an administrator out or takes the machine's
 * names away: no advice may name them in a command, whatever process is found in them.
 */
static const char *const kept_units[] = {
    "user@1000.service",
    "user-runtime-dir@1000.service",
    "session-2.scope",
    "init.scope",
    "user-1000.slice",
    "ssh.service",
    "sshd.service",
    "ssh@3-192.168.1.20:22-192.168.1.9:50000.service",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "gdm.service",
    "gdm3.service",
    "sddm.service",
    "lightdm.service",
    "display-manager.service",
    "dbus.service",
    "dbus-broker.service",
    "polkit.service",
    "systemd-resolved.service",
    "systemd-networkd.service",
    "systemd-logind.service",
    "systemd-journald.service",
    "NetworkManager.service",
    "networking.service",
    "wpa_supplicant.service",
    "libvirtd.service",
    "virtqemud.service",
    "docker.service",
    "containerd.service",
    "libpod-0123456789ab.scope",
};

static void check_kept(const char *unit, const char *exe, uint16_t port) {
    static const char *const harmful[] = {"IPAddressDeny", "ListenAddress", "systemctl stop",
                                          "systemctl disable", "systemctl kill"};
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, port, exe, exe);
    sample.owner->unit = strdup(unit);
    _cleanup_free_ char *advice = advice_of(shipped, &sample, NULL);
    if (!advice)
        return;
    cr_expect_null(strstr(advice, unit), "%s, %s: %s", unit, exe, advice);
    for (size_t i = 0; i < sizeof(harmful) / sizeof(*harmful); i++)
        cr_expect_null(strstr(advice, harmful[i]), "%s, %s: %s", unit, exe, advice);
}

Test(advice_shipped, no_advice_stops_a_session_a_login_or_a_resolver) {
    static const char *const exes[] = {"/usr/bin/unknown-tool", "/usr/lib/systemd/systemd",
                                       "/usr/sbin/sshd", "/usr/bin/gjs"};

    for (size_t i = 0; i < sizeof(kept_units) / sizeof(*kept_units); i++)
        for (size_t j = 0; j < sizeof(exes) / sizeof(*exes); j++)
            for (size_t port = 0; port < 3; port++)
                check_kept(kept_units[i], exes[j], (const uint16_t[]){22, 2222, 5355}[port]);
}

/* Listeners of every kind: known, unknown, forwarded, the kernel's, by each protocol and owner.
 */
Test(advice_shipped, no_flagged_listener_is_without_advice) {
    static const char *const units[] = {NULL,       "user@1000.service", "ssh.service",
                                        "x.socket", "x.service",         "session-1.scope"};
    static const char *const programs[] = {
        NULL,          "/opt/x/unheard-of", "/opt/x/$(name)", "/usr/bin/node", "/usr/bin/python3",
        "/usr/bin/ssh"};

    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        for (ContainerRuntime runtime = 0; runtime < RUNTIME_COUNT; runtime++)
            for (size_t unit = 0; unit < 6; unit++)
                for (size_t program = 0; program < 6; program++)
                    for (int kind = 0; kind < 4; kind++) {
                        _cleanup_(sample_done) Sample sample;
                        sample_init(&sample, 40123, programs[program], "=a title");
                        sample.listener.endpoint.proto = proto;
                        sample.owner->runtime = runtime;
                        sample.owner->unit = units[unit] ? strdup(units[unit]) : NULL;
                        sample.owner->unheld = kind == 1;
                        sample.listener.origin = kind >= 2 ? ORIGIN_FORWARD : ORIGIN_SOCKET;
                        if (kind == 3)
                            sample.listener.forward_to = (Address){.family = AF_INET6};
                        _cleanup_free_ char *advice = advice_of(shipped, &sample, NULL);
                        cr_assert_not_null(advice, "%s runtime %d unit %s program %s kind %d",
                                           proto_name(proto), runtime, units[unit],
                                           programs[program], kind);
                        if (unit == 1 || unit == 2 || unit == 5)
                            cr_assert_null(strstr(advice, units[unit]), "%s", advice);
                    }
    _cleanup_(sample_done) Sample nobody;
    sample_init(&nobody, 40123, NULL, "");
    nobody.listener.owner = NULL;
    _cleanup_free_ char *advice = advice_of(shipped, &nobody, NULL);
    cr_assert_not_null(advice);
}

Test(advice_shipped, remote_login_stays_where_systemd_listens_for_it) {
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 2222, "/usr/lib/systemd/systemd", "/sbin/init");
    sample.owner->unit = strdup("ssh.socket");
    _cleanup_free_ char *advice = advice_of(shipped, &sample, NULL);
    cr_expect(strstr(advice, "ListenStream=22\""), "%s", advice);
    cr_expect(strstr(advice, "systemctl stop ssh.service; sudo systemctl restart ssh.socket"), "%s",
              advice);
}
