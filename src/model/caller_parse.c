/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bpf/record.h"
#include "model/caller.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

/* The four texts of a record, one after the other. */
typedef struct Texts {
    const char *at;
    size_t left;
} Texts;

static char *copy_comm(const char comm[static RECORD_COMM_SIZE]) {
    return strndup(comm, RECORD_COMM_SIZE);
}

/* Takes the next `size` bytes of text. Returns 0 or -EBADMSG. */
static int take_text(Texts *texts, uint32_t size, Texts *ret) {
    if (size > texts->left)
        return -EBADMSG;
    *ret = (Texts){texts->at, size};
    texts->at += size;
    texts->left -= size;
    return 0;
}

/*
 * Joins the components of a path, of which the last comes first: `a\0b\0` is `/b/a`, and an empty
 * text is `/`. Returns 0, -EBADMSG or -ENOMEM.
 */
static int join_path(const Texts *text, char **ret) {
    if (text->left == 0) {
        *ret = strdup("/");
        return *ret ? 0 : -ENOMEM;
    }
    if (text->at[text->left - 1] != '\0')
        return -EBADMSG;
    char *path = malloc(text->left + 1);
    if (!path)
        return -ENOMEM;
    char *at = path + text->left;
    *at = '\0';
    for (size_t i = 0; i < text->left;) { /* each NUL becomes a slash */
        size_t length = strlen(text->at + i);
        at -= length + 1;
        *at = '/';
        memcpy(at + 1, text->at + i, length);
        i += length + 1;
    }
    *ret = path;
    return 0;
}

/* Parses a path. A path that the kernel did not copy completely stays NULL. */
static int take_path(Texts *texts, uint32_t size, bool missing, char **ret) {
    Texts text;
    int r = take_text(texts, size, &text);
    return r < 0 || missing ? r : join_path(&text, ret);
}

static int take_arguments(Texts *texts, uint32_t size, bool missing, Caller *caller) {
    Texts text;
    int r = take_text(texts, size, &text);
    if (r < 0 || missing)
        return r;
    caller->arguments = malloc(size + 1);
    if (!caller->arguments)
        return -ENOMEM;
    memcpy(caller->arguments, text.at, size);
    caller->arguments_size = size;
    return 0;
}

uint64_t caller_ticks(uint64_t nsec) {
    long hz = sysconf(_SC_CLK_TCK);
    return hz > 0 ? nsec / (NSEC_PER_SEC / (uint64_t)hz) : 0;
}

static int take_ancestors(const struct KernelRecord *record, Caller *caller) {
    if (record->n_ancestors > RECORD_ANCESTORS)
        return -EBADMSG;
    if (record->n_ancestors == 0)
        return 0;
    caller->ancestors = calloc(1, sizeof(*caller->ancestors));
    if (!caller->ancestors)
        return -ENOMEM;
    for (size_t i = 0; i < record->n_ancestors; i++) {
        const struct RecordAncestor *from = &record->ancestors[i];
        Ancestor *to = &caller->ancestors->items[caller->ancestors->n++];
        to->pid = (pid_t)from->pid;
        to->start = caller_ticks(from->start);
        memcpy(to->name, from->comm, sizeof(to->name));
        to->name[sizeof(to->name) - 1] = '\0';
    }
    return 0;
}

/* Returns the size of the texts, or a negative errno. */
static ssize_t read_caller(const struct KernelRecord *record, const char *text, size_t size,
                           Caller *caller) {
    Texts texts = {text, size};
    uint8_t missing = record->missing;

    caller->pid = (pid_t)record->pid;
    caller->tid = (pid_t)record->tid;
    caller->uid = record->euid;
    caller->group = (pid_t)record->group;
    caller->start = caller_ticks(record->start);
    caller->is_kernel = missing & RECORD_NO_MEMORY;
    caller->exe_deleted = record->exe_deleted;
    caller->exe_placed = record->exe_placed;
    caller->exe_id = (FileId){
        .device = makedev(record->exe_device >> 20, record->exe_device & 0xfffff),
        .inode = record->exe_inode,
    };
    caller->comm = copy_comm(record->comm);
    if (!caller->comm)
        return -ENOMEM;
    int r = take_path(&texts, record->exe_size, missing & RECORD_NO_EXE, &caller->exe);
    if (r >= 0)
        r = take_path(&texts, record->cwd_size, missing & RECORD_NO_CWD, &caller->cwd);
    if (r >= 0)
        r = take_path(&texts, record->cgroup_size, missing & RECORD_NO_CGROUP, &caller->cgroup);
    if (r >= 0)
        r = take_arguments(&texts, record->args_size, missing & RECORD_NO_ARGS, caller);
    if (r >= 0)
        r = take_ancestors(record, caller);
    return r < 0 ? r : (ssize_t)(size - texts.left);
}

ssize_t caller_parse(const void *data, size_t size, Caller *ret) {
    const size_t fixed = offsetof(struct KernelRecord, text);
    _cleanup_caller_ Caller caller = {};
    struct KernelRecord record;

    if (size < fixed)
        return -EBADMSG;
    memcpy(&record, data, fixed);
    ssize_t texts = read_caller(&record, (const char *)data + fixed, size - fixed, &caller);
    if (texts < 0)
        return texts;
    *ret = caller;
    caller = (Caller){};
    return (ssize_t)fixed + texts;
}
