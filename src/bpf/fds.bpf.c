/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An iterator over every fd of every process, which reports those that may hold a listener: sockets
 * that listen, UDP sockets, and io_urings, in which both may be registered. No fd is opened and no
 * name is made for it, which is what a walk through /proc costs.
 */
#include "bpf/task.h"

enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 };
enum { STATE_LISTEN = 10 };
enum { PROTOCOL_UDP = 17, PROTOCOL_UDPLITE = 136 };
#define FILE_TYPE   0170000
#define TYPE_SOCKET 0140000
#define TYPE_FILE   0100000

#define ANONYMOUS_FILES 0x09041934 /* ANON_INODE_FS_MAGIC */

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool is_ring_file(struct file *file) {
    /* `[io_uring]`, by its first eight bytes. */
    const union {
        char text[8];
        uint64_t word;
    } expected = {"[io_urin"};
    uint64_t word = 0;

    bpf_probe_read_kernel(&word, sizeof(word), READ(file, f_path.dentry, d_name.name));
    return word == expected.word && READ(file, f_inode, i_sb, s_magic) == ANONYMOUS_FILES;
}

/* Whether it may be a listener. */
static __always_inline bool is_listener(struct socket *socket) {
    struct sock *sk = READ(socket, sk);
    uint16_t protocol = READ(sk, sk_protocol), family = READ(sk, __sk_common.skc_family);

    if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
        return false;
    return protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE ||
           READ(sk, __sk_common.skc_state) == STATE_LISTEN;
}

/* --- io_urings -----------------------------------------------------------------------------------
 */

/* So many slots are looked at. */
#define SLOTS_MAX     1024
#define SLOTS_UNKNOWN UINT32_MAX
/* Flags in the low bits of a pointer to a file. */
#define FILE_FLAGS 7ul

struct ring {
    uint64_t context;
};

static __always_inline uint32_t count_slots(struct io_ring_ctx *context) {
    struct io_ring_ctx___until_6_12 *older = (void *)context;

    if (bpf_core_field_exists(context->file_table.data))
        return READ(context, file_table.data.nr);
    return bpf_core_field_exists(older->file_table.files) ? READ(older, nr_user_files)
                                                          : SLOTS_UNKNOWN;
}

static __always_inline struct file *slot_file(struct io_ring_ctx *context, uint32_t slot) {
    struct io_ring_ctx___until_6_12 *older = (void *)context;
    unsigned long file = 0;

    if (bpf_core_field_exists(context->file_table.data)) {
        struct io_rsrc_node **nodes = READ(context, file_table.data.nodes), *node = NULL;
        bpf_probe_read_kernel(&node, sizeof(node), nodes + slot);
        file = node && READ(node, type) == 0 ? READ(node, file_ptr) : 0;
    } else if (bpf_core_field_exists(older->file_table.files)) {
        unsigned long *files = READ(older, file_table.files);
        bpf_probe_read_kernel(&file, sizeof(file), files + slot);
    }
    return (void *)(file & ~FILE_FLAGS);
}

/* The inode number of a listener in that slot, or 0. A function of its own: see process.h. */
__attribute__((noinline)) int slot_listener(struct ring *ring, uint32_t slot) {
    if (!ring)
        return 0;
    struct file *file = slot_file((void *)ring->context, slot);
    if (!file || (READ(file, f_inode, i_mode) & FILE_TYPE) != TYPE_SOCKET ||
        !is_listener(READ(file, private_data)))
        return 0;
    return (int)READ(file, f_inode, i_ino);
}

/* --- the iterator --------------------------------------------------------------------------------
 */

static __always_inline void take_task(struct FdRecord *found, struct task_struct *task) {
    struct task_struct *leader = READ(task, group_leader);

    found->pid = pid_number(READ(leader, thread_pid));
    found->tid = pid_number(READ(task, thread_pid));
    found->start = READ(leader, start_boottime);
    found->exe_inode = READ(task, mm, exe_file, f_inode, i_ino);
}

static __always_inline void list_ring(struct seq_file *seq, struct FdRecord *found,
                                      struct io_ring_ctx *context) {
    struct ring ring = {(uint64_t)context};
    uint32_t n = count_slots(context);

    found->in_ring = 1;
    for (uint32_t i = 0; i < SLOTS_MAX && i < n; i++) {
        found->inode = (uint32_t)slot_listener(&ring, i);
        if (found->inode != 0)
            bpf_seq_write(seq, found, sizeof(*found));
    }
    if (n > SLOTS_MAX) {
        found->inode = 0;
        bpf_seq_write(seq, found, sizeof(*found));
    }
}

SEC("iter/task_file")
int list_fds(struct bpf_iter__task_file *context) {
    struct task_struct *task = context->task;
    struct file *file = context->file;

    if (!task || !file)
        return 0;
    struct FdRecord found = {.fd = context->fd};
    uint16_t type = file->f_inode->i_mode & FILE_TYPE;
    if (type == TYPE_SOCKET) {
        if (!is_listener(file->private_data))
            return 0;
        take_task(&found, task);
        found.inode = file->f_inode->i_ino;
        bpf_seq_write(context->meta->seq, &found, sizeof(found));
    } else if ((type == 0 || type == TYPE_FILE) && is_ring_file(file)) {
        /* An anonymous inode: without a type until 6.15. */
        take_task(&found, task);
        list_ring(context->meta->seq, &found, file->private_data);
    }
    return 0;
}
