/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/file_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/aside.h"
#include "util/cleanup.h"

/*
 * From the machine's root, which may be another mount namespace's view of it than ours, no link
 * leads out; an absolute one goes on in ours. Below another root there is no safe way: -ENOSYS.
 */
static int open_plainly(int root_fd, const char *path) {
    struct stat root, own;

    if (fstat(root_fd, &root) < 0 || stat("/", &own) < 0)
        return -errno;
    if (root.st_dev != own.st_dev || root.st_ino != own.st_ino)
        return -ENOSYS;
    path += strspn(path, "/");
    int fd = openat(root_fd, *path ? path : ".", O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/*
 * RESOLVE_IN_ROOT: no link, `..` or magic link leads out of the root that is asked about. openat2()
 * is missing wherever systemd filters system calls by RestrictSUIDSGID=, as in our own service.
 */
static int open_in_root(int root_fd, const char *path, uint64_t resolve) {
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
    };
    int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd < 0 ? -errno : fd;
    return resolve ? -ENOSYS : open_plainly(root_fd, path);
}

/* Which file it is was known when it was looked up: no server is asked again. */
static int identify(int fd, const char *name, int flags, mode_t *ret_mode, FileId *ret) {
    struct statx st;

    if (statx(fd, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_INO, &st) <
        0)
        return -errno;
    *ret_mode = st.stx_mode;
    *ret = (FileId){.device = makedev(st.stx_dev_major, st.stx_dev_minor), .inode = st.stx_ino};
    return 0;
}

int file_identity_of_link(int directory_fd, const char *link, FileId *ret) {
    mode_t mode;
    return identify(directory_fd, link, 0, &mode, ret);
}

static int identity_of_path(int root_fd, const char *path, uint64_t resolve, FileId *ret) {
    mode_t mode = 0;

    if (path[0] != '/')
        return -EINVAL;
    _cleanup_close_ int fd = open_in_root(root_fd, path, resolve);
    if (fd < 0)
        return fd;
    int r = identify(fd, "", AT_EMPTY_PATH, &mode, ret);
    return r < 0 ? r : S_ISREG(mode) ? 0 : -EINVAL;
}

int file_identity(int root_fd, const char *path, FileId *ret) {
    return identity_of_path(root_fd, path, 0, ret);
}

static int identity_cached(int root_fd, const char *path, uint64_t resolve, FileId *ret) {
    int r = identity_of_path(root_fd, path, resolve | RESOLVE_CACHED, ret);
    /* A kernel before 5.12 knows no such thing; nor is it asked often what is no file. */
    return r == -EINVAL || r == -ENOSYS ? -EAGAIN : r;
}

int file_identity_cached(int root_fd, const char *path, FileId *ret) {
    return identity_cached(root_fd, path, 0, ret);
}

/* --- with a patience --- */

typedef struct Question {
    AsideJob job;
    int root_fd, result;
    uint64_t resolve;
    FileId id;
    char path[];
} Question;

static void question_work(AsideJob *job) {
    Question *question = (Question *)job;
    question->result =
        identity_of_path(question->root_fd, question->path, question->resolve, &question->id);
}

static void question_release(AsideJob *job) {
    Question *question = (Question *)job;

    cleanup_close(&question->root_fd);
    free(question);
}

static Question *question_new(int root_fd, const char *path, uint64_t resolve) {
    size_t size = strlen(path) + 1;
    Question *question = calloc(1, sizeof(*question) + size);
    if (!question)
        return NULL;
    memcpy(question->path, path, size);
    question->resolve = resolve;
    question->job.work = question_work;
    question->job.release = question_release;
    atomic_init(&question->job.refs, 1);
    /* Its own: the caller may be done with it long before. Without one the question fails. */
    question->root_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    return question;
}

/* FNV-1a; never 0, which would be root's (aside_may_try()). */
static uint32_t hash_text(const char *text) {
    uint32_t hash = UINT32_C(0x811c9dc5);
    while (*text)
        hash = (hash ^ (uint8_t)*text++) * UINT32_C(0x01000193);
    return hash | 1;
}

/*
 * What to blame: the longest part of the path that the kernel can walk by itself, so all that lies
 * in a directory where it stops is asked for once, and not a thousand rules one after the other.
 * A symbolic link into a file system that hangs counts as what it lies in. Without openat2() it is
 * the directory.
 */
static uint32_t where_it_stops(int root_fd, const char *path) {
    _cleanup_free_ char *part = strdup(path);
    char *slash;

    while (part && (slash = strrchr(part, '/')) && slash != part) {
        *slash = '\0';
        _cleanup_close_ int fd = open_in_root(root_fd, part, RESOLVE_CACHED);
        if (fd >= 0 || fd == -ENOSYS)
            return hash_text(part);
    }
    return hash_text("/");
}

static int ask_aside(int root_fd, const char *path, uint64_t resolve, unsigned patience_msec,
                     FileId *ret) {
    static _Thread_local AsideBlame blame;
    static _Thread_local bool ever_blamed;

    if (ever_blamed && !aside_may_try(&blame, where_it_stops(root_fd, path)))
        return -EBUSY;
    Question *question = question_new(root_fd, path, resolve);
    if (!question)
        return -ENOMEM;
    int r = aside_run(&question->job, patience_msec);
    if (r == 0) {
        r = question->result;
        *ret = question->id;
    } else if (r == -ETIMEDOUT) {
        ever_blamed = true;
        aside_blame(&blame, where_it_stops(root_fd, path));
    }
    aside_job_unref(&question->job);
    return r;
}

static int identity_within(int root_fd, const char *path, uint64_t resolve, unsigned patience_msec,
                           FileId *ret) {
    int r = identity_cached(root_fd, path, resolve, ret);
    return r == -EAGAIN ? ask_aside(root_fd, path, resolve, patience_msec, ret) : r;
}

int file_identity_within(int root_fd, const char *path, unsigned patience_msec, FileId *ret) {
    return identity_within(root_fd, path, 0, patience_msec, ret);
}

int file_identity_of_real_path(int root_fd, const char *path, unsigned patience_msec, FileId *ret) {
    return identity_within(root_fd, path, RESOLVE_NO_SYMLINKS, patience_msec, ret);
}
