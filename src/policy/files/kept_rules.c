/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The format of the file. Each part follows its length, so that texts need no escaping:
 *
 *   sockaudit-rules 1 NUMBER-OF-FILES
 *   LENGTH ROOT
 *   LENGTH RULES
 *   LENGTH NAME       for each file
 *   LENGTH TEXT
 *   CHECKSUM          16 hexadecimal digits, over all preceding bytes
 */
#include "policy/files/kept_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/build.h"
#include "util/cleanup.h"
#include "util/fnv.h"
#include "util/read.h"
#include "util/text_stream.h"

#define HEAD           "sockaudit-rules 1 "
#define CHECKSUM_SIZE  17 /* including the newline */
#define TEMPORARY_FILE "." KEPT_RULES_FILE ".new"

/* Detects damage, not forgery. */
static uint64_t checksum(const char *text, size_t length) {
    return fnv_add(FNV_BEGIN, text, length);
}

/* --- written ------------------------------------------------------------------------------------
 */

static void print_part(const char *text, size_t length, FILE *out) {
    fprintf(out, "%zu ", length);
    fwrite(text, 1, length, out);
    fputc('\n', out);
}

static void print_text(const char *text, FILE *out) {
    print_part(text ?: "", text ? strlen(text) : 0, out);
}

int kept_rules_format(const PolicySource *source, const Policy *policy, char **ret,
                      size_t *ret_length) {
    _cleanup_free_ char *text = NULL;
    size_t length;
    FILE *out = text_stream_open(&text, &length);

    if (!out)
        return -ENOMEM;
    fprintf(out, HEAD "%zu\n", policy->n_sources);
    print_text(source->root, out);
    print_text(source->rules, out);
    for (size_t i = 0; i < policy->n_sources; i++) {
        print_text(policy->sources[i]->name, out);
        print_part(policy->sources[i]->text, policy->sources[i]->length, out);
    }
    if (fflush(out) == 0)
        fprintf(out, "%016" PRIx64 "\n", checksum(text, length));
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        return -ENOMEM;
    if (length > KEPT_RULES_MAX)
        return -EFBIG;
    *ret = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}

static int write_synced(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int kept_rules_write(int dir_fd, const PolicySource *source, const Policy *policy) {
    _cleanup_free_ char *text = NULL;
    size_t length;

    int r = kept_rules_format(source, policy, &text, &length);
    if (r < 0)
        return r;
    (void)unlinkat(dir_fd, TEMPORARY_FILE, 0); /* left over after a kill */
    _cleanup_close_ int fd =
        openat(dir_fd, TEMPORARY_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_synced(fd, text, length);
    if (r == 0 && renameat(dir_fd, TEMPORARY_FILE, dir_fd, KEPT_RULES_FILE) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dir_fd, TEMPORARY_FILE, 0);
    return r;
}

/* --- read ---------------------------------------------------------------------------------------
 */

typedef struct Reader {
    const char *at;
    size_t left;
} Reader;

/* Reads a number and the byte after it. */
static bool read_number(Reader *reader, char end, size_t *ret) {
    size_t digits = 0;
    uint64_t value;

    while (digits < reader->left && digits < 10 && reader->at[digits] >= '0' &&
           reader->at[digits] <= '9')
        digits++;
    if (digits == reader->left || reader->at[digits] != end ||
        parse_unsigned(reader->at, digits, KEPT_RULES_MAX, &value) < 0)
        return false;
    reader->at += digits + 1;
    reader->left -= digits + 1;
    *ret = (size_t)value;
    return true;
}

static bool read_part(Reader *reader, const char **ret, size_t *ret_length) {
    size_t length;

    if (!read_number(reader, ' ', &length) || length >= reader->left || reader->at[length] != '\n')
        return false;
    *ret = reader->at;
    *ret_length = length;
    reader->at += length + 1;
    reader->left -= length + 1;
    return true;
}

/* Returns 1 if the part is that text, 0 if it is another one, or -EBADMSG. */
static int compare_part(Reader *reader, const char *wanted) {
    const char *text;
    size_t length, wanted_length = wanted ? strlen(wanted) : 0;

    if (!read_part(reader, &text, &length))
        return -EBADMSG;
    return length == wanted_length && memcmp(text, wanted ?: "", length) == 0;
}

static int read_file(Reader *reader, RulesFiles *files) {
    const char *name, *text;
    size_t name_length, length;

    if (!read_part(reader, &name, &name_length) || !read_part(reader, &text, &length) ||
        length > FILE_SIZE_MAX || memchr(name, '\0', name_length))
        return -EBADMSG;
    char *name_copy = strndup(name, name_length), *copy = malloc(length + 1);
    if (!name_copy || !copy) {
        free(name_copy);
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return rules_files_add(files, name_copy, copy, length);
}

static int read_files(Reader *reader, size_t n_files, RulesFiles *files) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < n_files; i++)
        r = read_file(reader, files);
    return r == 0 && reader->left > 0 ? -EBADMSG : r;
}

/* Verifies and removes the checksum at the end. */
static bool check_end(Reader *reader) {
    char wanted[CHECKSUM_SIZE + 1];

    if (reader->left < CHECKSUM_SIZE)
        return false;
    reader->left -= CHECKSUM_SIZE;
    snprintf(wanted, sizeof(wanted), "%016" PRIx64 "\n", checksum(reader->at, reader->left));
    return memcmp(reader->at + reader->left, wanted, CHECKSUM_SIZE) == 0;
}

int kept_rules_parse(const char *text, size_t length, const PolicySource *source, Policy **ret) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Reader reader = {text, length};
    RulesFiles files = {};
    size_t n_files;

    if (!diagnostics)
        return -ENOMEM;
    if (!check_end(&reader) || reader.left < strlen(HEAD) ||
        memcmp(reader.at, HEAD, strlen(HEAD)) != 0)
        return -EBADMSG;
    reader.at += strlen(HEAD);
    reader.left -= strlen(HEAD);
    if (!read_number(&reader, '\n', &n_files) || n_files > FILES_MAX)
        return -EBADMSG;
    int root = compare_part(&reader, source->root);
    int rules = root < 0 ? root : compare_part(&reader, source->rules);
    if (root < 0 || rules < 0)
        return -EBADMSG;
    if (!root || !rules)
        return -ENOENT;
    int r = read_files(&reader, n_files, &files);
    if (r == 0)
        r = policy_build(&files, diagnostics, ret);
    rules_files_done(&files);
    return r;
}

int kept_rules_read(int dir_fd, const PolicySource *source, Policy **ret, usec_t *ret_saved) {
    _cleanup_free_ char *text = NULL;
    struct stat status;
    size_t length;
    _cleanup_close_ int fd =
        openat(dir_fd, KEPT_RULES_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ELOOP ? -EBADMSG : -errno;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_mode & (S_IWGRP | S_IWOTH) ||
        (status.st_uid != 0 && status.st_uid != geteuid()))
        return -EBADMSG;
    int r = read_whole(fd, KEPT_RULES_MAX, &text, &length);
    if (r < 0)
        return r == -EFBIG ? -EBADMSG : r;
    r = kept_rules_parse(text, length, source, ret);
    if (r == 0)
        *ret_saved = (usec_t)status.st_mtim.tv_sec * USEC_PER_SEC;
    return r;
}
