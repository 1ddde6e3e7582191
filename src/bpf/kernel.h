/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's structs, as far as they are read. libbpf moves each access to where the running
 * kernel has the member (CO-RE), so neither order nor size counts here, only names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
    const unsigned char *name;
};

struct ns_common {
    unsigned inum;
};

struct super_block {
    unsigned s_dev;
    unsigned long s_magic;
};

struct inode {
    unsigned short i_mode;
    unsigned long i_ino;
    unsigned i_nlink;
    struct super_block *i_sb;
};

struct dentry {
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
    struct {
        void **pprev;
    } d_hash;
};

struct vfsmount {
    struct dentry *mnt_root;
};

struct mnt_namespace {
    struct ns_common ns;
};

struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct mnt_namespace *mnt_ns; /* NULL: unmounted */
    struct vfsmount mnt;
};

struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

struct file {
    struct path f_path;
    struct inode *f_inode;
    void *private_data;
};

struct fs_struct {
    struct path pwd;
};

struct mm_struct {
    struct file *exe_file;
    unsigned long arg_start, arg_end;
};

struct kuid {
    unsigned val;
};

struct user_namespace {
    struct user_namespace *parent;
    int level;
    struct kuid owner;
};

struct cred {
    struct kuid uid, euid;
    struct user_namespace *user_ns;
};

struct pid_namespace {
    struct ns_common ns;
};

struct upid {
    int nr;
    struct pid_namespace *ns;
};

struct pid {
    unsigned level;
    struct upid numbers[1]; /* one a level: `level` + 1 of them */
};

struct signal_struct {
    struct pid *pids[4]; /* PIDTYPE_PGID is 2 */
};

struct task_struct {
    int pid, tgid;
    uint64_t start_boottime;
    struct task_struct *group_leader, *real_parent;
    struct pid *thread_pid;
    struct mm_struct *mm;
    struct fs_struct *fs;
    struct signal_struct *signal;
    const struct cred *cred;
    char comm[16];
};

struct kernfs_node {
    struct kernfs_node *parent; /* until 6.14 */
    const char *name;
    uint64_t id;
};

/* Since 6.15. */
struct kernfs_node___since_6_15 {
    struct kernfs_node *__parent;
};

struct cgroup {
    struct kernfs_node *kn;
};

struct sock_cgroup_data {
    struct cgroup *cgroup;
};

struct net {
    struct ns_common ns;
};

struct in6_addr {
    uint8_t s6_addr[16];
};

struct sock_common {
    unsigned short skc_family;
    unsigned short skc_num;
    unsigned skc_rcv_saddr;
    volatile unsigned char skc_state;
    unsigned char skc_ipv6only : 1;
    int skc_bound_dev_if;
    struct {
        struct net *net;
    } skc_net;
    struct in6_addr skc_v6_rcv_saddr;
};

struct socket;

struct sock {
    struct sock_common __sk_common;
    unsigned short sk_protocol;
    struct socket *sk_socket;
    struct kuid sk_uid;
    struct sock_cgroup_data sk_cgrp_data;
};

struct tcp_sock {
    bool is_mptcp;
};

struct socket {
    struct sock *sk;
};

struct socket_alloc {
    struct socket socket;
    struct inode vfs_inode;
};

/* A resource that is registered in an io_uring. */
struct io_rsrc_node {
    unsigned char type; /* 0: a file */
    unsigned long file_ptr;
};

struct io_rsrc_data {
    unsigned nr;
    struct io_rsrc_node **nodes;
};

struct io_file_table {
    struct io_rsrc_data data;
};

struct io_ring_ctx {
    struct io_file_table file_table;
};

/* Linux 5.15 to 6.12. The members use no struct that newer kernels lack: libbpf would search all
 * modules for it, which needs CAP_SYS_ADMIN. */
struct io_file_table___until_6_12 {
    void *files; /* one unsigned long each */
};

struct io_ring_ctx___until_6_12 {
    struct io_file_table___until_6_12 file_table;
    unsigned nr_user_files;
};

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq __attribute__((aligned(8)));
    uint64_t session_id; /* a different number for each reading */
};

#pragma clang attribute pop

/* The contexts of the iterators. They are not relocated: their layout is part of the interface. */
struct bpf_iter__task {
    struct bpf_iter_meta *meta __attribute__((aligned(8)));
    struct task_struct *task __attribute__((aligned(8)));
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta __attribute__((aligned(8)));
    struct task_struct *task __attribute__((aligned(8)));
    uint32_t fd __attribute__((aligned(8)));
    struct file *file __attribute__((aligned(8)));
};
