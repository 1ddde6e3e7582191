/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The narrowest rule for a listener, and the file that it is written to. */
#include "policy/suggest.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/files/local_rules.h"
#include "policy/policy.h"
#include "policy/rule_words.h"
#include "util/cleanup.h"

/* A uid that has no name. */
#define SOMEBODY 4242424

static Holder holders[2];
static Owner owner;
static Listener listener;

static void fresh(void) {
    for (size_t i = 0; i < 2; i++)
        holders[i] = (Holder){
            .exe = (char *)"/usr/bin/node",
            .exe_state = EXE_VERIFIED,
            .exe_id = {1, 2},
        };
    owner = (Owner){.complete = true, .holders = holders, .n_holders = 2, .n_holders_seen = 2};
    listener = (Listener){
        .endpoint = {.proto = PROTO_TCP, .port = 3000},
        .scope = SCOPE_WILDCARD,
        .uid = SOMEBODY,
        .owner = &owner,
    };
}

/* Every path is the holders' file. */
static int identify(void *userdata, const char *path, FileId *ret) {
    (void)userdata;
    *ret = (FileId){1, 2};
    return strcmp(path, holders[0].exe) == 0 ? 0 : -ENOENT;
}

/* What is suggested is what was expected, and the matcher agrees that it allows this listener. */
static void check(const char *expected) {
    const JudgeContext context = {.file_identity = identify, .netns = {1, true}};
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;
    _cleanup_free_ char *text = NULL;
    Verdict verdict;

    cr_assert_eq(rule_suggest(&listener, USEC_INFINITY, NULL, &text), 0);
    cr_assert_str_eq(text, expected);
    cr_assert_eq(policy_parse("x", text, strlen(text), diagnostics, &policy), 0);
    policy_judge(policy, &context, &listener, &verdict);
    cr_assert_eq(verdict.action, ACTION_ALLOW, "%s", text);
    listener.endpoint.port++;
    policy_judge(policy, &context, &listener, &verdict);
    cr_assert_eq(verdict.action, ACTION_FLAG, "%s", text);
    listener.endpoint.port--;
}

#define ALLOW "allow tcp port 3000 "
#define USER  "user 4242424"

#define EXE USER " exe /usr/bin/node"

static void allow_nothing(void) {
    _cleanup_free_ char *text = NULL;
    cr_assert_eq(rule_suggest(&listener, USEC_INFINITY, NULL, &text), -ENODATA, "%s", text);
}

Test(suggest, the_narrowest_that_lasts, .init = fresh) {
    check(ALLOW EXE);
    listener.scope = SCOPE_PRIVATE;
    check(ALLOW "scope private " EXE);
    listener.scope = SCOPE_WILDCARD;
    owner.unit = (char *)"a.service";
    check(ALLOW "unit a.service");
    owner.unit = (char *)"a.socket";
    check(ALLOW "unit a.socket");
    owner.unit = (char *)"user@1000.service";
    owner.user_unit = (char *)"syncthing.service";
    check(ALLOW "user-unit syncthing.service " USER);
    owner.runtime = RUNTIME_DOCKER;
    owner.container_name = (char *)"web";
    check(ALLOW "container web");
}

/* What is made up for one login, one start, one terminal: dead at the next. */
Test(suggest, no_unit_that_is_gone_at_the_next_login, .init = fresh) {
    static const char *const units[] = {
        "session-5.scope",    "user@1000.service", "init.scope",
        "run-u12.service",    "run-r0f3c.scope",   "user-1000.slice",
        "getty@tty1.service", "ssh.service",       "container-getty@1.service"};
    static const char *const user_units[] = {"vte-spawn-2f0c.scope",
                                             "app-gnome-code-4242.scope",
                                             "app-org.kde.konsole@f00d.service",
                                             "dbus-:1.2-org.example.Thing@0.service",
                                             "run-p123-i456.service",
                                             "tmux-spawn-1.scope",
                                             "init.scope"};

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        owner.unit = (char *)units[i];
        check(ALLOW EXE);
    }
    owner.unit = (char *)"user@1000.service";
    for (size_t i = 0; i < sizeof(user_units) / sizeof(*user_units); i++) {
        owner.user_unit = (char *)user_units[i];
        check(ALLOW EXE);
    }
    owner.user_unit = (char *)"app-syncthing@autostart.service";
    check(ALLOW "user-unit app-syncthing@autostart.service " USER);
    /* The service itself, and not what a login runs in it. */
    owner.user_unit = NULL;
    owner.unit = (char *)"ssh.service";
    listener.uid = 0;
    check(ALLOW "unit ssh.service");
}

Test(suggest, exe_only_of_what_all_run_verified, .init = fresh) {
    holders[1].exe_state = EXE_UNVERIFIED;
    check(ALLOW USER);
    fresh();
    holders[1].exe = (char *)"/usr/bin/python3";
    check(ALLOW EXE ", /usr/bin/python3");
    fresh();
    owner.n_holders_seen = 3;
    check(ALLOW USER);
    fresh();
    owner.complete = false;
    check(ALLOW USER);
}

Test(suggest, what_a_file_cannot_hold_is_passed_over, .init = fresh) {
    static const char *const bad[] = {"/a\nallow tcp", "/a\xff", "/a\x1b[31m", "/a\xe2\x80\xae",
                                      "/a\r"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        holders[0].exe = holders[1].exe = (char *)bad[i];
        check(ALLOW USER);
    }
}

Test(suggest, odd_names_are_quoted_and_taken_literally, .init = fresh) {
    holders[0].exe = holders[1].exe = (char *)"/opt/a b\"c\\d*[x]#$";
    check(ALLOW USER " exe \"/opt/a b\\\"c\\\\\\\\d\\\\*\\\\[x\\\\]#$\"");
    owner.unit = (char *)"dev-x\\x2dy.service";
    check(ALLOW "unit \"dev-x\\\\x2dy.service\"");
}

Test(suggest, until_and_note, .init = fresh) {
    _cleanup_free_ char *text = NULL;
    setenv("TZ", "UTC", 1);
    cr_assert_eq(rule_suggest(&listener, UINT64_C(1798761600000000), "say \"hi\\\"\n# x", &text),
                 0);
    cr_assert_str_eq(text, ALLOW EXE " until 2027-01-01T00:00:00 "
                                     "note \"say \\\"hi\\\\\\\"\\\\n# x\"");
}

/* `user root` would allow every program of root. */
Test(suggest, nothing_where_no_process_is_known, .init = fresh) {
    owner = (Owner){.complete = true, .unheld = true};
    listener.uid = 0;
    allow_nothing();
    owner = (Owner){};
    allow_nothing();
    listener.owner = NULL;
    allow_nothing();
    owner = (Owner){.complete = true, .unheld = true, .unit = (char *)"wg-quick@wg0.service"};
    listener.owner = &owner;
    check(ALLOW "unit wg-quick@wg0.service");
}

Test(suggest, a_forward_by_its_target, .init = fresh) {
    owner = (Owner){};
    listener.uid = (uint32_t)-1;
    listener.origin = ORIGIN_FORWARD;
    check(ALLOW "origin forward");
    listener.forward_port = 80;
    check(ALLOW "target self:80");
    cr_assert_eq(address_parse("10.0.0.5", &listener.forward_to), 0);
    check(ALLOW "target 10.0.0.5:80");
    cr_assert_eq(address_parse("fd00::5", &listener.forward_to), 0);
    check(ALLOW "target [fd00::5]:80");
}

/* --- the words ----------------------------------------------------------------------------------
 */

static bool says(const char *rule, const char *part) {
    _cleanup_free_ char *words = NULL;
    cr_assert_eq(rule_words(rule, &words), 0, "%s", rule);
    return strstr(words, part) != NULL;
}

/* An interpreter runs whatever its user wrote: that must be said. */
Test(words, what_is_permitted_is_said) {
    cr_assert(says(ALLOW "user 4242424 exe /usr/bin/python3.11", "any Python program"));
    cr_assert(says(ALLOW "user 4242424 exe /usr/bin/python3.11", "/usr/bin/python3.11"));
    cr_assert(says(ALLOW "user 4242424 exe /usr/bin/python3.11", "TCP port 3000"));
    cr_assert(says(ALLOW "user 4242424 exe /usr/bin/python3.11", "user 4242424"));
    cr_assert(says(ALLOW "user 4242424 exe /usr/bin/node, /usr/bin/nodejs", "any Node.js program"));
    cr_assert(says(ALLOW "user 4242424 exe /usr/bin/node, /opt/x", "any program"));
    cr_assert(says(ALLOW "user 4242424 exe /usr/bin/node, /opt/x", "/usr/bin/node or /opt/x"));
    cr_assert(says(ALLOW "exe \"/opt/a\\\\*b\" user root", "/opt/a*b"));
    cr_assert(says(ALLOW "user root", "any program of user root"));
    cr_assert(says(ALLOW "unit a.service", "a.service"));
    cr_assert(says(ALLOW "user-unit a.service user root", "a.service of user root"));
    cr_assert(says(ALLOW "container web", "container web"));
    cr_assert(says(ALLOW "target [fd00::5]:80", "to [fd00::5]:80"));
    cr_assert(says(ALLOW "target self:8080", "8080"));
    cr_assert(says(ALLOW "origin forward", "any target"));
    cr_assert(says(ALLOW "scope private origin forward until 2036-12-31", "private"));
    cr_assert(says(ALLOW "scope private origin forward until 2036-12-31", "2036-12-31"));
}

Test(words, of_other_rules_nothing_is_said) {
    static const char *const rules[] = {"flag tcp port 1 user root",
                                        "allow user root",
                                        "allow tcp port 1 not user root",
                                        "allow tcp port 1",
                                        "allow tcp port 1 age 5s user root",
                                        "alow",
                                        "",
                                        "allow\nallow"};
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        char *words = NULL;
        cr_assert_eq(rule_words(rules[i], &words), -EINVAL, "%s", rules[i]);
    }
}

/* --- the text -----------------------------------------------------------------------------------
 */

static void appends(const char *before, const char *after, int expected) {
    _cleanup_free_ char *text = NULL;
    size_t length;
    cr_assert_eq(rules_append(before, strlen(before), "allow udp", &text, &length), expected);
    cr_assert_str_eq(text, after);
    cr_assert_eq(length, strlen(after));
}

Test(append, every_byte_stays) {
    appends("", "allow udp\n", 1);
    appends("allow tcp\n", "allow tcp\nallow udp\n", 1);
    appends("allow tcp", "allow tcp\nallow udp\n", 1);
    appends("# c\r\n\r\n", "# c\r\n\r\nallow udp\n", 1);
    appends("allow tcp \\\n", "allow tcp \\\n\nallow udp\n", 1);
    appends("allow tcp \\\r\n", "allow tcp \\\r\n\nallow udp\n", 1);
    appends("allow tcp \\", "allow tcp \\\n\nallow udp\n", 1);
    appends("x\nallow udp\ny\n", "x\nallow udp\ny\n", 0);
    appends("allow udp", "allow udp", 0);
    appends("# allow udp\n", "# allow udp\nallow udp\n", 1);
}

/* --- the file -----------------------------------------------------------------------------------
 */

static char root[] = "/tmp/sockaudit-local-XXXXXX";
static char *path, *folder;

static void make_root(void) {
    fresh();
    cr_assert_not_null(mkdtemp(root));
    cr_assert_geq(asprintf(&path, "%s" LOCAL_RULES_PATH, root), 0);
    folder = strndup(path, (size_t)(strrchr(path, '/') - path));
}

static void remove_root(void) {
    char *part = strdup(path);
    (void)unlink(path);
    for (char *slash; (slash = strrchr(part, '/')) && strlen(part) > strlen(root);) {
        *slash = '\0';
        (void)rmdir(part);
    }
    free(part);
    free(path);
    free(folder);
}

static void put(const char *text, mode_t mode) {
    char *part = strdup(path);
    for (char *slash = part + strlen(root); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        (void)mkdir(part, 0755);
        *slash = '/';
    }
    free(part);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
}

static void check_file(const char *expected, mode_t mode) {
    char text[4096] = "";
    struct stat status;
    _cleanup_close_ int fd = open(path, O_RDONLY);
    cr_assert_geq(fd, 0);
    cr_assert_geq(read(fd, text, sizeof(text) - 1), 0);
    cr_assert_eq(fstat(fd, &status), 0);
    cr_assert_str_eq(text, expected);
    cr_assert_eq(status.st_mode & 07777, mode);
}

static unsigned first_line;

static int allow(char **lines) {
    const Listener *both[] = {&listener, &listener};
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *file = NULL;
    int r = local_rules_allow(root, both, 2, USEC_INFINITY, NULL, diagnostics, &file, lines,
                              &first_line);
    cr_assert(r < 0 || strcmp(file, path) == 0);
    cr_assert_eq(r == -EBADMSG, diagnostics->n_errors > 0);
    return r;
}

#define RULE ALLOW EXE "\n"

Test(local_rules, a_new_file, .init = make_root, .fini = remove_root) {
    _cleanup_free_ char *lines = NULL, *again = NULL;
    cr_assert_eq(allow(&lines), 0);
    cr_assert_str_eq(lines, RULE); /* once, though they are two */
    cr_assert_eq(first_line, 1);
    check_file(RULE, 0644);
    cr_assert_eq(allow(&again), 0);
    cr_assert_str_eq(again, "");
    cr_assert_eq(first_line, 0);
    check_file(RULE, 0644);
}

Test(local_rules, what_stands_there_stays, .init = make_root, .fini = remove_root) {
    _cleanup_free_ char *lines = NULL;
    put("# mine\r\n\tallow   udp  # why \xc3\xa4\n\n", 0600);
    cr_assert_eq(allow(&lines), 0);
    check_file("# mine\r\n\tallow   udp  # why \xc3\xa4\n\n" RULE, 0600);
    cr_assert_eq(first_line, 4);
}

Test(local_rules, a_broken_file_is_left_alone, .init = make_root, .fini = remove_root) {
    char *lines = NULL;
    put("allow tcp port 70000\n", 0644);
    cr_assert_eq(allow(&lines), -EBADMSG);
    check_file("allow tcp port 70000\n", 0644);
}

static void refuses(int error, const char *why) {
    _cleanup_free_ char *lines = NULL;
    cr_assert_eq(allow(&lines), error);
    cr_assert(lines && strstr(lines, why), "%s", lines);
}

Test(local_rules, a_file_of_others_is_refused, .init = make_root, .fini = remove_root) {
    put("", 0666);
    refuses(-EPERM, "50-local.rules is owned by ");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/dev/null", path), 0);
    refuses(-ELOOP, "50-local.rules is a link");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkfifo(path, 0644), 0);
    refuses(-EINVAL, "50-local.rules is not a regular file");
    if (geteuid() != 0)
        return;
    cr_assert_eq(unlink(path), 0);
    put("", 0644);
    cr_assert_eq(chown(path, 1000, 1000), 0);
    refuses(-EPERM, "50-local.rules is owned by ");
    check_file("", 0644);
}

Test(local_rules, a_directory_of_others_is_refused, .init = make_root, .fini = remove_root) {
    put("", 0644);
    cr_assert_eq(chmod(folder, 0777), 0);
    refuses(-EPERM, "/sockaudit/rules.d is owned by ");
    check_file("", 0644);
}

Test(local_rules, a_narrow_umask_hides_no_rules, .init = make_root, .fini = remove_root) {
    _cleanup_free_ char *lines = NULL;
    struct stat status;
    umask(077);
    cr_assert_eq(allow(&lines), 0);
    check_file(RULE, 0644);
    cr_assert_eq(stat(folder, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0755);
}

/* As the service runs: in a directory of its own, with a file that root put there. */
static int allow_as(uid_t uid) {
    int status;
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        const Listener *one = &listener;
        _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
        char *file, *lines = NULL;
        unsigned number;
        if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
            _exit(99);
        int r = local_rules_allow(root, &one, 1, USEC_INFINITY, NULL, diagnostics, &file, &lines,
                                  &number);
        _exit(-r);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

Test(local_rules, the_services_user_writes_into_roots_file, .init = make_root,
     .fini = remove_root) {
    const uid_t service = 64998, other = 64999;
    struct stat status;
    if (geteuid() != 0) {
        cr_assert_null(getenv("CI"), "run it as root");
        cr_skip_test("run it as root");
    }
    put("# root's\n", 0640);
    cr_assert_eq(chown(root, service, service), 0);
    cr_assert_eq(chmod(root, 0755), 0);
    cr_assert_eq(allow_as(other), -EACCES); /* it may not even read it */
    cr_assert_eq(chmod(path, 0644), 0);
    cr_assert_eq(allow_as(service), -EACCES); /* may not write beside it */
    check_file("# root's\n", 0644);

    cr_assert_eq(chown(folder, service, 0), 0);
    cr_assert_eq(allow_as(other), -EPERM); /* which trusts the service as little */
    cr_assert_eq(allow_as(service), 0);
    check_file("# root's\n" RULE, 0644);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_uid, service); /* it could not be given back, and is to be trusted */
    cr_assert_eq(allow_as(service), 0);
    check_file("# root's\n" RULE, 0644);
}
