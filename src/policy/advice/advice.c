/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of advice, its sections and the locations of its files. */
#include "policy/advice/advice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "policy/advice/advice_table.h"
#include "policy/files/file_trust.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/read.h"

void advice_section_done(AdviceSection *section) {
    free(section->name);
    strv_free(section->exe);
    strv_free(section->script);
    strv_free(section->package);
    strv_free(section->arguments);
    strv_free(section->option);
    strv_free(section->unit);
    strv_free(section->user_unit);
    strv_free(section->replaces);
    strv_free(section->drops);
    free(section->ports);
    free(section->advice);
    *section = (AdviceSection){};
}

AdviceTable *advice_free(AdviceTable *table) {
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->n_sections; i++)
        advice_section_done(&table->sections[i]);
    free(table->sections);
    free(table);
    return NULL;
}

/* A file that is to be read; the directory that it lies in is one of the two below. */
typedef struct AdviceFile {
    char *name;
    const char *directory; /* borrowed */
} AdviceFile;

typedef struct AdviceFiles {
    AdviceFile *items;
    size_t n_items, allocated;
} AdviceFiles;

static void files_done(AdviceFiles *files) {
    for (size_t i = 0; i < files->n_items; i++)
        free(files->items[i].name);
    free(files->items);
}

static int file_compare(const void *a, const void *b) {
    return strcmp(((const AdviceFile *)a)->name, ((const AdviceFile *)b)->name);
}

__attribute__((format(printf, 3, 4))) static void
warn_file(Diagnostics *diagnostics, const char *path, const char *format, ...) {
    SourcePlace place = {.file = path};
    va_list arguments;

    va_start(arguments, format);
    diagnostics_addv(diagnostics, DIAGNOSTIC_WARNING, &place, format, arguments);
    va_end(arguments);
}

/*
 * People type what they read in such a file: it is taken only where nobody can have slipped
 * something in but root and the caller. Returns 1, 0 when it is not to be trusted (told), -ENOMEM.
 */
static int check_trust(const Trust *trust, int fd, const struct stat *status, const char *path,
                       Diagnostics *diagnostics) {
    _cleanup_free_ char *problem = NULL;
    int r = S_ISDIR(status->st_mode) ? trust_check_directory(trust, fd, status, &problem)
                                     : trust_check_file(trust, fd, status, &problem);
    if (r == 0)
        warn_file(diagnostics, path, "not read: it %s", problem);
    return r;
}

/* Adds the directory's `*.advice`, but for names that are there already. */
static int files_add_directory(AdviceFiles *files, const Trust *trust, const char *path,
                               Diagnostics *diagnostics) {
    static const char suffix[] = ".advice";
    size_t n_before = files->n_items, n_seen = 0;
    struct stat status;
    _cleanup_closedir_ DIR *directory = opendir(path);

    if (!directory) {
        if (errno != ENOENT)
            warn_file(diagnostics, path, "can't be read: %s", strerror(errno));
        return 0;
    }
    if (fstat(dirfd(directory), &status) < 0)
        return 0;
    int r = check_trust(trust, dirfd(directory), &status, path, diagnostics);
    if (r <= 0)
        return r;
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        AdviceFile file = {.name = entry->d_name, .directory = path};
        if (entry->d_name[0] == '.' || length < sizeof(suffix) ||
            strcmp(entry->d_name + length - strlen(suffix), suffix) != 0)
            continue;
        if (++n_seen > ADVICE_FILES_MAX) {
            warn_file(diagnostics, path, "more than %d files, the rest is not read",
                      ADVICE_FILES_MAX);
            break;
        }
        if (n_before > 0 &&
            bsearch(&file, files->items, n_before, sizeof(AdviceFile), file_compare))
            continue;
        if (ARRAY_RESERVE(files->items, files->allocated, files->n_items + 1) < 0 ||
            !(file.name = strdup(entry->d_name)))
            return -ENOMEM;
        files->items[files->n_items++] = file;
    }
    if (files->n_items > 0)
        qsort(files->items, files->n_items, sizeof(AdviceFile), file_compare);
    return 0;
}

/* Reads one file into the table; what is wrong with the file is told, not returned. */
static int table_add_file(AdviceTable **table, const Trust *trust, const char *path,
                          Diagnostics *diagnostics) {
    _cleanup_free_ char *text = NULL;
    struct stat status;
    size_t length = 0;
    /* Not blocking: it could be a FIFO. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) < 0) {
        warn_file(diagnostics, path, "can't be read: %s", strerror(errno));
        return 0;
    }
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)) /* /dev/null: masked */
        return 0;
    if (!S_ISREG(status.st_mode)) {
        warn_file(diagnostics, path, "not read: no regular file");
        return 0;
    }
    int r = check_trust(trust, fd, &status, path, diagnostics);
    if (r <= 0)
        return r;
    r = read_whole(fd, ADVICE_FILE_MAX, &text, &length);
    if (r == -ENOMEM)
        return r;
    if (r == -EFBIG) {
        warn_file(diagnostics, path, "not read: more than %d KiB", ADVICE_FILE_MAX / 1024);
        return 0;
    }
    if (r < 0) {
        warn_file(diagnostics, path, "can't be read: %s", strerror(-r));
        return 0;
    }
    return advice_parse(table, path, text, length, diagnostics);
}

/* Reads the files of both directories, in the order of their names. */
static int table_add_files(AdviceTable **table, const Trust *trust, const char *root,
                           Diagnostics *diagnostics) {
    _cleanup_(files_done) AdviceFiles files = {};
    _cleanup_free_ char *local =
        string_format("%s%s", root ?: "", SYSCONFDIR "/sockaudit/advice.d");
    _cleanup_free_ char *shipped = string_format("%s%s", root ?: "", PKGDATADIR "/advice.d");

    if (!local || !shipped)
        return -ENOMEM;
    int r = files_add_directory(&files, trust, local, diagnostics);
    if (r >= 0)
        r = files_add_directory(&files, trust, shipped, diagnostics);
    for (size_t i = 0; i < files.n_items && r >= 0; i++) {
        const AdviceFile *file = &files.items[i];
        _cleanup_free_ char *path = string_format("%s/%s", file->directory, file->name);
        r = path ? table_add_file(table, trust, path, diagnostics) : -ENOMEM;
    }
    return r < 0 ? r : 0;
}

int advice_load(const char *root, Diagnostics *diagnostics, AdviceTable **ret) {
    _cleanup_advice_ AdviceTable *table = calloc(1, sizeof(AdviceTable));
    _cleanup_(trust_done) Trust trust;
    _cleanup_close_ int root_fd = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

    int r = trust_init(&trust, geteuid(), root_fd);
    if (r < 0)
        return r;
    if (!table)
        return -ENOMEM;
    r = table_add_files(&table, &trust, root, diagnostics);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(table);
    return 0;
}
