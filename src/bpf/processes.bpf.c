/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An iterator over all threads, which describes the requested processes. The record has what /proc
 * shows only to privileged readers; the reader of the iterator needs no capability.
 */
#include "bpf/process.h"

char LICENSE[] SEC("license") = "GPL";

/* The requested pids: the reader sets their bits, which are cleared here when they were described.
 */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, PROCESSES_WANTED / 64);
    __type(key, uint32_t);
    __type(value, uint64_t);
} wanted SEC(".maps");

/* Returns whether the thread represents its process: the first one, or another if that exited. */
static __always_inline bool stands_for_process(struct task_struct *task) {
    struct task_struct *leader = READ(task, group_leader);
    return READ(task, mm) && (task == leader || !READ(leader, mm));
}

SEC("iter/task")
int list_processes(struct bpf_iter__task *context) {
    struct task_struct *task = context->task;

    if (!task || !stands_for_process(task))
        return 0;
    uint32_t pid = pid_number(READ(task, group_leader, thread_pid)), key = pid / 64;
    uint64_t *bits = bpf_map_lookup_elem(&wanted, &key), bit = 1ull << pid % 64;
    if (pid == 0 || !bits || !(*bits & bit))
        return 0;
    struct draft *draft = take_draft();
    if (!draft)
        return 0;
    struct KernelRecord *record = &draft->record;
    __builtin_memset(&record->head, 0, sizeof(record->head));
    record->cgroup_id = 0;
    record->inode = 0;
    take_task(record, task, &draft->walk);
    record->missing |= RECORD_NO_CGROUP | RECORD_NO_ARGS;
    /* A record that does not fit is written again at the next read(2). */
    if (bpf_seq_write(context->meta->seq, record, record_size(record)) == 0)
        *bits &= ~bit;
    draft->busy = 0;
    return 0;
}
