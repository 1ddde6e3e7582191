/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support.h"
#include "util/cleanup.h"

/* The advice for one process, with a table of its own; the caller frees it. */
static char *advise(const char *text, uint16_t port, const char *exe, const char *command) {
    _cleanup_advice_ AdviceTable *table = table_of(text, NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, port, exe, command);
    return advice_of(table, &sample, NULL);
}

static void expect(const char *text, uint16_t port, const char *exe, const char *command,
                   const char *expected) {
    _cleanup_free_ char *advice = advise(text, port, exe, command);
    if (expected)
        cr_expect_str_eq(advice ? advice : "(none)", expected, "%s: %s", text, command);
    else
        cr_expect_null(advice, "%s: %s gives %s", text, command, advice);
}

Test(advice_find, all_keys_must_hold) {
    const char *text = "[A]\nexe = node\nscript = vite\nport = 5173\nadvice = yes\n";
    expect(text, 5173, "/usr/bin/node", "node /a/vite", "yes");
    expect(text, 5174, "/usr/bin/node", "node /a/vite", NULL);
    expect(text, 5173, "/usr/bin/bun", "node /a/vite", NULL);
    expect(text, 5173, "/usr/bin/node", "node /a/webpack", NULL);
    expect(text, 5173, NULL, "", NULL);
}

Test(advice_find, the_first_section_that_holds_wins) {
    expect("[A]\nexe = no\nadvice = 1\n[B]\nport = 80\nadvice = 2\n[C]\nport = 80\nadvice = 3\n",
           80, "/bin/x", "x", "2");
}

Test(advice_find, scripts_are_found_where_they_stand) {
    const char *text = "[A]\nscript = tool, a.module\nadvice = {script}\n";
    expect(text, 1, "/usr/bin/node", "/opt/tool", "tool");
    expect(text, 1, "/usr/bin/node", "node --require x /home/a/.bin/tool serve", "tool");
    expect(text, 1, "/usr/bin/python3", "python3 -m a.module 80", "a.module");
    expect(text, 1, "/usr/bin/python3", "python3 -W ignore -m a.module", "a.module");
    expect(text, 1, "/usr/bin/node", "=tool (v1.2)", "tool");
    expect(text, 1, "/usr/bin/python3", "=tool: master [x]", "tool");
    expect(text, 1, "/usr/bin/node", "node --tool", NULL);
    expect(text, 1, "/usr/bin/node", "node /opt/tool/x.js", NULL);
    expect(text, 1, "/usr/bin/node", "node 1 2 3 4 5 6 7 8 9 tool", NULL);
    expect(text, 1, "/usr/bin/node", "", NULL);
}

Test(advice_find, placeholders_are_filled_in) {
    const char *text = "[A]\nexe = *\nadvice = {exe} {address}:{port} {port}{ {} {{.x}}\n";
    expect(text, 3000, "/usr/bin/node", "node", "node 0.0.0.0:3000 3000{ {} {{.x}}");
}

/* A name that a shell would take for more than a word must not be put into what people paste. */
Test(advice_find, hostile_names_do_not_reach_the_shell) {
    const char *text =
        "[A]\nexe = *\nscript = *.js\nadvice = run {script}\n[B]\nexe = *\nadvice = no name\n";
    static const char *const names[] = {
        "$(reboot).js", "`reboot`.js", "a;reboot.js", "a&b.js",  "a|b.js",  "a>b.js",
        "a\"b.js",      "a'b.js",      "a\\b.js",     "a\nb.js", "a*.js",   "~a!b.js",
        "a\x1b[2J.js",  "\xff.js",     "a#b.js",      "(a).js",  "{a,b}.js"};
    expect(text, 1, "/usr/bin/node", "node /a/server.js", "run server.js");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *command = NULL;
        cr_assert_geq(asprintf(&command, "node /a/%s", names[i]), 0);
        expect(text, 1, "/usr/bin/node", command, "no name");
        free(command);
    }
}

Test(advice_find, docker_proxy_says_its_ports) {
    const char *text = "[A]\nexe = docker-proxy\nadvice = {container} {port}:{container-port}\n"
                       "[B]\nexe = docker-proxy\nadvice = {port}:{container-port}\n";
    const char *command = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 "
                          "-container-ip 172.17.0.2 -container-port 80";
    _cleanup_advice_ AdviceTable *table = table_of(text, NULL);
    _cleanup_(sample_done) Sample sample;

    expect(text, 8080, "/usr/bin/docker-proxy", command, "8080:80");
    expect(text, 8080, "/usr/bin/docker-proxy", "docker-proxy -container-port", NULL);
    expect(text, 8080, "/usr/bin/docker-proxy", "docker-proxy -container-port $(reboot)", NULL);

    sample_init(&sample, 8080, "/usr/bin/docker-proxy", command);
    sample.owner->runtime = RUNTIME_DOCKER;
    sample.owner->container_id = strdup("0123456789abcdef0123456789abcdef");
    _cleanup_free_ char *by_id = advice_of(table, &sample, NULL);
    cr_expect_str_eq(by_id, "0123456789ab 8080:80");
    sample.owner->container_name = strdup("web");
    _cleanup_free_ char *by_name = advice_of(table, &sample, NULL);
    cr_expect_str_eq(by_name, "web 8080:80");
}

Test(advice_find, forwards_have_no_process_but_a_port_behind_them) {
    _cleanup_advice_ AdviceTable *table =
        table_of("[A]\ncontainer = docker\nadvice = {port}:{container-port}\n", NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 8080, NULL, "");
    sample.owner->runtime = RUNTIME_DOCKER;
    sample.listener.origin = ORIGIN_FORWARD;
    sample.listener.forward_port = 80;
    _cleanup_free_ char *advice = advice_of(table, &sample, NULL);
    cr_expect_str_eq(advice, "8080:80");
}

Test(advice_find, any_of_the_holders_will_do) {
    _cleanup_advice_ AdviceTable *table =
        table_of("[A]\nexe = sshd\nadvice = {exe}\n[B]\nexe = systemd\nadvice = {exe}\n", NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 22, "/usr/lib/systemd/systemd", "/sbin/init");
    Holder *holders = realloc(sample.owner->holders, 2 * sizeof(Holder));
    cr_assert_not_null(holders);
    holders[1] = (Holder){.pid = 2000, .exe = strdup("/usr/sbin/sshd")};
    sample.owner->holders = holders;
    sample.owner->n_holders = 2;
    _cleanup_free_ char *advice = advice_of(table, &sample, NULL);
    cr_expect_str_eq(advice, "sshd");
}

Test(advice_find, units_and_runtimes_are_the_owners) {
    const char *text = "[A]\nunit = *.service\ncontainer = none\nadvice = edit {unit}\n"
                       "[B]\nuser-unit = *.service\nadvice = edit --user {user-unit}\n"
                       "[C]\ncontainer = podman\nadvice = podman\n";
    _cleanup_advice_ AdviceTable *table = table_of(text, NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 1, "/bin/x", "x");
    _cleanup_free_ char *none = advice_of(table, &sample, NULL);
    cr_expect_null(none);
    sample.owner->runtime = RUNTIME_PODMAN;
    _cleanup_free_ char *container = advice_of(table, &sample, NULL);
    cr_expect_str_eq(container, "podman");
    sample.owner->user_unit = strdup("b.service");
    _cleanup_free_ char *user = advice_of(table, &sample, NULL);
    cr_expect_str_eq(user, "edit --user b.service");
    sample.owner->unit = strdup("a.service");
    sample.owner->runtime = RUNTIME_NONE;
    _cleanup_free_ char *system = advice_of(table, &sample, NULL);
    cr_expect_str_eq(system, "edit a.service");
}

Test(advice_find, nothing_is_known_of_an_unknown_owner) {
    _cleanup_advice_ AdviceTable *table =
        table_of("[A]\nexe = *\nadvice = 1\n[B]\ncontainer = none\nadvice = 2\n"
                 "[C]\nunit = *\nadvice = 3\n[D]\nport = 80\nadvice = {exe}\n",
                 NULL);
    _cleanup_(sample_done) Sample sample;
    char *advice;

    sample_init(&sample, 80, NULL, "");
    sample.listener.owner = NULL;
    advice = advice_of(table, &sample, NULL);
    cr_expect_null(advice);
    cr_assert_eq(advice_find(NULL, &sample.listener, &advice), 0);
    cr_expect_null(advice);
}

/* The patterns are root's, the command line anybody's: it is cut before it costs anything. */
Test(advice_find, a_long_command_line_costs_little) {
    size_t length = 1 << 20;
    char *command = malloc(length + 1);
    struct timespec before, after;
    const char *text = "[A]\narguments = *a*a*a*a*a*a*a*a*a*a*b\nadvice = x\n";

    cr_assert_not_null(command);
    memset(command, 'a', length);
    command[length] = '\0';
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    expect(text, 1, "/bin/x", command, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    free(command);
    cr_expect_lt(after.tv_sec - before.tv_sec, 2);
}
