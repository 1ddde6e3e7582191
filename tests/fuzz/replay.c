/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz target over files without libFuzzer, with any compiler, in `make check`: those given
 * as arguments (a directory stands for what lies in it), or else the corpus of the target that the
 * program's own name says, replay-NAME. An empty corpus is a failure: it would prove nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_path(const char *path, unsigned *n_done);

static int replay_directory(const char *path, unsigned *n_done) {
    _cleanup_closedir_ DIR *directory = opendir(path);
    if (!directory)
        return -errno;

    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        _cleanup_free_ char *inner = NULL;
        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&inner, "%s/%s", path, entry->d_name) < 0) {
            inner = NULL;
            return -ENOMEM;
        }
        int r = replay_path(inner, n_done);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The bytes are copied to an allocation of their exact size, so that ASan sees one read too many.
 */
static int replay_file(const char *path, size_t size) {
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    _cleanup_free_ uint8_t *data = malloc(size > 0 ? size : 1);
    if (!file || !data)
        return -errno;
    if (fread(data, 1, size, file) != size)
        return -EIO;
    LLVMFuzzerTestOneInput(data, size);
    return 0;
}

static int replay_path(const char *path, unsigned *n_done) {
    struct stat status;
    int r = stat(path, &status) < 0   ? -errno
            : S_ISDIR(status.st_mode) ? replay_directory(path, n_done)
                                      : replay_file(path, (size_t)status.st_size);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", path, strerror(-r));
    else if (!S_ISDIR(status.st_mode))
        ++*n_done;
    return r;
}

static int replay_corpus(const char *program, unsigned *n_done) {
    const char *source = getenv("srcdir"), *name = strrchr(program, '/');
    _cleanup_free_ char *path = NULL;

    name = strstr(name ? name : program, "replay-");
    if (!name || asprintf(&path, "%s/tests/fuzz/corpus/%s", source ? source : ".",
                          name + strlen("replay-")) < 0) {
        path = NULL;
        return -EINVAL;
    }
    return replay_path(path, n_done);
}

int main(int argc, char **argv) {
    unsigned n_done = 0;
    int r = 0;

    if (argc < 2)
        r = replay_corpus(argv[0], &n_done);
    for (int i = 1; i < argc && r >= 0; i++)
        r = replay_path(argv[i], &n_done);
    printf("%u inputs replayed\n", n_done);
    return r < 0 || n_done == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
