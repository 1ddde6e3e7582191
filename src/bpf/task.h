/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Definitions that all BPF programs share. */
#pragma once

#include "bpf/kernel.h"
#include "bpf/record.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define READ(from, ...) BPF_CORE_READ(from, __VA_ARGS__)

const volatile struct Audited audited = {};

/* The inode number of the first pid namespace (PROC_PID_INIT_INO). */
#define PIDNS_FIRST 0xeffffffcu
/* The maximum nesting level of the audited pid namespace. */
#define PID_LEVELS 8

/* Returns the number of a pid in the audited pid namespace, or 0: none. */
static __always_inline uint32_t pid_number(struct pid *pid) {
    const uint64_t first =
        __builtin_preserve_field_info(((struct pid *)0)->numbers, BPF_FIELD_BYTE_OFFSET);
    uint32_t level = READ(pid, level);

    for (uint32_t i = 0; i < PID_LEVELS && i <= level; i++) {
        struct upid *number = (void *)pid + first + i * bpf_core_type_size(struct upid);
        if (READ(number, ns, ns.inum) == audited.pidns)
            return READ(number, nr);
    }
    return 0;
}

/* Returns the pid of the task's process; `thread`: that of the task itself. */
static __always_inline uint32_t task_number(struct task_struct *task, bool thread) {
    if (audited.pidns == PIDNS_FIRST) /* there, the task stores its numbers */
        return thread ? task->pid : task->tgid;
    return pid_number(thread ? task->thread_pid : task->group_leader->thread_pid);
}

/* Returns the user whose limits apply to the task: in a user namespace, the owner of the namespace.
 */
static __always_inline uint32_t payer(struct task_struct *task) {
    const struct cred *cred = task->cred;
    struct user_namespace *space = cred->user_ns;
    uint32_t uid = cred->uid.val;

    for (int i = 0; i < 33; i++) {
        if (!space || space->level == 0)
            break;
        uid = space->owner.val;
        space = space->parent;
    }
    return uid;
}
