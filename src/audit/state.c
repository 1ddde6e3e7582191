/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state files on disk, below a directory that was opened. */
#include "audit/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/state_text.h"
#include "util/cleanup.h"
#include "util/fnv.h"
#include "util/read.h"

struct StateWriter {
    FILE *file;
    uint64_t n_lines, checksum;
};

/* --- read --- */

/* The whole of a file; *ret is freed by the caller. -EFBIG beyond max, -EBADMSG: no regular file.
 */
static int read_file(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_length) {
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return errno == ELOOP ? -EBADMSG : -errno;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EBADMSG;
    if ((uint64_t)status.st_size > max)
        return -EFBIG;
    size_t size = (size_t)status.st_size, length;
    text = malloc(size + 1);
    if (!text)
        return -ENOMEM;
    int r = read_up_to(fd, text, size, &length);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}

static int load_log(int dir_fd, State *state) {
    _cleanup_free_ char *text = NULL;
    size_t length;
    /* A last line may have gone over the bound. */
    int r = read_file(dir_fd, "state.log", STATE_LOG_SIZE_MAX + STATE_LINE_SIZE, &text, &length);
    if (r == -ENOENT || r == -EFBIG || r == -EBADMSG)
        return 0;
    return r < 0 ? r : state_parse_log(text, length, state);
}

/* Whatever stands in the way, a file or an empty directory, goes. */
static int set_aside(int dir_fd) {
    for (int try = 0; try < 2; try++) {
        if (renameat(dir_fd, "state", dir_fd, "state.corrupt") == 0 || errno == ENOENT)
            return 0;
        int error = errno;
        if (unlinkat(dir_fd, "state.corrupt", 0) < 0)
            (void)unlinkat(dir_fd, "state.corrupt", AT_REMOVEDIR);
        errno = error;
    }
    return -1;
}

int state_load(int dir_fd, State *ret, char why[static STATE_WHY_SIZE]) {
    _cleanup_state_ State state = {0};
    _cleanup_free_ char *text = NULL;
    size_t length;

    int r = read_file(dir_fd, "state", STATE_SIZE_MAX, &text, &length);
    if (r < 0 && r != -ENOENT && r != -ENOMEM) {
        if (r == -EFBIG)
            snprintf(why, STATE_WHY_SIZE, "it is larger than %u MiB", STATE_SIZE_MAX >> 20);
        else
            snprintf(why, STATE_WHY_SIZE, "%s", r == -EBADMSG ? "it is no file" : strerror(-r));
        r = -EBADMSG;
    } else if (r >= 0) {
        r = state_parse(text, length, &state, why);
    }
    if (r == -EBADMSG && set_aside(dir_fd) < 0)
        return -errno;
    if (r >= 0)
        r = load_log(dir_fd, &state);
    if (r < 0)
        return r;
    *ret = state;
    state = (State){0};
    return 0;
}

/* --- written --- */

static void put_line(StateWriter *writer, const char *line, size_t length) {
    if (fwrite(line, 1, length, writer->file) != length)
        return; /* ferror() remembers */
    writer->checksum = fnv_add(writer->checksum, line, length);
    writer->n_lines++;
}

void state_write_listener(StateWriter *writer, const StateListener *listener) {
    char line[STATE_LINE_SIZE];
    size_t length = state_format_listener(listener, line);
    put_line(writer, line, length);
}

void state_write_flag(StateWriter *writer, const StateFlag *flag) {
    char line[STATE_LINE_SIZE];
    size_t length = state_format_flag(flag, "flag", line);
    put_line(writer, line, length);
}

void state_write_snooze(StateWriter *writer, const StateSnooze *snooze) {
    char line[STATE_LINE_SIZE];
    size_t length = state_format_snooze(snooze, line);
    put_line(writer, line, length);
}

void state_write_hits(StateWriter *writer, const StateHits *hits) {
    char line[STATE_LINE_SIZE];
    size_t length = state_format_hits(hits, line);
    put_line(writer, line, length);
}

static int sync_file(FILE *file) {
    if (fflush(file) != 0)
        return errno ? -errno : -EIO;
    if (ferror(file))
        return -EIO;
    return fsync(fileno(file)) < 0 ? -errno : 0;
}

static int write_new(int dir_fd, const StateHeader *header,
                     void (*fill)(void *userdata, StateWriter *writer), void *userdata) {
    char line[STATE_LINE_SIZE];
    /* One that a kill left behind goes; and what else could be there must not be waited for. */
    (void)unlinkat(dir_fd, "state.new", 0);
    _cleanup_close_ int fd =
        openat(dir_fd, "state.new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    _cleanup_fclose_ FILE *file = fdopen(fd, "we");
    if (!file)
        return -errno;
    fd = -1;

    StateWriter writer = {.file = file, .checksum = FNV_BEGIN};
    errno = 0;
    put_line(&writer, line, state_format_head(header, line));
    put_line(&writer, line, state_format_counters(header, line));
    fill(userdata, &writer);
    put_line(&writer, line, state_format_end(writer.n_lines, writer.checksum, line));
    return sync_file(file);
}

int state_save(int dir_fd, const StateHeader *header,
               void (*fill)(void *userdata, StateWriter *writer), void *userdata) {
    int r = write_new(dir_fd, header, fill, userdata);
    if (r >= 0 && renameat(dir_fd, "state.new", dir_fd, "state") < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(dir_fd, "state.new", 0);
        return r;
    }
    /* From here on the new one counts; a log of the old generation is void whether it goes or not.
     */
    unlinkat(dir_fd, "state.log", 0);
    return fsync(dir_fd) < 0;
}

/* Opens the log, again if the file was removed. Returns 0 or a negative errno. */
static int open_log(int dir_fd, int *log_fd, struct stat *ret_status) {
    if (*log_fd >= 0 && fstat(*log_fd, ret_status) == 0 && ret_status->st_nlink > 0)
        return 0;
    cleanup_close(log_fd);
    *log_fd = -1;
    _cleanup_close_ int fd =
        openat(dir_fd, "state.log",
               O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return -errno;
    if (!S_ISREG(ret_status->st_mode))
        return -EEXIST;
    *log_fd = fd;
    fd = -1;
    return 0;
}

int state_log(int dir_fd, int *log_fd, uint64_t generation, const StateFlag *flag, bool gone) {
    char line[STATE_LINE_SIZE];
    size_t length = state_format_log(generation, flag, gone ? "gone" : "flag", line);
    struct stat status = {};

    int r = open_log(dir_fd, log_fd, &status);
    if (r < 0)
        return r;
    if (status.st_size > STATE_LOG_SIZE_MAX)
        return -EFBIG;
    ssize_t n = write(*log_fd, line, length);
    if (n < 0)
        return -errno;
    if ((size_t)n == length)
        return status.st_size > STATE_LOG_FULL;
    /* Half a line would spoil the next one. */
    return ftruncate(*log_fd, status.st_size) < 0 ? -errno : -ENOSPC;
}
