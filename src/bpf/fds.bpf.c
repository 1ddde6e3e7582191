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

    if (file->f_inode->i_sb->s_magic != ANONYMOUS_FILES)
        return false;
    bpf_probe_read_kernel(&word, sizeof(word), file->f_path.dentry->d_name.name);
    return word == expected.word;
}

/* Returns whether the socket may be a listener. */
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

/* The maximum number of slots that are read of one ring. */
#define SLOTS_MAX 1024
/* The same for all rings of a user, counted again for each fd of a ring. Reading them takes 2 ms.
 */
#define SLOTS_OF_USER_MAX 65536
/* The records of one fd must fit into the buffer of eight pages, or the reading fails. */
#define RING_SOCKETS_MAX 512
#define SLOTS_UNKNOWN    UINT32_MAX
/* Flags in the low bits of a pointer to a file. */
#define FILE_FLAGS 7ul

struct ring {
    uint64_t context;
};

/* The maximum number of fds of a user that are reported (10 MiB). */
#define FDS_OF_USER_MAX (1u << 18)

struct looked {
    uint64_t session; /* the reading in which the rest was counted */
    uint32_t fds, slots;
    uint64_t sockets; /* of one ring; here, the verifier does not track the number */
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, uint32_t);
    __type(value, struct looked);
} looked_of_users SEC(".maps");

static __always_inline struct looked *looked_of(struct task_struct *task, uint64_t session) {
    uint32_t uid = payer(task);
    struct looked *looked = bpf_map_lookup_elem(&looked_of_users, &uid);

    if (looked && looked->session == session)
        return looked;
    struct looked none = {.session = session};
    bpf_map_update_elem(&looked_of_users, &uid, &none, BPF_ANY);
    return bpf_map_lookup_elem(&looked_of_users, &uid);
}

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

/* Returns the inode number of a listener in that slot, or 0. A global function: see process.h. */
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

/* Uses plain loads, because a user can have a million fds of a listener. */
static __always_inline void take_task(struct FdRecord *found, struct task_struct *task) {
    struct mm_struct *mm = task->mm;
    struct file *exe = mm ? mm->exe_file : NULL;

    found->pid = task_number(task, false);
    found->tid = task_number(task, true);
    found->start = task->group_leader->start_boottime;
    found->exe_inode = exe ? exe->f_inode->i_ino : 0;
}

/* Writes the record. The last record of a user has the inode 0: there are more. */
static __always_inline void report(struct seq_file *seq, struct FdRecord *found,
                                   struct looked *looked) {
    if (!looked || looked->fds > FDS_OF_USER_MAX)
        return;
    if (looked->fds == FDS_OF_USER_MAX)
        found->inode = found->in_ring = 0;
    if (bpf_seq_write(seq, found, sizeof(*found)) == 0)
        looked->fds++;
}

/* Reports the listeners of a ring. Returns false if not all slots were read. */
static __always_inline bool list_slots(struct seq_file *seq, struct FdRecord *found,
                                       struct io_ring_ctx *context, struct looked *looked) {
    struct ring ring = {(uint64_t)context};
    uint32_t n = count_slots(context);

    if (!looked || looked->slots >= SLOTS_OF_USER_MAX)
        return n == 0;
    /* Not in the loop: Linux 6.1 does not load what clang makes of that. */
    looked->slots += n < SLOTS_MAX ? n : SLOTS_MAX;
    looked->sockets = 0;
    for (uint32_t i = 0; i < SLOTS_MAX && i < n; i++) {
        found->inode = (uint32_t)slot_listener(&ring, i);
        if (found->inode == 0)
            continue;
        if (looked->sockets == RING_SOCKETS_MAX)
            return false;
        bpf_seq_write(seq, found, sizeof(*found));
        looked->sockets++;
    }
    return n <= SLOTS_MAX;
}

static __always_inline void list_ring(struct bpf_iter_meta *meta, struct FdRecord *found,
                                      struct task_struct *task, struct io_ring_ctx *context) {
    struct looked *looked = looked_of(task, meta->session_id);

    found->in_ring = 1;
    if (list_slots(meta->seq, found, context, looked))
        return;
    found->inode = 0;
    report(meta->seq, found, looked);
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
        report(context->meta->seq, &found, looked_of(task, context->meta->session_id));
    } else if ((type == 0 || type == TYPE_FILE) && is_ring_file(file)) {
        /* An anonymous inode has no type until Linux 6.15. */
        take_task(&found, task);
        list_ring(context->meta, &found, task, file->private_data);
    }
    return 0;
}
