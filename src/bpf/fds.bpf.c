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

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool is_ring_file(struct file *file) {
    /* `[io_uring]`, by its first eight bytes. */
    const union {
        char text[8];
        uint64_t word;
    } expected = {"[io_urin"};
    uint64_t word = 0;

    bpf_probe_read_kernel(&word, sizeof(word), READ(file, f_path.dentry, d_name.name));
    return word == expected.word;
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
        struct sock *sk = READ((struct socket *)file->private_data, sk);
        uint16_t protocol = READ(sk, sk_protocol), family = READ(sk, __sk_common.skc_family);
        if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
            return 0;
        if (protocol != PROTOCOL_UDP && protocol != PROTOCOL_UDPLITE &&
            READ(sk, __sk_common.skc_state) != STATE_LISTEN)
            return 0;
        found.inode = file->f_inode->i_ino;
    } else if ((type != 0 && type != TYPE_FILE) || !is_ring_file(file)) {
        return 0; /* an io_uring is an anonymous inode: without a type until 6.15 */
    }
    struct task_struct *leader = READ(task, group_leader);
    found.pid = pid_number(READ(leader, thread_pid));
    found.tid = pid_number(READ(task, thread_pid));
    found.start = READ(leader, start_boottime);
    found.exe_inode = READ(task, mm, exe_file, f_inode, i_ino);
    bpf_seq_write(context->meta->seq, &found, sizeof(found));
    return 0;
}
