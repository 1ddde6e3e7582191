/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which rules files there are, and which of them may be believed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "policy/build.h"
#include "policy/files/file_trust.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/read.h"

/* From the one that wins to the one that is covered. All follow the build's --prefix and
 * --sysconfdir, but for /run, which is everyone's. */
static const char *const rules_directories[] = {
    SYSCONFDIR "/sockaudit/rules.d",
    "/run/sockaudit/rules.d",
    VENDORDIR "/rules.d",
};
static const char main_file[] = SYSCONFDIR "/sockaudit/sockaudit.rules";

typedef struct Reader {
    int root_fd;
    const char *root; /* as it is shown before paths; "" for `/` */
    Trust trust;
    Diagnostics *diagnostics;
    RulesFiles *files;
} Reader;

int rules_files_add(RulesFiles *files, char *name, char *text, size_t length) {
    if (ARRAY_RESERVE(files->files, files->allocated, files->n_files + 1) < 0) {
        free(name);
        free(text);
        return -ENOMEM;
    }
    files->files[files->n_files++] = (RulesFile){.name = name, .text = text, .length = length};
    files->n_bytes += length;
    return 0;
}

void rules_files_done(RulesFiles *files) {
    for (size_t i = 0; i < files->n_files; i++) {
        free(files->files[i].name);
        free(files->files[i].text);
    }
    free(files->files);
    *files = (RulesFiles){};
}

__attribute__((format(printf, 3, 4))) static int refuse(const Reader *reader, const char *name,
                                                        const char *format, ...) {
    _cleanup_free_ char *message = NULL;
    SourcePlace place = {.file = name};
    va_list arguments;

    va_start(arguments, format);
    int r = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (r < 0) {
        message = NULL;
        return -ENOMEM;
    }
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, &place, "%s", message);
    return 0;
}

static int refuse_error(const Reader *reader, const char *name, const char *participle, int error) {
    if (error == EACCES || error == EPERM)
        reader->diagnostics->is_denied = true;
    return refuse(reader, name, "can't be %s: %s", participle, strerror(error));
}

/*
 * Opens an absolute path below the root. Below another root than `/`, symbolic links are kept
 * inside of it where the kernel can do that (openat2(2), since 5.6).
 */
static int open_below(const Reader *reader, const char *path, int flags) {
    path += strspn(path, "/");
    if (reader->root[0] != '\0') {
        struct open_how how = {
            .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        long fd = syscall(SYS_openat2, reader->root_fd, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno != ENOSYS && errno != EPERM)
            return -errno;
    }
    int fd = openat(reader->root_fd, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool is_null_device(const struct stat *status) {
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* Refuses what is no regular file, and what others can change. Returns 1 when it may be read. */
static int check_status(const Reader *reader, const char *name, int fd, const struct stat *status) {
    if (!S_ISREG(status->st_mode))
        return refuse(reader, name, "is not a regular file");
    if (status->st_size > (off_t)FILE_SIZE_MAX)
        return refuse(reader, name, "is larger than %zu bytes", FILE_SIZE_MAX);
    _cleanup_free_ char *problem = NULL;
    int r = trust_check_file(&reader->trust, fd, status, &problem);
    if (r < 0)
        return r;
    return r > 0 ? 1 : refuse(reader, name, "%s", problem);
}

/* Reads an opened file (O_PATH) after looking at what it is. Takes name. */
static int read_opened(Reader *reader, char *name, int path_fd) {
    _cleanup_free_ char *owned = name, *text = NULL;
    struct stat status, opened;
    char link[40];
    size_t length = 0;

    if (fstat(path_fd, &status) < 0)
        return refuse_error(reader, name, "read", errno);
    if (is_null_device(&status))
        return rules_files_add(reader->files, TAKE_PTR(owned), NULL, 0);
    int r = check_status(reader, name, path_fd, &status);
    if (r <= 0)
        return r;

    /* Only now that it is known to be a file: opening a device may already do something. */
    snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
    _cleanup_close_ int fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &opened) < 0)
        return refuse_error(reader, name, "read", errno);
    if (opened.st_dev != status.st_dev || opened.st_ino != status.st_ino)
        return refuse(reader, name, "was replaced while it was read");
    r = read_whole(fd, FILE_SIZE_MAX, &text, &length);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return refuse_error(reader, name, "read", -r);
    return rules_files_add(reader->files, TAKE_PTR(owned), TAKE_PTR(text), length);
}

/* One path below the root. Returns 1 when it is there, 0, or a negative errno. */
static int read_path(Reader *reader, const char *path) {
    _cleanup_free_ char *name = NULL;
    _cleanup_close_ int fd = open_below(reader, path, O_PATH);

    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (asprintf(&name, "%s%s", reader->root, path) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    int r = fd < 0 ? refuse_error(reader, name, "opened", -fd)
                   : read_opened(reader, TAKE_PTR(name), fd);
    return r < 0 ? r : 1;
}

/* A file of a drop-in directory. */
typedef struct DropIn {
    char *name;
    size_t directory; /* the lower wins */
} DropIn;

typedef struct DropIns {
    DropIn *items;
    size_t count, allocated;
} DropIns;

static int compare_drop_ins(const void *a, const void *b) {
    const DropIn *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    if (order != 0)
        return order;
    return (left->directory > right->directory) - (left->directory < right->directory);
}

static bool is_rules_name(const char *name) {
    size_t length = strlen(name);
    return name[0] != '.' && length > 6 && strcmp(name + length - 6, ".rules") == 0;
}

static int list_entries(Reader *reader, const char *name, DIR *directory, size_t number,
                        DropIns *found) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry && errno != 0)
            return refuse_error(reader, name, "read", errno);
        if (!entry)
            return 0;
        if (!is_rules_name(entry->d_name))
            continue;
        if (found->count == (number + 1) * (size_t)FILES_MAX)
            return refuse(reader, name, "holds more than %d rules files", FILES_MAX);
        if (ARRAY_RESERVE(found->items, found->allocated, found->count + 1) < 0)
            return -ENOMEM;
        char *copy = strdup(entry->d_name);
        if (!copy)
            return -ENOMEM;
        found->items[found->count++] = (DropIn){.name = copy, .directory = number};
    }
}

static int list_directory(Reader *reader, size_t number, DropIns *found) {
    _cleanup_free_ char *name = NULL, *problem = NULL;
    const char *path = rules_directories[number];
    _cleanup_close_ int fd = open_below(reader, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    struct stat status;

    if (fd == -ENOENT)
        return 0;
    if (asprintf(&name, "%s%s", reader->root, path) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    if (fd < 0)
        return refuse_error(reader, name, "opened", -fd);
    if (fstat(fd, &status) < 0)
        return refuse_error(reader, name, "read", errno);
    int r = trust_check_directory(&reader->trust, fd, &status, &problem);
    if (r <= 0)
        return r < 0 ? r : refuse(reader, name, "%s", problem);

    _cleanup_closedir_ DIR *directory = fdopendir(fd);
    if (!directory)
        return -errno;
    TAKE_FD(fd);
    return list_entries(reader, name, directory, number, found);
}

/* Whether it is a link to /dev/null by its text: below another root that need not exist. */
static bool is_mask(const Reader *reader, const char *path) {
    char target[16];
    _cleanup_close_ int fd = open_below(reader, path, O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t length = readlinkat(fd, "", target, sizeof(target));
    return length == 9 && memcmp(target, "/dev/null", 9) == 0;
}

/* All drop-ins in the order of their names, each from the directory that wins. */
static int read_drop_ins(Reader *reader, const DropIns *found) {
    int n_found = 0;

    for (size_t i = 0; i < found->count; i++) {
        const DropIn *item = &found->items[i];
        _cleanup_free_ char *path = NULL;
        if (i > 0 && strcmp(item->name, found->items[i - 1].name) == 0)
            continue;
        if (asprintf(&path, "%s/%s", rules_directories[item->directory], item->name) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        n_found++;
        if (is_mask(reader, path))
            continue;
        int r = read_path(reader, path);
        if (r < 0)
            return r;
        /* A link that leads nowhere is an error: it may be meant as a mask, or as a file. */
        if (r == 0) {
            _cleanup_free_ char *name = NULL;
            if (asprintf(&name, "%s%s", reader->root, path) < 0) {
                name = NULL;
                return -ENOMEM;
            }
            r = refuse(reader, name, "is a link that leads nowhere (one to /dev/null masks)");
            if (r < 0)
                return r;
        }
    }
    return n_found;
}

static int read_directories(Reader *reader) {
    DropIns found = {};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS(rules_directories); i++)
        r = list_directory(reader, i, &found);
    if (r == 0 && found.count > 0) {
        qsort(found.items, found.count, sizeof(DropIn), compare_drop_ins);
        r = read_drop_ins(reader, &found);
    }
    for (size_t i = 0; i < found.count; i++)
        free(found.items[i].name);
    free(found.items);
    if (r < 0)
        return r;
    int main = read_path(reader, main_file);
    return main < 0 ? main : r + main;
}

/* One file that somebody named. */
static int read_named(Reader *reader, const char *path) {
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return refuse_error(reader, path, "opened", errno);
    char *name = strdup(path);
    if (!name)
        return -ENOMEM;
    int r = read_opened(reader, name, fd);
    return r < 0 ? r : 1;
}

int rules_files_read(const PolicySource *source, Diagnostics *diagnostics, RulesFiles *files) {
    Reader reader = {.root = "", .diagnostics = diagnostics, .files = files};
    _cleanup_close_ int root_fd = -1;
    char *root = NULL;

    if (source->root && strspn(source->root, "/") != strlen(source->root)) {
        root = strdup(source->root);
        if (!root)
            return -ENOMEM;
        for (size_t length = strlen(root); length > 0 && root[length - 1] == '/';)
            root[--length] = '\0';
        reader.root = root;
    }
    root_fd = open(root ?: "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    reader.root_fd = root_fd;
    int r;
    if (root_fd < 0) {
        r = refuse_error(&reader, root ?: "/", "opened", errno);
    } else {
        r = trust_init(&reader.trust, source->trusted_uid, root ? root_fd : -1);
        if (r == 0)
            r = source->rules ? read_named(&reader, source->rules) : read_directories(&reader);
        trust_done(&reader.trust);
    }
    free(root);
    return r;
}
