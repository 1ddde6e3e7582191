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

/* The records of one reading have at most 3 MiB. */
#define PROCESSES_MAX 256

struct ProcessReader {
    int link_fd;
    uint64_t *wanted; /* the kernel's map: it empties the slots of those that it described */
    size_t n_wanted;
    pid_t asked[PROCESSES_WANTED]; /* by slot: those of the next reading */
    pid_t read[PROCESSES_WANTED];  /* by slot: those that were read and not taken */
    Caller found[PROCESSES_MAX];
    size_t n_found;
};

#define WANTED_SIZE (PROCESSES_WANTED * sizeof(uint64_t))

static size_t slot_of(pid_t pid) {
    return (size_t)pid % PROCESSES_WANTED;
}

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
    for (size_t i = 0; i < reader->n_found; i++)
        caller_done(&reader->found[i]);
    reader->n_found = 0;
    memset(reader->read, 0, sizeof(reader->read));
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

bool process_reader_add(ProcessReader *reader, pid_t pid) {
    size_t slot = slot_of(pid);

    if (reader->asked[slot] == pid)
        return true;
    if (reader->asked[slot] != 0 || reader->n_wanted + reader->n_found == PROCESSES_MAX)
        return false;
    reader->asked[slot] = pid;
    reader->wanted[slot] = (uint64_t)pid;
    reader->n_wanted++;
    return true;
}

static int parse(ProcessReader *reader, const char *data, size_t size) {
    while (size > 0 && reader->n_found < PROCESSES_MAX) {
        ssize_t n = caller_parse(data, size, &reader->found[reader->n_found]);
        if (n < 0)
            return (int)n;
        reader->n_found++;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int process_reader_read(ProcessReader *reader) {
    _cleanup_free_ char *data = NULL;
    size_t size;

    if (reader->n_wanted == 0)
        return 0;
    _cleanup_close_ int fd = kernel_iterate(reader->link_fd);
    int r = fd < 0 ? fd : iterator_read(fd, &data, &size);
    if (r >= 0)
        r = parse(reader, data, size);
    for (size_t i = 0; i < PROCESSES_WANTED; i++)
        if (reader->asked[i] != 0 && r >= 0)
            reader->read[i] = reader->asked[i];
    memset(reader->asked, 0, sizeof(reader->asked));
    memset(reader->wanted, 0, WANTED_SIZE);
    reader->n_wanted = 0;
    return r;
}

int process_reader_take(ProcessReader *reader, pid_t pid, Caller *ret) {
    pid_t *read = &reader->read[slot_of(pid)];

    if (pid <= 0)
        return -ESRCH;
    if (*read != pid) {
        if (!process_reader_add(reader, pid))
            return -EBUSY;
        int r = process_reader_read(reader);
        if (r < 0)
            return r;
    }
    *read = 0;
    for (size_t i = 0; i < reader->n_found; i++)
        if (reader->found[i].pid == pid) {
            *ret = reader->found[i];
            reader->found[i] = reader->found[--reader->n_found];
            return 0;
        }
    return -ESRCH;
}
