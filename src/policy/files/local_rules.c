/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/files/local_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/files/file_trust.h"
#include "policy/policy.h"
#include "policy/suggest.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/read.h"
#include "util/text_stream.h"

/* Far above what anybody writes. */
#define FILE_SIZE_MAX (1024 * 1024)
#define TEMPORARY     ".50-local.rules.new"

typedef struct LocalFile {
    int dir_fd;
    const char *name; /* of the file, in the directory */
    bool exists;
    struct stat status;
    char *text;
    size_t length;
    unsigned first_line; /* the number of the first added line; 0: none was added */
    Trust trust;
    char *problem;     /* why it is not to be trusted */
    bool of_directory; /* that is */
} LocalFile;

static void local_file_done(LocalFile *file) {
    if (file->dir_fd >= 0)
        close(file->dir_fd);
    free(file->text);
    free(file->problem);
    trust_done(&file->trust);
}

/* Makes each directory on the way that is not there; returns the last one's fd. */
static int open_directory(const char *path) {
    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        /* Everybody may read the rules, whatever our umask. */
        bool made = mkdir(copy, 0755) == 0;
        if ((!made && errno != EEXIST) || (made && chmod(copy, 0755) < 0))
            return -errno;
        *slash = '/';
    }
    *strrchr(copy, '/') = '\0';
    int fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Whoever else could write there could have put a link, or other rules, in its place. */
static int check_directory(LocalFile *file) {
    struct stat status;
    if (fstat(file->dir_fd, &status) < 0)
        return -errno;
    int r = trust_check_directory(&file->trust, file->dir_fd, &status, &file->problem);
    file->of_directory = r == 0;
    return r < 0 ? r : r == 0 ? -EPERM : 0;
}

static int read_file(LocalFile *file) {
    _cleanup_close_ int fd =
        openat(file->dir_fd, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &file->status) < 0)
        return -errno;
    if (!S_ISREG(file->status.st_mode)) {
        file->problem = strdup("is not a regular file");
        return -EINVAL;
    }
    int r = trust_check_file(&file->trust, fd, &file->status, &file->problem);
    if (r <= 0)
        return r < 0 ? r : -EPERM;
    if (file->status.st_size > FILE_SIZE_MAX)
        return -EFBIG;
    file->exists = true;
    r = read_whole(fd, (size_t)file->status.st_size, &file->text, &file->length);
    return r == -EFBIG ? -ESTALE : r; /* it has grown meanwhile */
}

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whether the file is yet what was read. */
static int check_unchanged(const LocalFile *file) {
    struct stat now;
    if (fstatat(file->dir_fd, file->name, &now, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT && !file->exists ? 0 : -ESTALE;
    return file->exists && is_same(&now, &file->status) ? 0 : -ESTALE;
}

static int write_all(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t)n;
    }
    return 0;
}

static int write_temporary(const LocalFile *file, const char *text, size_t length) {
    (void)unlinkat(file->dir_fd, TEMPORARY, 0); /* of a writer that was killed */
    _cleanup_close_ int fd =
        openat(file->dir_fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, text, length);
    if (r < 0)
        return r;
    /* The service's own user may not give it back to root: it is trusted as well. */
    if (file->exists && (file->status.st_uid != geteuid() || file->status.st_gid != getegid()) &&
        fchown(fd, file->status.st_uid, file->status.st_gid) < 0 && errno != EPERM)
        return -errno;
    if (fchmod(fd, file->exists ? file->status.st_mode & 0777 : 0644) < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

static int replace_file(const LocalFile *file, const char *text, size_t length) {
    int r = write_temporary(file, text, length);
    if (r == 0)
        r = check_unchanged(file);
    if (r == 0 && renameat(file->dir_fd, TEMPORARY, file->dir_fd, file->name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(file->dir_fd, TEMPORARY, 0);
        return r;
    }
    return fsync(file->dir_fd) < 0 ? -errno : 0;
}

/* Returns the number of the last complete line. */
static unsigned count_lines(const char *text, size_t length) {
    unsigned count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == '\n';
    return count;
}

/* The new text in the place of the old, in memory; and the lines that are new in `lines`. */
static int add_rules(LocalFile *file, const Listener *const *listeners, size_t n_listeners,
                     usec_t until, const char *note, FILE *lines) {
    for (size_t i = 0; i < n_listeners; i++) {
        _cleanup_free_ char *line = NULL;
        char *text;
        size_t length;
        int r = rule_suggest(listeners[i], until, note, &line);
        if (r == 0)
            r = rules_append(file->text ?: "", file->length, line, &text, &length);
        if (r < 0)
            return r;
        free(file->text);
        file->text = text;
        file->length = length;
        if (r > 0 && file->first_line == 0)
            file->first_line = count_lines(text, length);
        if (r > 0)
            fprintf(lines, "%s\n", line);
    }
    return 0;
}

static int allow(LocalFile *file, const char *path, const Listener *const *listeners,
                 size_t n_listeners, usec_t until, const char *note, Diagnostics *diagnostics,
                 FILE *lines) {
    _cleanup_policy_ Policy *policy = NULL;
    const char *slash = strrchr(path, '/');

    file->dir_fd = open_directory(path);
    if (file->dir_fd < 0)
        return file->dir_fd;
    file->name = slash + 1;
    int r = check_directory(file);
    if (r == 0)
        r = read_file(file);
    if (r < 0)
        return r;
    size_t before = file->length;
    r = add_rules(file, listeners, n_listeners, until, note, lines);
    if (r == 0)
        r = policy_parse(path, file->text ?: "", file->length, diagnostics, &policy);
    if (r < 0 || file->length == before)
        return r;
    return replace_file(file, file->text, file->length);
}

static int begin_trust(LocalFile *file, const char *root) {
    _cleanup_close_ int root_fd = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (root && root_fd < 0)
        return errno == ENOENT ? -ENOTDIR : -errno; /* not as if there were no such listener */
    return trust_init(&file->trust, geteuid(), root_fd);
}

/* Why it failed, for a person. */
static char *tell_why(const LocalFile *file, const char *path, int error) {
    size_t length = file->of_directory ? (size_t)(strrchr(path, '/') - path) : strlen(path);
    _cleanup_free_ char *escaped = text_escape(path, length);
    const char *why = file->problem ?: strerror(-error);
    char *text;

    if (error == -ELOOP)
        why = "is a link, and may mask the file of a package; remove it first";
    if (error == -ESTALE)
        why = "was changed by another program at the same time; try again";
    if (error == -ENODATA)
        return NULL; /* it is not about the file */
    if (asprintf(&text, "%s%s %s", escaped ?: "",
                 file->problem || error == -ELOOP || error == -ESTALE ? "" : ":", why) < 0)
        return NULL;
    return text;
}

int local_rules_allow(const char *root, const Listener *const *listeners, size_t n_listeners,
                      usec_t until, const char *note, Diagnostics *diagnostics, char **ret_file,
                      char **ret_lines, unsigned *ret_line) {
    _cleanup_free_ char *path = NULL, *text = NULL;
    LocalFile file = {.dir_fd = -1};
    size_t size;

    if (asprintf(&path, "%s%s", root ?: "", LOCAL_RULES_PATH) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    FILE *lines = text_stream_open(&text, &size);
    if (!lines)
        return -ENOMEM;
    int r = begin_trust(&file, root);
    if (r == 0)
        r = allow(&file, path, listeners, n_listeners, until, note, diagnostics, lines);
    if (r == -ENOENT) /* the directory went under it: it is no listener that there is not */
        r = -ESTALE;
    if (r < 0 && r != -EBADMSG)
        *ret_lines = tell_why(&file, path, r);
    local_file_done(&file);
    if (fclose(lines) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret_file = TAKE_PTR(path);
    *ret_lines = TAKE_PTR(text);
    *ret_line = file.first_line;
    return 0;
}
