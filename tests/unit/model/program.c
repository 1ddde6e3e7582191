/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes recorded from real servers (tests/fixtures/processes/record.py), and command lines. */
#include "model/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owner/proc_parse.h"
#include "util/cleanup.h"
#include "util/memory.h"

static size_t read_fixture(const char *name, const char *suffix, char *text, size_t size) {
    const char *root = getenv("srcdir");
    char path[512];

    snprintf(path, sizeof(path), "%s/tests/fixtures/processes/%s.%s", root ? root : ".", name,
             suffix);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    return fread(text, 1, size, file);
}

/* The holder's own texts: freed with holder_done(). */
static void read_holder(Holder *holder, const char *name) {
    char bytes[CMDLINE_BYTES_MAX], lines[3][256] = {}, text[1024] = {};
    size_t length = read_fixture(name, "cmdline", bytes, sizeof(bytes));

    read_fixture(name, "process", text, sizeof(text) - 1);
    cr_assert_eq(sscanf(text, "%255[^\n]\n%255[^\n]\n%255[^\n]", lines[0], lines[1], lines[2]), 3);
    *holder = (Holder){
        .pid = 4242, .exe = strdup(lines[0]), .comm = strdup(lines[1]), .cwd = strdup(lines[2])};
    cr_assert_eq(proc_cmdline_parse(bytes, length, &holder->cmdline), 0);
}

Test(program, recorded_processes_are_recognised) {
    static const struct {
        const char *name, *interpreter, *script, *title, *package;
        bool is_module;
        size_t n_arguments; /* behind the script */
    } cases[] = {
        {"busybox-httpd", "busybox", "httpd", NULL, "", true, 5},
        {"debugpy", "python", "/usr/lib/python3/dist-packages/debugpy/adapter", NULL, "", false, 8},
        {"gunicorn", "python", NULL, "gunicorn: master [wsgi:app]", "", false, 0},
        {"http-server", "python", "http.server", NULL, "", true, 3},
        {"http-server-attached", "python", "http.server", NULL, "", true, 1},
        {"java-jdwp", "java", "jv/Main.java", NULL, "", false, 0},
        {"next-dev", "node", NULL, "next-server (v16.4.6)", "", false, 0},
        {"ng-serve", "node", NULL, "ng serve --host 0.0.0.0 --port 4277 (demo)", "", false, 0},
        {"node-inspect", "node", "plain.js", NULL, "", false, 2},
        {"node-require", "node", "plain.js", NULL, "", false, 1},
        {"node-title", "node", NULL, "shop api", "", false, 0},
        {"perl-title", "perl", NULL, "perl title here", "", false, 0},
        {"php", "php", NULL, NULL, "", false, 0},
        {"puma", "ruby", NULL, "puma 5.6.5 (tcp://0.0.0.0:9293) [shop]", "", false, 0},
        {"sinatra", "ruby", NULL, "puma 5.6.5 (tcp://0.0.0.0:4567) [shop]", "", false, 0},
        {"vite", "node", "/home/dev/shop/node_modules/.bin/vite", NULL, "", false, 4},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        Holder holder;
        Program program;
        const char *name = cases[i].name;

        read_holder(&holder, name);
        program_init(&program, &holder);
        cr_assert_str_eq(program.interpreter, cases[i].interpreter, "%s", name);
        cr_assert_eq(!program.script, !cases[i].script, "%s: %s", name, program.script);
        if (program.script)
            cr_assert_str_eq(program.script, cases[i].script, "%s", name);
        cr_assert_eq(!program.title, !cases[i].title, "%s: %s", name, program.title);
        if (program.title) {
            cr_assert_str_eq(program.title, cases[i].title, "%s", name);
            cr_assert_eq(strv_length(holder.cmdline), 1, "%s: the padding stayed", name);
            cr_assert_eq(program_subject(&program), program.title);
        }
        cr_assert_eq(program.is_module, cases[i].is_module, "%s", name);
        cr_assert_str_eq(program.package, cases[i].package, "%s", name);
        cr_assert_eq(strv_length(holder.cmdline) - program.arguments, cases[i].n_arguments, "%s",
                     name);
        holder_done(&holder);
    }
}

/* A program of that file and command line; the arguments are separated by `|`. */
static Program parse(char *buffer, char **arguments, const char *exe, const char *command) {
    size_t n = 0;
    Program program;

    strcpy(buffer, command);
    for (char *at = buffer; at; n++) {
        char *end = strchr(at, '|');
        arguments[n] = at;
        if (end)
            *end = '\0';
        at = end ? end + 1 : NULL;
    }
    arguments[n] = NULL;
    Holder holder = {.exe = (char *)exe, .cmdline = arguments};
    program_init(&program, &holder);
    return program;
}

Test(program, values_of_options_are_no_scripts) {
    static const struct {
        const char *exe, *command, *script; /* a module's begins with `!` */
    } cases[] = {
        {"/usr/bin/node", "node|-r|dotenv/config|a.js|--port|1", "a.js"},
        {"/usr/bin/node", "node|--require|x.cjs|--import|file:///x.mjs|src/server.ts",
         "src/server.ts"},
        {"/usr/bin/node", "node|--loader=tsx|--inspect=0.0.0.0:9229|a.js", "a.js"},
        {"/usr/bin/node", "node|--inspect|--conditions|dev|a.js", "a.js"},
        {"/usr/bin/node", "node|inspect|a.js", "a.js"},
        {"/usr/bin/node", "node|--watch|--env-file|.env|a.js|b.js", "a.js"},
        {"/usr/bin/node", "node|-e|code|a.js", NULL},
        {"/usr/bin/node", "node|-p|code", NULL},
        {"/usr/bin/node", "node", NULL},
        {"/usr/bin/node", "node|-", NULL},
        {"/usr/bin/node", "node|--run|dev", "!dev"},
        {"/usr/bin/node", "node|-r", NULL},
        {"/usr/bin/node", "node|--|-x.js", "-x.js"},
        {"/usr/bin/python3.11", "python3|-X|dev|-W|ignore|-m|flask|run", "!flask"},
        {"/usr/bin/python3.11", "python3|-Xdev|-uBmhttp.server", "!http.server"},
        {"/usr/bin/python3.11", "python3|-c|import x|a.py", NULL},
        {"/usr/bin/python3.11", "python3|-OO|-u|manage.py|runserver", "manage.py"},
        {"/usr/bin/python3.11", "/venv/bin/python|/venv/bin/flask|run", "/venv/bin/flask"},
        {"/usr/bin/ruby3.1", "ruby|-I|lib|-r|bundler/setup|-Ispec|bin/rails|s", "bin/rails"},
        {"/usr/bin/ruby3.1", "ruby|-W0|-C|app|-run|-e|httpd", NULL},
        {"/usr/bin/perl", "perl|-I|lib|-Mojo|-w|app.pl|daemon", "app.pl"},
        {"/usr/bin/perl", "perl|-MIO::Socket|-we|code", NULL},
        {"/usr/bin/php8.2", "php|-d|k=v|-S|0.0.0.0:8000|-t|public|server.php", "server.php"},
        {"/usr/bin/php8.2", "php|-S0.0.0.0:8000", NULL},
        {"/usr/bin/php8.2", "php|-f|a.php", "a.php"},
        {"/usr/bin/php8.2", "php|artisan|serve|--host|0.0.0.0", "artisan"},
        {"/usr/bin/java", "java|-cp|a.jar:b.jar|-Dx=y|-Xmx1g|org.example.Main|arg",
         "!org.example.Main"},
        {"/usr/bin/java", "java|-Xmx1g|-jar|/srv/app.jar|--server.port=1", "/srv/app.jar"},
        {"/usr/bin/java", "java|--module-path|m|-m|mod/org.example.Main", "!mod/org.example.Main"},
        {"/usr/bin/java", "java|@opts|--source|17|Main.java", "Main.java"},
        {"/usr/bin/dash", "sh|-e|-o|pipefail|run.sh", "run.sh"},
        {"/usr/bin/bash", "bash|-ec|nc -l 1", NULL},
        {"/usr/bin/deno", "deno|run|--allow-net|-c|deno.json|main.ts", "main.ts"},
        {"/usr/bin/deno", "deno|serve|--port|8000|--host|0.0.0.0|main.ts", "main.ts"},
        {"/usr/bin/deno", "deno|task|--cwd|app|dev", "!dev"},
        {"/usr/bin/deno", "deno|eval|code", NULL},
        {"/usr/bin/bun", "bun|--hot|run|--preload|x.ts|server.ts", "server.ts"},
        {"/usr/bin/bun", "bun|run|run", "run"},
        {"/usr/bin/bun", "bun|x|vite", "vite"},
        {"/usr/bin/busybox", "busybox|httpd|-f|-p|8080", "!httpd"},
        {"/usr/bin/busybox", "/usr/bin/nc|-l|-p|1", "!nc"},
        {"/usr/bin/busybox", "nc", "!nc"},
        {"/usr/bin/busybox", "busybox", NULL},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        char buffer[256], *arguments[32];
        Program program = parse(buffer, arguments, cases[i].exe, cases[i].command);
        const char *script = cases[i].script;
        bool is_module = script && *script == '!';

        cr_assert(program_is_interpreted(&program), "%s", cases[i].command);
        cr_assert_null(program.title, "%s", cases[i].command);
        cr_assert_eq(!program.script, !script, "%s: %s", cases[i].command, program.script);
        if (script)
            cr_assert_str_eq(program.script, script + is_module, "%s", cases[i].command);
        cr_assert_eq(program.is_module, is_module, "%s", cases[i].command);
        cr_assert(program.arguments <= strv_length(arguments), "%s", cases[i].command);
    }
}

Test(program, an_interpreter_is_known_by_its_file) {
    static const struct {
        const char *exe, *command, *interpreter;
    } cases[] = {
        {"/usr/bin/python3.11", "whatever", "python"},
        {"/usr/bin/perl5.36-x86_64-linux-gnu", "perl|a.pl", "perl"},
        {"/usr/bin/node_exporter", "node_exporter", NULL},
        {"/usr/bin/node-red", "node-red", NULL},
        {"/usr/sbin/php-fpm8.2", "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)", NULL},
        {"/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx", NULL},
        {NULL, "/usr/bin/python3|-m|http.server", "python"},
        {NULL, "nginx", NULL},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        char buffer[256], *arguments[32];
        Program program = parse(buffer, arguments, cases[i].exe, cases[i].command);
        cr_assert_eq(!program.interpreter, !cases[i].interpreter, "%s", cases[i].command);
        if (program.interpreter)
            cr_assert_str_eq(program.interpreter, cases[i].interpreter);
    }
    Holder nothing = {};
    Program program;
    program_init(&program, &nothing);
    cr_assert(!program.interpreter && !program.script && !program.title &&
              !program_subject(&program));
    cr_assert_eq(program.arguments, 0);
}

Test(program, a_login_shell_has_no_title) {
    char buffer[64], *arguments[4];
    Program program = parse(buffer, arguments, "/usr/bin/bash", "-bash");
    cr_assert_null(program.title);
    program = parse(buffer, arguments, "/usr/bin/node", "vite");
    cr_assert_str_eq(program.title, "vite");
}

Test(program, packages_are_found_below_node_modules) {
    static const struct {
        const char *path, *package;
    } cases[] = {
        {"/s/node_modules/vite/bin/vite.js", "vite"},
        {"node_modules/@angular/cli/bin/ng.js", "@angular/cli"},
        {"/s/node_modules/.pnpm/vite@5.4.0/node_modules/vite/bin/vite.js", "vite"},
        {"/s/node_modules/.pnpm/@vue+cli@5/node_modules/@vue/cli-service/bin/x.js",
         "@vue/cli-service"},
        {"/s/node_modules/.bin/vite", ""},
        {"/s/my_node_modules/vite/bin/vite.js", ""},
        {"/s/node_modules/vite", ""},
        {"/s/node_modules/@scope", ""},
        {"/s/node_modules/@scope/", ""},
        {"/s/node_modules//x/y", ""},
        {"/s/src/server.js", ""},
    };
    char *arguments[3] = {(char *)"node", NULL, NULL}, exe[] = "/usr/bin/node";
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        Program program;
        arguments[1] = (char *)cases[i].path;
        Holder holder = {.exe = exe, .cmdline = arguments};
        program_init(&program, &holder);
        cr_assert_str_eq(program.package, cases[i].package, "%s", cases[i].path);
    }

    char *own[] = {(char *)"esbuild", (char *)"--serve", NULL};
    Holder holder = {.exe = (char *)"/s/node_modules/@esbuild/linux-x64/bin/esbuild",
                     .cmdline = own};
    Program program;
    program_init(&program, &holder);
    cr_assert_str_eq(program.package, "@esbuild/linux-x64");
    cr_assert_eq(program.arguments, 1);
}

Test(program, a_package_of_any_length_is_bounded) {
    char path[1024] = "/node_modules/", *arguments[] = {(char *)"node", path, NULL};
    memset(path + strlen(path), 'x', 600);
    strcat(path, "/index.js");
    Holder holder = {.exe = (char *)"/usr/bin/node", .cmdline = arguments};
    Program program;
    program_init(&program, &holder);
    cr_assert_str_eq(program.package, "");
}
