/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills the part of a record that describes a process.
 *
 * Plain loads read typed pointers (a task, and the structures it points to); the kernel makes these
 * loads safe. A helper call instead takes some 20 ns, and a record would need 200 of them. READ()
 * reads untyped pointers (the mount that contains a vfsmount).
 *
 * The length of the text is in memory that the kernel's verifier does not track (struct walk, in
 * the draft). Otherwise the verifier would check each loop once per length.
 */
#pragma once

#include "bpf/task.h"

/* The position of a walk from a file to its root, and the length of the record's text. */
struct walk {
    uint64_t dentry, mount, node;
    uint32_t used, left; /* bytes of text; the maximum number of further names */
    uint32_t failed;
    uint32_t reserved;
};

/* A record in construction. Another task that runs this program may preempt the current one. */
#define DRAFTS 4
struct draft {
    uint32_t busy, reserved;
    struct walk walk;
    struct KernelRecord record;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, DRAFTS);
    __type(key, uint32_t);
    __type(value, struct draft);
} drafts SEC(".maps");

static __always_inline struct draft *take_draft(void) {
    for (uint32_t i = 0; i < DRAFTS; i++) {
        uint32_t key = i;
        struct draft *draft = bpf_map_lookup_elem(&drafts, &key);
        if (draft && __sync_val_compare_and_swap(&draft->busy, 0, 1) == 0)
            return draft;
    }
    return NULL;
}

/* --- texts ---------------------------------------------------------------------------------------
 */

static __always_inline int copy_name(struct walk *walk, struct KernelRecord *record,
                                     const void *name) {
    uint32_t at = walk->used;

    if (at > RECORD_TEXT_SIZE - RECORD_NAME_SIZE || walk->left == 0) {
        walk->failed = 1;
        return 1;
    }
    long n = bpf_probe_read_kernel_str(record->text + at, RECORD_NAME_SIZE, name);
    if (n <= 0) {
        walk->failed = 1;
        return 1;
    }
    walk->used = at + n;
    walk->left--;
    return 0;
}

static __always_inline void begin_walk(struct walk *walk) {
    walk->failed = 0;
    walk->left = RECORD_DEPTH_MAX;
}

/*
 * Copies the name of the current file, and moves the walk to its parent. Returns 1 at the end. The
 * kernel verifies a global function like this once, not for each call.
 */
__attribute__((noinline)) int walk_path(struct walk *walk, struct KernelRecord *record) {
    if (!walk || !record)
        return 1;
    for (int i = 0; i < 8; i++) { /* a mount on a mount on a mount */
        struct dentry *dentry = (void *)walk->dentry;
        struct mount *mount = (void *)walk->mount;
        struct dentry *parent = READ(dentry, d_parent);
        if (dentry != READ(mount, mnt.mnt_root)) {
            if (!parent || parent == dentry) { /* not in a mounted tree: a memfd */
                return copy_name(walk, record, READ(dentry, d_name.name)) || 1;
            }
            if (copy_name(walk, record, READ(dentry, d_name.name)))
                return 1;
            walk->dentry = (uint64_t)parent;
            return 0;
        }
        struct mount *below = READ(mount, mnt_parent);
        if (!below || below == mount)
            return 1; /* the root */
        walk->dentry = (uint64_t)READ(mount, mnt_mountpoint);
        walk->mount = (uint64_t)below;
    }
    walk->failed = 1;
    return 1;
}

static __always_inline struct mount *mount_of(struct vfsmount *mount) {
    return (void *)mount -
           __builtin_preserve_field_info(((struct mount *)0)->mnt, BPF_FIELD_BYTE_OFFSET);
}

/* Copies the names below the root of the mount, by plain loads. walk_path() then copies the names
 * above it, and those of a file that is not in a mounted tree. */
static __always_inline void walk_mount(struct walk *walk, struct KernelRecord *record,
                                       struct vfsmount *mount, struct dentry *dentry) {
    struct dentry *root = mount->mnt_root;

    for (int i = 0; i < RECORD_DEPTH_MAX && dentry != root; i++) {
        struct dentry *parent = dentry->d_parent;
        if (!parent || parent == dentry || copy_name(walk, record, dentry->d_name.name))
            break;
        dentry = parent;
    }
    walk->dentry = (uint64_t)dentry;
    walk->mount = (uint64_t)mount_of(mount);
}

static __always_inline uint32_t take_path(struct walk *walk, struct KernelRecord *record,
                                          struct vfsmount *mount, struct dentry *dentry) {
    uint32_t before = walk->used;
    int i = 0;

    begin_walk(walk);
    walk_mount(walk, record, mount, dentry);
    while (!walk->failed && i < RECORD_DEPTH_MAX && !walk_path(walk, record))
        i++;
    if (i == RECORD_DEPTH_MAX)
        walk->failed = 1;
    return walk->used - before;
}

/* --- the process ---------------------------------------------------------------------------------
 */

static __always_inline void take_ancestors(struct KernelRecord *record,
                                           struct task_struct *leader) {
    struct task_struct *task = leader;
    uint32_t n = 0;

    for (int i = 0; i < RECORD_ANCESTORS; i++) {
        struct RecordAncestor *ancestor = &record->ancestors[i];
        struct task_struct *parent = task->real_parent->group_leader;
        ancestor->pid = parent && parent != task ? task_number(parent, false) : 0;
        if (ancestor->pid == 0)
            break;
        ancestor->start = parent->start_boottime;
        ancestor->reserved = 0;
        BPF_CORE_READ_INTO(&ancestor->comm, parent, comm);
        task = parent;
        n++;
    }
    record->n_ancestors = n;
}

/*
 * Checks the namespace of the file's mount. The mount namespace of the process proves nothing: the
 * process may have received the file from another one, or changed its own after the exec.
 */
static __always_inline bool is_audited_mount(struct file *file) {
    struct mount *mount = mount_of(READ(file, f_path.mnt));
    uint32_t namespace = READ(mount, mnt_ns, ns.inum);
    return namespace != 0 && namespace == audited.mountns;
}

static __always_inline void take_program(struct KernelRecord *record, struct task_struct *task,
                                         struct walk *walk) {
    struct mm_struct *mm = task->mm;
    struct file *exe = mm ? mm->exe_file : NULL;

    record->exe_size = record->cwd_size = record->cgroup_size = record->args_size = 0;
    record->exe_inode = 0;
    record->exe_device = 0;
    record->exe_deleted = record->exe_placed = 0;
    record->missing = mm ? 0 : RECORD_NO_MEMORY | RECORD_NO_EXE | RECORD_NO_CWD | RECORD_NO_ARGS;
    if (exe) {
        struct dentry *dentry = exe->f_path.dentry;
        struct inode *inode = exe->f_inode;
        record->exe_inode = inode->i_ino;
        record->exe_device = inode->i_sb->s_dev;
        record->exe_deleted = READ(dentry, d_hash.pprev) == NULL;
        record->exe_size = take_path(walk, record, exe->f_path.mnt, dentry);
        record->missing |= walk->failed ? RECORD_NO_EXE : 0;
        record->exe_placed = !walk->failed && !record->exe_deleted && is_audited_mount(exe);
    } else
        record->missing |= RECORD_NO_EXE;
    struct fs_struct *fs = task->fs;
    if (mm && fs) {
        record->cwd_size = take_path(walk, record, fs->pwd.mnt, fs->pwd.dentry);
        record->missing |= walk->failed ? RECORD_NO_CWD : 0;
    } else
        record->missing |= RECORD_NO_CWD;
}

/* Fills the record with the process of that thread, except the socket, its cgroup and the
 * arguments. */
static __always_inline void take_task(struct KernelRecord *record, struct task_struct *task,
                                      struct walk *walk) {
    struct task_struct *leader = task->group_leader;

    walk->used = 0;
    record->pid = task_number(task, false);
    record->tid = task_number(task, true);
    record->start = leader->start_boottime;
    record->euid = task->cred->euid.val;
    record->group = pid_number(task->signal->pids[2]);
    record->reserved = 0;
    BPF_CORE_READ_INTO(&record->comm, leader, comm);
    take_ancestors(record, leader);
    take_program(record, task, walk);
}

/* Returns the number of bytes of the record that are in use. */
static __always_inline uint32_t record_size(const struct KernelRecord *record) {
    uint32_t size = record->exe_size + record->cwd_size + record->cgroup_size + record->args_size;

    if (size > RECORD_TEXT_SIZE)
        size = RECORD_TEXT_SIZE;
    return size + __builtin_offsetof(struct KernelRecord, text);
}
