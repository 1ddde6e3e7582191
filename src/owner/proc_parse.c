/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/proc_parse.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/parse.h"

/* Counted from the field after the name (3 in proc_pid_stat(5)). */
/* From include/linux/sched.h. Set before a task releases its memory, and therefore its exe. */
#define PF_EXITING        0x4u
#define STAT_PARENT_FIELD (4 - 3)
#define STAT_GROUP_FIELD  (5 - 3)
#define STAT_FLAGS_FIELD  (9 - 3)
#define STAT_START_FIELD  (22 - 3)

/* More empty arguments than these after the name are padding. */
#define EMPTY_ARGUMENTS_MAX 3

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* The next word of [*at, end), or false at the end. Newlines end words as well. */
static bool next_word(const char **at, const char *end, const char **ret_word, size_t *ret_length) {
    while (*at < end && (is_blank(**at) || **at == '\n'))
        (*at)++;
    if (*at == end)
        return false;
    *ret_word = *at;
    while (*at < end && !is_blank(**at) && **at != '\n')
        (*at)++;
    *ret_length = (size_t)(*at - *ret_word);
    return true;
}

int proc_stat_parse(const char *text, size_t length, ProcStat *ret) {
    const char *open = memchr(text, '(', length);
    const char *close = memrchr(text, ')', length);
    if (!open || !close || close < open)
        return -EBADMSG;

    const char *at = close + 1, *word = NULL;
    size_t word_length = 0;
    uint64_t start, parent = 0, group = 0, flags = 0;
    for (unsigned field = 0; field <= STAT_START_FIELD; field++) {
        if (!next_word(&at, text + length, &word, &word_length))
            return -EBADMSG;
        if (field == STAT_PARENT_FIELD && parse_unsigned(word, word_length, INT_MAX, &parent) < 0)
            return -EBADMSG;
        /* -1 while the process ends. */
        if (field == STAT_GROUP_FIELD && parse_unsigned(word, word_length, INT_MAX, &group) < 0)
            group = 0;
        if (field == STAT_FLAGS_FIELD && parse_unsigned(word, word_length, UINT32_MAX, &flags) < 0)
            flags = 0;
    }
    if (parse_unsigned(word, word_length, UINT64_MAX, &start) < 0)
        return -EBADMSG;

    size_t name = (size_t)(close - open - 1);
    if (name >= COMM_SIZE)
        name = COMM_SIZE - 1;
    memcpy(ret->comm, open + 1, name);
    ret->comm[name] = '\0';
    ret->parent = (pid_t)parent;
    ret->group = (pid_t)group;
    ret->exiting = (flags & PF_EXITING) != 0;
    ret->start = start;
    return 0;
}

int proc_status_parse_uid(const char *text, size_t length, uid_t *ret) {
    /* `Name:` comes first and is escaped by the kernel: no newline of its own, no forged `Uid:`. */
    const char *end = text + length;
    for (const char *line = text; line && line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = next ? next : end;
        if (line_end - line > 4 && memcmp(line, "Uid:", 4) == 0) {
            const char *at = line + 4, *word;
            size_t word_length;
            uint64_t uid;
            if (!next_word(&at, line_end, &word, &word_length) ||
                !next_word(&at, line_end, &word, &word_length) ||
                parse_unsigned(word, word_length, UINT32_MAX, &uid) < 0)
                return -EBADMSG;
            *ret = (uid_t)uid;
            return 0;
        }
        line = next ? next + 1 : NULL;
    }
    return -EBADMSG;
}

/*
 * Returns the length without the NULs that pad a title to the length of the previous arguments.
 * Applies only if no text follows the first argument, and if it contains a space or there are many
 * NULs: `prog ""` has an empty argument.
 */
static size_t drop_padding(const char *text, size_t length) {
    size_t first = strnlen(text, length), end = first;

    while (end < length && text[end] == '\0')
        end++;
    bool is_padding = memchr(text, ' ', first) || length - first > 1 + EMPTY_ARGUMENTS_MAX;
    return end == length && is_padding ? first : length;
}

int proc_cmdline_parse(const char *text, size_t length, char ***ret) {
    _cleanup_strv_ char **arguments = NULL;
    size_t count = 0, allocated = 0;

    length = drop_padding(text, length);
    if (length > CMDLINE_BYTES_MAX)
        length = CMDLINE_BYTES_MAX;
    int r = ARRAY_RESERVE(arguments, allocated, 1);
    if (r < 0)
        return r;
    arguments[0] = NULL;
    for (const char *at = text, *end = text + length; at < end && count < CMDLINE_ARGS_MAX;) {
        size_t piece = strnlen(at, (size_t)(end - at));
        r = ARRAY_RESERVE(arguments, allocated, count + 2);
        if (r < 0)
            return r;
        arguments[count] = strndup(at, piece);
        if (!arguments[count])
            return -ENOMEM;
        arguments[++count] = NULL;
        at += piece + 1;
    }
    *ret = TAKE_PTR(arguments);
    return 0;
}

/* Returns the number that the variable is set to, or 0. The last byte may be missing. */
static int parse_variable(const char *text, size_t length, const char *name) {
    size_t n = strlen(name);
    char number[16];
    int value;

    if (length <= n || length - n >= sizeof(number) || memcmp(text, name, n) != 0)
        return 0;
    memcpy(number, text + n, length - n);
    number[length - n] = '\0';
    return proc_number_parse(number, &value) == 0 ? value : 0;
}

void proc_environ_parse(const char *text, size_t length, pid_t *ret_listen_pid,
                        int *ret_n_listen_fds) {
    int pid = 0, n_fds = 0;

    for (size_t at = 0; at < length;) {
        size_t n = strnlen(text + at, length - at);
        pid = pid ?: parse_variable(text + at, n, "LISTEN_PID=");
        n_fds = n_fds ?: parse_variable(text + at, n, "LISTEN_FDS=");
        at += n + 1;
    }
    *ret_listen_pid = n_fds > 0 ? pid : 0;
    *ret_n_listen_fds = pid > 0 ? n_fds : 0;
}

FdKind fd_link_parse(const char *text, size_t length, uint32_t *ret_inode) {
    static const char socket_prefix[] = "socket:[", ring[] = "anon_inode:[io_uring]";
    const size_t prefix = sizeof(socket_prefix) - 1;

    if (length > prefix + 1 && memcmp(text, socket_prefix, prefix) == 0) {
        uint64_t inode;
        if (text[length - 1] != ']' ||
            parse_unsigned(text + prefix, length - prefix - 1, UINT32_MAX, &inode) < 0)
            return FD_OTHER;
        *ret_inode = (uint32_t)inode;
        return FD_SOCKET;
    }
    if (length == sizeof(ring) - 1 && memcmp(text, ring, length) == 0)
        return FD_IO_URING;
    return FD_OTHER;
}

int proc_number_parse(const char *text, int *ret) {
    uint64_t number;
    if (parse_unsigned(text, strlen(text), INT_MAX, &number) < 0)
        return -EINVAL;
    *ret = (int)number;
    return 0;
}

static int user_files_line(UserFilesParser *parser, int (*found)(void *userdata, uint32_t inode),
                           void *userdata) {
    static const char heading[] = "UserFiles:";
    const char *at = parser->line, *end = parser->line + parser->length;

    if (at < end && !is_blank(*at)) { /* a heading; entries are indented or begin with a digit */
        if (parser->length >= sizeof(heading) - 1 &&
            memcmp(at, heading, sizeof(heading) - 1) == 0) {
            parser->inside = parser->seen = true;
            return 0;
        }
        if (*at < '0' || *at > '9') {
            parser->inside = false;
            return 0;
        }
    }
    if (!parser->inside)
        return 0;

    const char *word;
    size_t length;
    uint32_t inode;
    uint64_t slot;
    if (!next_word(&at, end, &word, &length) || length < 2 || word[length - 1] != ':' ||
        parse_unsigned(word, length - 1, UINT32_MAX, &slot) < 0 ||
        !next_word(&at, end, &word, &length) || at != end)
        return 0;
    return fd_link_parse(word, length, &inode) == FD_SOCKET ? found(userdata, inode) : 0;
}

int user_files_parse(UserFilesParser *parser, const char *text, size_t length,
                     int (*found)(void *userdata, uint32_t inode), void *userdata) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n') {
            /* One byte more than fits marks a line as too long. */
            if (parser->length < sizeof(parser->line))
                parser->line[parser->length] = text[i];
            if (parser->length <= sizeof(parser->line))
                parser->length++;
            continue;
        }
        int r = 0;
        if (parser->length <= sizeof(parser->line))
            r = user_files_line(parser, found, userdata);
        parser->length = 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int proc_cgroup_parse(const char *text, size_t length, const char **ret, size_t *ret_length) {
    static const char unified[] = "0::", named[] = ":name=systemd:";
    const char *end = text + length, *best = NULL;
    size_t best_length = 0;

    for (const char *line = text; line && line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = next ? next : end;
        const char *path = NULL;
        const char *colon = memchr(line, ':', (size_t)(line_end - line));
        if ((size_t)(line_end - line) >= sizeof(unified) - 1 && memcmp(line, unified, 3) == 0)
            path = line + sizeof(unified) - 1;
        else if (colon && (size_t)(line_end - colon) >= sizeof(named) - 1 &&
                 memcmp(colon, named, sizeof(named) - 1) == 0)
            path = colon + sizeof(named) - 1;
        /* The longer says more: `/` is what the hierarchy that is not used says. */
        if (path && path < line_end && *path == '/' && (size_t)(line_end - path) > best_length) {
            best = path;
            best_length = (size_t)(line_end - path);
        }
        line = next ? next + 1 : NULL;
    }
    if (!best)
        return -ENOENT;
    *ret = best;
    *ret_length = best_length;
    return 0;
}
