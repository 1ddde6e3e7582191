/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parsers of /proc. The first byte chooses one; what it finds must lie inside what it got. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "owner/proc_parse.h"
#include "util/memory.h"

static int count(void *userdata, uint32_t inode) {
    uint64_t *sum = userdata;
    *sum += inode;
    return 0;
}

static void require(bool holds) {
    if (!holds)
        abort();
}

/* Whole or in pieces, a ring tells the same. */
static void ring(const char *text, size_t length) {
    UserFilesParser whole = {}, pieces = {};
    uint64_t of_whole = 0, of_pieces = 0;
    (void)user_files_parse(&whole, text, length, count, &of_whole);
    for (size_t at = 0; at < length; at += 7)
        (void)user_files_parse(&pieces, text + at, length - at < 7 ? length - at : 7, count,
                               &of_pieces);
    require(of_whole == of_pieces && whole.seen == pieces.seen);
}

static void cmdline(const char *text, size_t length) {
    char **arguments;
    if (proc_cmdline_parse(text, length, &arguments) < 0)
        return;
    require(strv_length(arguments) <= CMDLINE_ARGS_MAX);
    strv_free(arguments);
}

static void cgroup(const char *text, size_t length) {
    const char *path;
    size_t path_length;
    if (proc_cgroup_parse(text, length, &path, &path_length) < 0)
        return;
    require(path >= text && path_length <= length && path + path_length <= text + length);
    require(path_length > 0 && *path == '/' && !memchr(path, '\n', path_length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    /* A copy of its own, so that a sanitizer sees a read beyond its end. */
    size_t length = size - 1;
    char *text = malloc(length ? length : 1);
    if (!text)
        return 0;
    memcpy(text, data + 1, length);

    ProcStat stat;
    uid_t uid;
    uint32_t inode;
    pid_t pid;
    int n_fds;
    switch (data[0] % 7) {
    case 0:
        if (proc_stat_parse(text, length, &stat) == 0)
            require(strnlen(stat.comm, sizeof(stat.comm)) < sizeof(stat.comm));
        break;
    case 1:
        (void)proc_status_parse_uid(text, length, &uid);
        break;
    case 2:
        cmdline(text, length);
        break;
    case 3:
        (void)fd_link_parse(text, length, &inode);
        break;
    case 4:
        ring(text, length);
        break;
    case 6:
        proc_environ_parse(text, length, &pid, &n_fds);
        require((pid > 0) == (n_fds > 0));
        break;
    default:
        cgroup(text, length);
    }
    free(text);
    return 0;
}
