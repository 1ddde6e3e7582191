/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/process_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/kernel_program.h"
#include "bpf/record.h"
#include "owner/fd_iterator.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/limit.h"

/* The records of one reading have at most 3 MiB. */
#define PROCESSES_MAX 256
/*
 * Reading one process takes as long as reading all. A user can cause such readings, and determines
 * how many threads they visit. They may take a twentieth of the time, and ALONE_BURST at once.
 */
#define ALONE_SHARE 20
#define ALONE_BURST (10 * USEC_PER_MSEC)

typedef struct Found {
    pid_t pid;
    size_t at; /* the offset of the record in `data` */
} Found;

struct ProcessReader {
    int link_fd;
    uint64_t *wanted; /* the map of the iterator */
    size_t n_asked;
    pid_t asked[PROCESSES_MAX]; /* for the next reading */
    size_t n_read;
    pid_t read[PROCESSES_MAX]; /* in the last reading */
    char *data;                /* the records of the last reading */
    size_t size;
    Found found[PROCESSES_MAX];
    size_t n_found;
    usec_t alone_limit;
};

#define WANTED_SIZE (PROCESSES_WANTED / 8)

int process_reader_new(int link_fd, int wanted_fd, ProcessReader **ret) {
    _cleanup_close_ int link = link_fd, wanted = wanted_fd;
    _cleanup_close_ int tried = kernel_iterate(link);
    if (tried < 0)
        return tried;
    ProcessReader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    void *map = mmap(NULL, WANTED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, wanted, 0);
    if (map == MAP_FAILED) {
        int r = -errno;
        free(reader);
        return r;
    }
    reader->wanted = map;
    reader->link_fd = TAKE_FD(link);
    *ret = reader;
    return 0;
}

void process_reader_forget(ProcessReader *reader) {
    free(reader->data);
    reader->data = NULL;
    reader->size = reader->n_read = reader->n_found = 0;
}

ProcessReader *process_reader_free(ProcessReader *reader) {
    if (!reader)
        return NULL;
    process_reader_forget(reader);
    munmap(reader->wanted, WANTED_SIZE);
    close(reader->link_fd);
    free(reader);
    return NULL;
}

static bool has(const pid_t *pids, size_t n, pid_t pid) {
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

bool process_reader_add(ProcessReader *reader, pid_t pid) {
    if (pid <= 0 || (uint32_t)pid >= PROCESSES_WANTED)
        return true; /* there is none */
    uint64_t *bits = &reader->wanted[pid / 64], bit = UINT64_C(1) << pid % 64;
    if (*bits & bit)
        return true;
    if (reader->n_asked == PROCESSES_MAX)
        return false;
    reader->asked[reader->n_asked++] = pid;
    *bits |= bit;
    return true;
}

/* Runs the iterator. Returns 0 with a new buffer, or a negative errno. */
static int ask(ProcessReader *reader, char **ret, size_t *ret_size) {
    _cleanup_close_ int fd = kernel_iterate(reader->link_fd);
    int r = fd < 0 ? fd : iterator_read(fd, ret, ret_size);

    for (size_t i = 0; i < reader->n_asked; i++)
        reader->wanted[reader->asked[i] / 64] = 0;
    return r;
}

/* Stores the offset of each record. */
static int find_records(ProcessReader *reader) {
    for (size_t at = 0; at < reader->size && reader->n_found < PROCESSES_MAX;) {
        _cleanup_caller_ Caller caller = {};
        ssize_t n = caller_parse(reader->data + at, reader->size - at, &caller);
        if (n < 0)
            return (int)n;
        reader->found[reader->n_found++] = (Found){caller.pid, at};
        at += (size_t)n;
    }
    return 0;
}

int process_reader_read(ProcessReader *reader) {
    process_reader_forget(reader);
    if (reader->n_asked == 0)
        return 0;
    int r = ask(reader, &reader->data, &reader->size);
    if (r >= 0)
        r = find_records(reader);
    if (r < 0)
        process_reader_forget(reader);
    else {
        memcpy(reader->read, reader->asked, sizeof(reader->read));
        reader->n_read = reader->n_asked;
    }
    reader->n_asked = 0;
    return r;
}

/* Reads a single process. */
static int read_alone(ProcessReader *reader, pid_t pid, Caller *ret) {
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    usec_t begin = monotonic_now();

    if (limit_used(reader->alone_limit, begin) > ALONE_BURST * ALONE_SHARE)
        return -EBUSY;
    (void)process_reader_add(reader, pid);
    int r = ask(reader, &data, &size);
    reader->n_asked = 0;
    usec_t end = monotonic_now();
    limit_use(&reader->alone_limit, (end - begin) * ALONE_SHARE, end);
    if (r < 0 || size == 0)
        return r < 0 ? r : -ESRCH;
    ssize_t n = caller_parse(data, size, ret);
    return n < 0 ? (int)n : 0;
}

int process_reader_get(ProcessReader *reader, pid_t pid, Caller *ret) {
    if (pid <= 0)
        return -ESRCH;
    if (!has(reader->read, reader->n_read, pid))
        return read_alone(reader, pid, ret);
    for (size_t i = 0; i < reader->n_found; i++)
        if (reader->found[i].pid == pid) {
            size_t at = reader->found[i].at;
            ssize_t n = caller_parse(reader->data + at, reader->size - at, ret);
            return n < 0 ? (int)n : 0;
        }
    return -ESRCH;
}
