/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/proc_parse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/memory.h"

#define STAT_TAIL " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21\n"

static int parse_stat(const char *text, ProcStat *stat) {
    return proc_stat_parse(text, strlen(text), stat);
}

Test(proc_parse, fact_17_the_name_ends_at_the_last_parenthesis) {
    static const char *const names[] = {"sshd",      "a) S 1 (b", ")", "(",
                                        "a\nUid: 0", " ",         "",  "\x1b[2J"};
    for (size_t i = 0; i < ELEMENTS(names); i++) {
        char text[256];
        ProcStat stat;
        snprintf(text, sizeof(text), "42 (%s)" STAT_TAIL, names[i]);
        cr_assert_eq(parse_stat(text, &stat), 0);
        cr_assert_str_eq(stat.comm, names[i]);
        cr_assert_eq(stat.start, 4711);
    }
}

Test(proc_parse, tells_a_process_that_exits) {
    ProcStat stat;
    cr_assert_eq(
        parse_stat("42 (a) R 1 2 3 4 5 4194308 7 8 9 10 11 12 13 14 15 16 17 18 19\n", &stat), 0);
    cr_assert(stat.exiting);
    cr_assert_eq(
        parse_stat("42 (a) S 1 2 3 4 5 4194560 7 8 9 10 11 12 13 14 15 16 17 18 19\n", &stat), 0);
    cr_assert_not(stat.exiting);
}

Test(proc_parse, a_stat_that_is_none_is_refused) {
    static const char *const bad[] = {
        "",
        "42",
        "42 (",
        "42 )(",
        "42 (a)",
        "42 (a) S 1 2 3",
        "42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 -5 20\n",
        "42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99999999999999999999999 20\n"};
    for (size_t i = 0; i < ELEMENTS(bad); i++) {
        ProcStat stat = {.start = 7};
        cr_assert_eq(parse_stat(bad[i], &stat), -EBADMSG, "%s", bad[i]);
        cr_assert_eq(stat.start, 7);
    }
}

Test(proc_parse, a_name_of_a_kernel_thread_may_be_longer_and_is_cut) {
    char text[512], name[201];
    ProcStat stat;
    memset(name, 'k', sizeof(name) - 1);
    name[200] = '\0';
    snprintf(text, sizeof(text), "42 (%s)" STAT_TAIL, name);
    cr_assert_eq(parse_stat(text, &stat), 0);
    cr_assert_eq(strlen(stat.comm), COMM_SIZE - 1);
}

Test(proc_parse, uid_is_the_effective_one) {
    static const char text[] = "Name:\tx\\nUid:\\t0 0\nState:\tS\nUid:\t1000\t1001\t1002\t1003\n";
    uid_t uid;
    cr_assert_eq(proc_status_parse_uid(text, sizeof(text) - 1, &uid), 0);
    cr_assert_eq(uid, 1001);
    cr_assert_eq(proc_status_parse_uid("Uid:\t5", 6, &uid), -EBADMSG);
    cr_assert_eq(proc_status_parse_uid("Uid:\t5\tx\n", 9, &uid), -EBADMSG);
    cr_assert_eq(proc_status_parse_uid("Name: a", 7, &uid), -EBADMSG);
    cr_assert_eq(proc_status_parse_uid("", 0, &uid), -EBADMSG);
    cr_assert_eq(proc_status_parse_uid("Uid:\t5\n6\t7\n", 11, &uid), -EBADMSG);
}

Test(proc_parse, cmdline_is_split_and_bounded) {
    char **arguments;
    cr_assert_eq(proc_cmdline_parse("node\0a b\0\0x", 11, &arguments), 0);
    cr_assert_eq(strv_length(arguments), 4);
    cr_assert_str_eq(arguments[1], "a b");
    cr_assert_str_eq(arguments[2], "");
    cr_assert_str_eq(arguments[3], "x");
    strv_free(arguments);

    cr_assert_eq(proc_cmdline_parse("", 0, &arguments), 0);
    cr_assert_eq(strv_length(arguments), 0);
    strv_free(arguments);

    static char many[3 * CMDLINE_BYTES_MAX];
    many[sizeof(many) - 1] = 'x'; /* else it would be padding */
    cr_assert_eq(proc_cmdline_parse(many, sizeof(many), &arguments), 0);
    cr_assert_eq(strv_length(arguments), CMDLINE_ARGS_MAX);
    strv_free(arguments);

    memset(many, '\xff', sizeof(many));
    cr_assert_eq(proc_cmdline_parse(many, sizeof(many), &arguments), 0);
    cr_assert_eq(strlen(arguments[0]), CMDLINE_BYTES_MAX);
    strv_free(arguments);
}

Test(proc_parse, padding_behind_a_title_is_no_arguments) {
    static const struct {
        const char *text;
        size_t length, n_arguments;
    } cases[] = {
        {"next-server (v15)\0\0\0", 20, 1},
        {"puma 5.6 (tcp://x)\0\0", 20, 1},
        {"vite\0\0\0\0\0", 9, 1},
        {"prog\0", 5, 1},
        {"prog\0\0\0", 7, 3},
        {"a b\0\0c", 6, 3},
        {"\0\0\0\0\0\0", 6, 0},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        char **arguments;
        cr_assert_eq(proc_cmdline_parse(cases[i].text, cases[i].length, &arguments), 0);
        cr_assert_eq(strv_length(arguments), cases[i].n_arguments, "%s", cases[i].text);
        strv_free(arguments);
    }
}

static FdKind kind(const char *text, uint32_t *inode) {
    return fd_link_parse(text, strlen(text), inode);
}

Test(proc_parse, links_of_sockets_and_rings_are_known) {
    uint32_t inode = 0;
    cr_assert_eq(kind("socket:[4294967295]", &inode), FD_SOCKET);
    cr_assert_eq(inode, UINT32_MAX);
    cr_assert_eq(kind("anon_inode:[io_uring]", &inode), FD_IO_URING);
    static const char *const others[] = {"",
                                         "socket:[",
                                         "socket:[]",
                                         "socket:[1",
                                         "socket:[1]x",
                                         "socket:[-1]",
                                         "socket:[ 1]",
                                         "socket:[4294967296]",
                                         "/tmp/socket:[1]",
                                         "pipe:[1]",
                                         "anon_inode:[io_uring] (deleted)",
                                         "anon_inode:[eventfd]",
                                         "socket:[1] (deleted)"};
    for (size_t i = 0; i < ELEMENTS(others); i++)
        cr_assert_eq(kind(others[i], &inode), FD_OTHER, "%s", others[i]);
    cr_assert_eq(inode, UINT32_MAX);
}

Test(proc_parse, numbers_are_digits_alone) {
    int number = -7;
    cr_assert(proc_number_parse("2147483647", &number) == 0 && number == 2147483647);
    cr_assert(proc_number_parse("2147483648", &number) < 0);
    cr_assert(proc_number_parse("", &number) < 0);
    cr_assert(proc_number_parse("self", &number) < 0);
    cr_assert(proc_number_parse("-1", &number) < 0);
    cr_assert(proc_number_parse(".", &number) < 0);
}

typedef struct Found {
    uint32_t inodes[8];
    size_t n;
} Found;

static int found_socket(void *userdata, uint32_t inode) {
    Found *found = userdata;
    found->inodes[found->n++] = inode;
    return found->n == ELEMENTS(found->inodes) ? -ENOSPC : 0;
}

static const char RING[] = "pos:\t0\nflags:\t02\nSqMask:\t0x3\nSQEs:\t0\nCQEs:\t0\nSqThread:\t-1\n"
                           "UserFiles:\t4\n    0: socket:[4711]\n    1: /tmp/socket:[1]\n"
                           "  100000: socket:[4712]\n    3: <none>\n    4: /a/b: socket:[9]\n"
                           "UserBufs:\t1\n    0: socket:[5]\nPollList:\n";

Test(proc_parse, fact_15_registered_files_of_a_ring_are_found_however_it_is_read) {
    for (size_t piece = 1; piece <= sizeof(RING); piece++) {
        UserFilesParser parser = {};
        Found found = {};
        for (size_t at = 0; at < sizeof(RING) - 1; at += piece) {
            size_t left = sizeof(RING) - 1 - at;
            cr_assert_eq(user_files_parse(&parser, RING + at, left < piece ? left : piece,
                                          found_socket, &found),
                         0);
        }
        cr_assert(parser.seen);
        cr_assert_eq(found.n, 2);
        cr_assert_eq(found.inodes[0], 4711);
        cr_assert_eq(found.inodes[1], 4712);
    }
}

Test(proc_parse, a_ring_that_was_busy_is_told_apart) {
    static const char busy[] = "pos:\t0\nflags:\t02\nSqMask:\t0x3\n";
    UserFilesParser parser = {};
    Found found = {};
    cr_assert_eq(user_files_parse(&parser, busy, sizeof(busy) - 1, found_socket, &found), 0);
    cr_assert(!parser.seen && found.n == 0);
}

Test(proc_parse, a_long_line_of_a_ring_hides_nothing_behind_it) {
    char text[600] = "UserFiles:\t2\n    0: /";
    memset(text + strlen(text), 'x', 500);
    strcat(text, "\n    1: socket:[8]\n");
    UserFilesParser parser = {};
    Found found = {};
    cr_assert_eq(user_files_parse(&parser, text, strlen(text), found_socket, &found), 0);
    cr_assert(found.n == 1 && found.inodes[0] == 8);
}

Test(proc_parse, a_visitor_can_end_it) {
    UserFilesParser parser = {};
    Found found = {};
    char text[600] = "UserFiles:\t20\n";
    for (unsigned i = 0; i < 20; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %2u: socket:[%u]\n", i, i + 1);
    cr_assert_eq(user_files_parse(&parser, text, strlen(text), found_socket, &found), -ENOSPC);
    cr_assert_eq(found.n, 8);
}

static void expect_cgroup(const char *text, const char *expected) {
    const char *path;
    size_t length;
    int r = proc_cgroup_parse(text, strlen(text), &path, &length);
    if (!expected) {
        cr_assert_eq(r, -ENOENT, "%s", text);
        return;
    }
    cr_assert_eq(r, 0, "%s", text);
    cr_assert(length == strlen(expected) && memcmp(path, expected, length) == 0, "%s", text);
}

Test(proc_parse, fact_8_the_cgroup_of_a_process_is_taken_from_the_hierarchy_in_use) {
    expect_cgroup("0::/system.slice/a.service\n", "/system.slice/a.service");
    expect_cgroup("9:name=systemd:/system.slice/a.service\n4:memory:/x/y/z/long/long/long/long\n"
                  "0::/\n",
                  "/system.slice/a.service");
    expect_cgroup("1:name=systemd:/\n0::/", "/");
    expect_cgroup("4:memory:/x\n", NULL);
    expect_cgroup("", NULL);
    expect_cgroup("0::relative\n", NULL);
    expect_cgroup("0::/a b:c\n", "/a b:c");
}

static void expect_environ(const char *text, size_t length, pid_t pid, int n_fds) {
    pid_t found_pid = -1;
    int found_n_fds = -1;
    proc_environ_parse(text, length, &found_pid, &found_n_fds);
    cr_expect_eq(found_pid, pid, "%s: %d", text, found_pid);
    cr_expect_eq(found_n_fds, n_fds, "%s: %d", text, found_n_fds);
}

#define environ_is(text, pid, n_fds) expect_environ(text, sizeof(text) - 1, pid, n_fds)

Test(proc_parse, socket_activation_is_found_in_the_environment) {
    environ_is("PATH=/bin\0LISTEN_FDS=2\0LISTEN_PID=4242\0", 4242, 2);
    environ_is("LISTEN_PID=4242\0LISTEN_FDS=2", 4242, 2);
    environ_is("LISTEN_PID=4242\0LISTEN_FDS=\0", 0, 0);
    environ_is("LISTEN_PID=4242\0X=LISTEN_FDS=2\0", 0, 0);
    environ_is("LISTEN_PID=-1\0LISTEN_FDS=2\0", 0, 0);
    environ_is("LISTEN_PID=1 \0LISTEN_FDS=2\0", 0, 0);
    environ_is("LISTEN_PID=99999999999999999999\0LISTEN_FDS=2\0", 0, 0);
    environ_is("LISTEN_PID=0\0LISTEN_FDS=2\0", 0, 0);
    environ_is("", 0, 0);
}
