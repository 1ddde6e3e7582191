/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <limits.h>
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
    const char *text = "[A]\nscript = tool, a.module\nadvice = yes\n";
    expect(text, 1, "/usr/bin/node", "/opt/tool", "yes");
    expect(text, 1, "/usr/bin/node", "node --require x /home/a/.bin/tool serve", "yes");
    expect(text, 1, "/usr/bin/python3", "python3 -m a.module 80", "yes");
    expect(text, 1, "/usr/bin/python3", "python3 -W ignore -ma.module", "yes");
    expect(text, 1, "/usr/bin/node", "=tool (v1.2)", "yes");
    expect(text, 1, "/usr/bin/python3", "=tool: master [x]", "yes");
    expect(text, 1, "/usr/sbin/other", "/opt/bin/tool -x", "yes");
    expect(text, 1, "/usr/bin/busybox", "busybox tool -f", "yes");
    expect(text, 1, "/usr/bin/node", "node --tool", NULL);
    expect(text, 1, "/usr/bin/node", "node --require tool x.js", NULL);
    expect(text, 1, "/usr/bin/node", "node x.js tool", NULL);
    expect(text, 1, "/usr/bin/node", "node /opt/tool/x.js", NULL);
    expect(text, 1, "/usr/bin/other", "other tool", NULL);
    expect(text, 1, "/usr/bin/node", "", NULL);
}

Test(advice_find, a_program_is_known_by_its_comm) {
    _cleanup_advice_ AdviceTable *table = table_of("[A]\nscript = tool\nadvice = yes\n", NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 1, "/usr/bin/python3.11", "python3 -c x");
    _cleanup_free_ char *before = advice_of(table, &sample, NULL);
    cr_expect_null(before);
    sample.owner->holders[0].comm = strdup("tool");
    _cleanup_free_ char *after = advice_of(table, &sample, NULL);
    cr_expect_str_eq(after, "yes");
}

Test(advice_find, packages_are_found_in_the_path) {
    const char *text = "[A]\npackage = vite, @angular/*\nadvice = yes\n";
    expect(text, 1, "/usr/bin/node",
           "node /a/node_modules/.pnpm/vite@5/node_modules/vite/bin/vite.js", "yes");
    expect(text, 1, "/usr/bin/node", "node node_modules/@angular/cli/bin/ng.js serve", "yes");
    expect(text, 1, "/usr/bin/node", "node /a/node_modules/.bin/vite", NULL);
    expect(text, 1, "/usr/bin/node", "node /a/vite/x.js", NULL);
}

Test(advice_find, the_port_is_a_whole_number_of_the_arguments) {
    const char *text = "[A]\narguments = *-D*{port}*, *:{port}=*\nadvice = yes\n";
    expect(text, 80, "/usr/bin/ssh", "ssh -D 0.0.0.0:80 host", "yes");
    expect(text, 80, "/usr/bin/ssh", "ssh -D80 host", "yes");
    expect(text, 80, "/usr/bin/ssh", "ssh -D 8080 host", NULL);
    expect(text, 80, "/usr/bin/ssh", "ssh -D 801 host", NULL);
    expect(text, 8080, "/usr/bin/ssh", "ssh -D 1080 -L 9000:x:1", NULL);
    expect(text, 443, "/usr/bin/x", "x --listen=a:443=b", "yes");
}

/* Unlike `arguments`, which may begin in one option and end in another. */
Test(advice_find, options_are_compared_one_by_one) {
    const char *text =
        "[A]\noption = --inspect*{port}, -D *:{port}, -D {port}, --all\nadvice = yes\n";
    expect(text, 9229, "/usr/bin/node", "node --inspect=0.0.0.0:9229 x.js --port 3000", "yes");
    expect(text, 3000, "/usr/bin/node", "node --inspect=0.0.0.0:9229 x.js --port 3000", NULL);
    expect(text, 922, "/usr/bin/node", "node --inspect=0.0.0.0:9229 x.js", NULL);
    expect(text, 1080, "/usr/bin/ssh", "ssh -L 80:x:1 -D *:1080 host", "yes");
    expect(text, 1080, "/usr/bin/ssh", "ssh -D 1080 host", "yes");
    expect(text, 80, "/usr/bin/ssh", "ssh -D 1080 -L 80:x:1 host", NULL);
    expect(text, 1, "/usr/bin/x", "x --all", "yes");
    expect(text, 1, "/usr/bin/x", "--all", NULL);
    expect(text, 1, "/usr/bin/x", "x --allow", NULL);
    expect(text, 1, "/usr/bin/x", "=x --all", NULL);
    char command[2048] = "x --inspect";
    memset(command + 11, 'a', 1500);
    expect(text, 1, "/usr/bin/x", command, NULL);
}

Test(advice_find, origins_are_told_apart) {
    _cleanup_advice_ AdviceTable *table =
        table_of("[F]\norigin = forward\nadvice = {target} {target-port}\n"
                 "[R]\norigin = forward\nadvice = {target-port}\n"
                 "[K]\norigin = kernel\nadvice = kernel\n[S]\norigin = socket\nadvice = socket\n",
                 NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 8080, NULL, "");
    _cleanup_free_ char *socket = advice_of(table, &sample, NULL);
    cr_expect_str_eq(socket, "socket");
    sample.owner->unheld = true;
    _cleanup_free_ char *kernel = advice_of(table, &sample, NULL);
    cr_expect_str_eq(kernel, "kernel");
    sample.listener.origin = ORIGIN_FORWARD;
    sample.listener.forward_port = 80;
    _cleanup_free_ char *redirect = advice_of(table, &sample, NULL);
    cr_expect_str_eq(redirect, "80");
    sample.listener.forward_to = (Address){.family = AF_INET, .bytes = {10, 0, 0, 5}};
    _cleanup_free_ char *forward = advice_of(table, &sample, NULL);
    cr_expect_str_eq(forward, "10.0.0.5:80 80");
}

Test(advice_find, loopback_has_the_family_of_the_listener) {
    _cleanup_advice_ AdviceTable *table =
        table_of("[A]\nport = 80\nadvice = {loopback} {loopback-host}:{port} {protocol}\n", NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 80, NULL, "");
    _cleanup_free_ char *ipv4 = advice_of(table, &sample, NULL);
    cr_expect_str_eq(ipv4, "127.0.0.1 127.0.0.1:80 tcp");
    sample.listener.endpoint.address = (Address){.family = AF_INET6};
    _cleanup_free_ char *dual = advice_of(table, &sample, NULL);
    cr_expect_str_eq(dual, "127.0.0.1 127.0.0.1:80 tcp");
    sample.listener.endpoint.v6only = true;
    sample.listener.endpoint.proto = PROTO_UDP;
    _cleanup_free_ char *ipv6 = advice_of(table, &sample, NULL);
    cr_expect_str_eq(ipv6, "::1 [::1]:80 udp");
}

/* What was typed is kept, but for what the advice gives another value. */
Test(advice_find, arguments_are_kept) {
    const char *text = "[A]\nscript = *\nreplaces = --bind, -b, *:{port}\ndrops = -g\n"
                       "advice = t {arguments} --bind 127.0.0.1\n"
                       "[B]\nexe = *\nadvice = other\n";
    expect(text, 90, "/usr/bin/python3", "python3 -m http.server 9000 -d app",
           "t 9000 -d app --bind 127.0.0.1");
    expect(text, 90, "/usr/bin/python3", "python3 -m t --bind 0.0.0.0 9000 --bind=:: -b0.0.0.0 -x",
           "t 9000 -x --bind 127.0.0.1");
    expect(text, 90, "/usr/bin/python3", "python3 -m t --bind -x 1", "t -x 1 --bind 127.0.0.1");
    expect(text, 90, "/usr/bin/python3", "python3 -m t -g 0.0.0.0:90 0.0.0.0:91 --bindings",
           "t 0.0.0.0:91 --bindings --bind 127.0.0.1");
    expect(text, 90, "/usr/bin/python3", "python3 -m t --bind", "t --bind 127.0.0.1");
    expect(text, 90, "/usr/bin/python3", "python3 -m t", "t --bind 127.0.0.1");
    expect(text, 90, "/usr/bin/tool", "tool -x --a=b,c", "t -x --a=b,c --bind 127.0.0.1");
    /* What is not known, or would be a secret in the journal, is not repeated. */
    expect(text, 90, "/usr/bin/python3", "=t: master", "other");
    expect(text, 90, "/usr/bin/python3", "python3 -m t --Password hunter2", "other");
    expect(text, 90, "/usr/bin/python3", "python3 -m t http://u:p@host/", "other");
    const char *last = "[A]\nscript = *\nadvice = npm run dev -- {arguments}\n";
    expect(last, 1, "/usr/bin/node", "node x.js", "npm run dev --");
    expect(last, 1, "/usr/bin/node", "node x.js -a", "npm run dev -- -a");
}

Test(advice_find, arguments_are_quoted_or_not_repeated) {
    static const struct {
        const char *word, *quoted; /* NULL: not repeated */
    } cases[] = {{"a;reboot", "'a;reboot'"},
                 {"$(reboot)", "'$(reboot)'"},
                 {"`x`", "'`x`'"},
                 {"*", "'*'"},
                 {"~", "'~'"},
                 {"B\xc3\xbc", "'B\xc3\xbc'"},
                 {"#", "'#'"},
                 {"a'b", NULL},
                 {"a\\b", NULL},
                 {"a!b", NULL},
                 {"\x1b[2J", NULL},
                 {"\xff", NULL},
                 {"\xe2\x80\xae", NULL},
                 {"a\nb", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *command = NULL, *expected = NULL;
        cr_assert_geq(asprintf(&command, "node x.js %s", cases[i].word), 0);
        cr_assert_geq(asprintf(&expected, "t %s", cases[i].quoted), 0);
        expect("[A]\nexe = *\nadvice = t {arguments}\n", 1, "/usr/bin/node", command,
               cases[i].quoted ? expected : NULL);
    }
    char command[1024] = "node x.js ";
    memset(command + 10, 'a', 900);
    expect("[A]\nexe = *\nadvice = t {arguments}\n", 1, "/usr/bin/node", command, NULL);
}

/* Nobody is told to edit what a package manager or a build has put there. */
Test(advice_find, only_own_files_are_for_editing) {
    const char *text = "[A]\nexe = *\nadvice = in {script}\n[B]\nexe = *\nadvice = run {program}\n";
    static const struct {
        const char *script, *cwd, *advice;
    } cases[] = {
        {"server.js", "/home/a/app", "in server.js"},
        {"./src/server.js", "/home/a/app", "in src/server.js"},
        {"/home/a/app/src/server.js", "/home/a/app", "in src/server.js"},
        {"/home/a/app2/server.js", "/home/a/app", "in /home/a/app2/server.js"},
        {"/home/a/app/server.js", "/", "in /home/a/app/server.js"},
        {"/home/a/app/server.js", NULL, "in /home/a/app/server.js"},
        {"/home/a/distant/buildings.js", NULL, "in /home/a/distant/buildings.js"},
        {"node_modules/x/y.js", "/home/a/app", "run node_modules/x/y.js"},
        {"/home/a/app/node_modules/.bin/x", "/home/a/app", "run /home/a/app/node_modules/.bin/x"},
        {"dist/server.js", "/home/a/app", "run dist/server.js"},
        {"/home/a/build/x.js", "/home/a/build", "run /home/a/build/x.js"},
        {"/usr/lib/x/server.js", NULL, "run /usr/lib/x/server.js"},
        {"y.js", "/home/a/node_modules/x", "run y.js"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_advice_ AdviceTable *table = table_of(text, NULL);
        _cleanup_(sample_done) Sample sample;
        _cleanup_free_ char *command = NULL;
        cr_assert_geq(asprintf(&command, "node %s", cases[i].script), 0);
        sample_init(&sample, 1, "/usr/bin/node", command);
        sample.owner->holders[0].cwd = cases[i].cwd ? strdup(cases[i].cwd) : NULL;
        _cleanup_free_ char *advice = advice_of(table, &sample, NULL);
        cr_expect_str_eq(advice, cases[i].advice, "%s: %s", cases[i].script, advice);
    }
}

/* Typing it must not end a session. */
Test(advice_find, units_that_must_keep_running_are_never_named) {
    _cleanup_advice_ AdviceTable *table =
        table_of("[A]\nunit = *\nadvice = edit {unit}\n"
                 "[B]\nuser-unit = *\nadvice = edit --user {user-unit}\n",
                 NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, 1, NULL, "");
    sample.owner->unit = strdup("user@1000.service");
    sample.owner->user_unit = strdup("app-org.gnome.Terminal.scope");
    _cleanup_free_ char *advice = advice_of(table, &sample, NULL);
    cr_expect_null(advice, "%s", advice);
}

static const char *recognise(const char *text, uint16_t port, const char *exe,
                             const char *command) {
    static char name[64];
    _cleanup_advice_ AdviceTable *table = table_of(text, NULL);
    _cleanup_(sample_done) Sample sample;

    sample_init(&sample, port, exe, command);
    sample.owner->unit = strdup("a.service");
    const char *tool = advice_recognise(table, &sample.listener);
    strcpy(name, tool ? tool : "-");
    return name;
}

Test(advice_find, a_port_or_unit_names_no_tool) {
    const char *text =
        "[Port]\nport = 80\nadvice = 1\n[Unit]\nunit = *\nadvice = 2\n"
        "[Any]\nexe = *\nadvice = 3\n[Guess]\nexe = node, java\nport = 80\nadvice = 4\n"
        "[Arguments]\narguments = *--inspect*\nadvice = {target}\n"
        "[File]\nexe = nginx\nport = 80\nadvice = 5\n[Script]\nscript = vite\nadvice = 6\n"
        "[Package]\npackage = next\nadvice = 7\n[Generic]\nexe = node\nadvice = 8\n";
    cr_expect_str_eq(recognise(text, 80, "/bin/x", "x"), "-");
    cr_expect_str_eq(recognise(text, 80, NULL, ""), "-");
    cr_expect_str_eq(recognise(text, 80, "/usr/bin/java", "java -jar a.jar"), "-");
    cr_expect_str_eq(recognise(text, 80, "/usr/bin/node", "node a.js"), "Generic");
    /* Also where its advice can't be filled in. */
    cr_expect_str_eq(recognise(text, 80, "/usr/bin/node", "node --inspect a.js"), "Arguments");
    cr_expect_str_eq(recognise(text, 80, "/usr/sbin/nginx", "nginx"), "File");
    cr_expect_str_eq(recognise(text, 80, "/usr/bin/node", "node /a/.bin/vite"), "Script");
    cr_expect_str_eq(recognise(text, 80, "/usr/bin/node", "node node_modules/next/x.js"),
                     "Package");
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
    expect(text, 1, "/usr/bin/node", "node a/server.js", "run a/server.js");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *command = NULL;
        cr_assert_geq(asprintf(&command, "node a/%s", names[i]), 0);
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

Test(advice_find, a_configuration_file_is_taken_from_the_command_line) {
    const char *text = "[A]\nexe = *\nadvice = in {config}\n[B]\nexe = *\nadvice = no file\n";
    expect(text, 1, "/usr/sbin/a", "a -c /etc/a/a.conf", "in /etc/a/a.conf");
    expect(text, 1, "/usr/sbin/a", "a --config=/etc/a.conf -x", "in /etc/a.conf");
    expect(text, 1, "/usr/sbin/a", "/etc/init.d/a", "no file");
    expect(text, 1, "/usr/sbin/a", "a -c /home/a/etc/a.conf", "no file");
    expect(text, 1, "/usr/sbin/a", "a -c /etc/$(x)", "no file");
    expect(text, 1, "/usr/sbin/a", "=a /etc/a.conf", "no file");
}

Test(advice_find, a_socket_unit_names_its_service) {
    _cleanup_advice_ AdviceTable *table =
        table_of("[A]\nunit = *\nadvice = stop {service}, edit {unit}\n"
                 "[B]\nunit = *\nadvice = edit {unit}\n[C]\nunit = *\nadvice = none\n",
                 NULL);
    static const char *const expected[][2] = {
        {"cups.socket", "stop cups.service, edit cups.socket"},
        {"a@1.socket", "stop a@1.service, edit a@1.socket"},
        {"cups.service", "edit cups.service"},
        {"ssh.socket", "none"},
        {"user@1000.service", "none"},
    };

    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        _cleanup_(sample_done) Sample sample;
        sample_init(&sample, 631, "/usr/lib/systemd/systemd", "/sbin/init");
        sample.owner->unit = strdup(expected[i][0]);
        _cleanup_free_ char *advice = advice_of(table, &sample, NULL);
        cr_expect_str_eq(advice, expected[i][1]);
    }
}

/* Both its parent and it have the socket. The parent is not what is typed. */
Test(advice_find, an_activated_program_is_told_from_others) {
    const char *text = "[A]\norigin = activated\nadvice = activate {command}\n"
                       "[B]\nexe = *\nadvice = {exe}\n";
    _cleanup_advice_ AdviceTable *table = table_of(text, NULL);
    char parent[] = "/bin/supervisor", program[] = "/bin/a", quoted[] = "x y", option[] = "-v";
    char *parent_words[] = {parent, NULL}, *words[] = {program, quoted, option, NULL};
    Holder holders[] = {
        {.pid = 10, .fd = 3, .exe = parent, .cmdline = parent_words},
        {.pid = 20, .fd = 4, .exe = program, .cmdline = words},
    };
    Owner owner = {.n_references = 1, .holders = holders, .n_holders = 2};
    const Sample sample = {.listener = {.endpoint.port = 1, .owner = &owner}, .owner = &owner};
    static const struct {
        pid_t listen_pid;
        int n_listen_fds;
        const char *advice;
    } expected[] = {
        {0, 0, "supervisor"},
        {20, 2, "activate /bin/a 'x y' -v"},
        {20, 1, "supervisor"}, /* the fd is not one that was passed */
        {10, 2, "supervisor"}, /* inherited from the parent with the environment */
        {20, INT_MAX, "activate /bin/a 'x y' -v"},
    };

    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        holders[1].listen_pid = expected[i].listen_pid;
        holders[1].n_listen_fds = expected[i].n_listen_fds;
        _cleanup_free_ char *advice = advice_of(table, &sample, NULL);
        cr_expect_str_eq(advice, expected[i].advice, "%zu: %s", i, advice);
    }
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
