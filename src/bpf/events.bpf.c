/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs in the kernel, inside listen() and bind(): it sees the socket and the process at the same
 * moment, and hands over one record of both (record.h). Nothing is asked afterwards, so a process
 * that lives for a microsecond is named, too.
 *
 * A text is copied by a function of its own for each component. The kernel checks such a global
 * function once, whatever calls it; inside a loop of one program it would follow every length.
 */
#include "bpf/kernel.h"
#include "bpf/record.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define READ(from, ...) BPF_CORE_READ(from, __VA_ARGS__)

enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 };
enum { STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8, STATE_LISTEN = 10 };
enum {
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_SCTP = 132,
    PROTOCOL_UDPLITE = 136,
    PROTOCOL_MPTCP = 262
};
#define FILE_TYPE   0170000
#define TYPE_SOCKET 0140000
#define TYPE_FILE   0100000

char LICENSE[] SEC("license") = "GPL";

const volatile struct Audited audited = {};

/* How deep in nested pid namespaces the audited one may be. */
#define PID_LEVELS 8

/*
 * While so many bytes of the ring are unread, each user may add so many at once, and so many more
 * each second; no more where it is crowded: so one user leaves room for others, even if nobody
 * reads.
 */
#define SHARED  (RECORD_RING_SIZE / 4)
#define CROWDED (RECORD_RING_SIZE / 2)
#define BURST   ((int64_t)RECORD_RING_SIZE / 8)
#define REFILL  ((int64_t)RECORD_RING_SIZE / 2)
#define SECOND  1000000000ll

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, RECORD_RING_SIZE);
} ring SEC(".maps");

/* How many records were dropped, all in all. Mapped by the daemon. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, uint64_t);
} dropped SEC(".maps");

struct share {
    int64_t left; /* bytes * SECOND; below 0 after a long record */
    uint64_t time, reported;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, uint32_t);
    __type(value, struct share);
} shares SEC(".maps");

/* Where a record is put together. A task may be preempted here by another that comes here, too. */
#define DRAFTS 4
struct draft {
    uint32_t busy, reserved;
    struct KernelRecord record;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, DRAFTS);
    __type(key, uint32_t);
    __type(value, struct draft);
} drafts SEC(".maps");

/* --- texts ---------------------------------------------------------------------------------------
 */

/* Where a walk from a file to its root is, and how much text the record has. */
struct walk {
    uint64_t dentry, mount, node;
    uint32_t used;
    uint32_t failed;
};

static __always_inline int copy_name(struct walk *walk, struct KernelRecord *record,
                                     const void *name) {
    uint32_t at = walk->used;

    if (at > RECORD_TEXT_SIZE - RECORD_NAME_SIZE) {
        walk->failed = 1;
        return 1;
    }
    long n = bpf_probe_read_kernel_str(record->text + at, RECORD_NAME_SIZE, name);
    if (n <= 0) {
        walk->failed = 1;
        return 1;
    }
    walk->used = at + n;
    return 0;
}

/* Copies the name of the file that the walk is at, and goes to what holds it. Returns 1 at the end.
 */
__attribute__((noinline)) int walk_path(struct walk *walk, struct KernelRecord *record) {
    if (!walk || !record)
        return 1;
    for (int i = 0; i < 8; i++) { /* a mount on a mount on a mount */
        struct dentry *dentry = (void *)walk->dentry;
        struct mount *mount = (void *)walk->mount;
        struct dentry *parent = READ(dentry, d_parent);
        if (dentry != READ(mount, mnt.mnt_root)) {
            if (!parent || parent == dentry) { /* it has no place among the mounts: a memfd */
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

/* The same for a cgroup. */
__attribute__((noinline)) int walk_cgroup(struct walk *walk, struct KernelRecord *record) {
    if (!walk || !record)
        return 1;
    struct kernfs_node *node = (void *)walk->node, *parent;
    struct kernfs_node___since_6_15 *newer = (void *)node;

    if (bpf_core_field_exists(newer->__parent))
        parent = READ(newer, __parent);
    else
        parent = READ(node, parent);
    if (!parent || READ(node, id) == audited.cgroup_root)
        return 1;
    if (copy_name(walk, record, READ(node, name)))
        return 1;
    walk->node = (uint64_t)parent;
    return 0;
}

static __always_inline struct mount *mount_of(struct vfsmount *mount) {
    return (void *)mount -
           __builtin_preserve_field_info(((struct mount *)0)->mnt, BPF_FIELD_BYTE_OFFSET);
}

static __always_inline uint32_t take_path(struct walk *walk, struct KernelRecord *record,
                                          struct vfsmount *mount, struct dentry *dentry) {
    uint32_t before = walk->used;

    walk->failed = 0;
    walk->dentry = (uint64_t)dentry;
    walk->mount = (uint64_t)mount_of(mount);
    int i;
    for (i = 0; i < RECORD_DEPTH_MAX; i++)
        if (walk_path(walk, record))
            break;
    if (i == RECORD_DEPTH_MAX)
        walk->failed = 1;
    return walk->used - before;
}

static __always_inline uint32_t take_cgroup(struct walk *walk, struct KernelRecord *record,
                                            struct kernfs_node *node) {
    uint32_t before = walk->used;

    walk->failed = 0;
    walk->node = (uint64_t)node;
    int i;
    for (i = 0; i < RECORD_DEPTH_MAX; i++)
        if (walk_cgroup(walk, record))
            break;
    if (i == RECORD_DEPTH_MAX)
        walk->failed = 1;
    return walk->used - before;
}

/* What is not in memory at this moment can't be waited for here. */
static __always_inline uint32_t take_args(struct walk *walk, struct KernelRecord *record,
                                          struct mm_struct *mm) {
    uint64_t start = READ(mm, arg_start), size = READ(mm, arg_end) - start;
    uint32_t at = walk->used;

    walk->failed = size > RECORD_ARGS_SIZE;
    if (size > RECORD_ARGS_SIZE)
        size = RECORD_ARGS_SIZE;
    if (at > RECORD_TEXT_SIZE - RECORD_ARGS_SIZE ||
        bpf_probe_read_user(record->text + at, size, (void *)start) < 0) {
        walk->failed = 1;
        return 0;
    }
    walk->used = at + size;
    return size;
}

/* --- the socket ----------------------------------------------------------------------------------
 */

static __always_inline bool is_audited(struct sock *sk) {
    return READ(sk, __sk_common.skc_net.net, ns.inum) == audited.netns;
}

static __always_inline void take_head(struct RecordHead *head, struct sock *sk, uint8_t kind,
                                      uint64_t cookie) {
    head->time = bpf_ktime_get_boot_ns();
    head->cookie = cookie;
    head->kind = kind;
    head->protocol = READ(sk, sk_protocol);
    head->port = READ(sk, __sk_common.skc_num);
    head->family = READ(sk, __sk_common.skc_family);
    head->device = READ(sk, __sk_common.skc_bound_dev_if);
    head->uid = READ(sk, sk_uid.val);
    head->v6only = 0;
    __builtin_memset(head->address, 0, sizeof(head->address));
    if (head->family == FAMILY_IPV6) {
        BPF_CORE_READ_INTO(&head->address, sk, __sk_common.skc_v6_rcv_saddr);
        head->v6only = BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_ipv6only);
    } else
        BPF_CORE_READ_INTO((uint32_t *)head->address, sk, __sk_common.skc_rcv_saddr);
}

/* --- the process ---------------------------------------------------------------------------------
 */

/* The number of a pid in the audited namespace, 0: it has none there. */
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

static __always_inline void take_ancestors(struct KernelRecord *record,
                                           struct task_struct *leader) {
    struct task_struct *task = leader;
    uint32_t n = 0;

    for (int i = 0; i < RECORD_ANCESTORS; i++) {
        struct RecordAncestor *ancestor = &record->ancestors[i];
        struct task_struct *parent = READ(task, real_parent, group_leader);
        ancestor->pid = parent && parent != task ? pid_number(READ(parent, thread_pid)) : 0;
        if (ancestor->pid == 0)
            break;
        ancestor->start = READ(parent, start_boottime);
        ancestor->reserved = 0;
        BPF_CORE_READ_STR_INTO(&ancestor->comm, parent, comm);
        task = parent;
        n++;
    }
    record->n_ancestors = n;
}

/*
 * The namespace of the file's own mount. That of the process proves nothing: it may have been
 * handed a file of another one, or have changed its own since it was executed.
 */
static __always_inline bool is_audited_mount(struct file *file) {
    struct mount *mount = mount_of(READ(file, f_path.mnt));
    uint32_t namespace = READ(mount, mnt_ns, ns.inum);
    return namespace != 0 && namespace == audited.mountns;
}

static __always_inline void take_program(struct KernelRecord *record, struct task_struct *task,
                                         struct walk *walk) {
    struct mm_struct *mm = READ(task, mm);
    struct file *exe = mm ? READ(mm, exe_file) : NULL;

    record->exe_size = record->cwd_size = record->cgroup_size = record->args_size = 0;
    record->exe_inode = 0;
    record->exe_device = 0;
    record->exe_deleted = record->exe_placed = 0;
    record->missing = mm ? 0 : RECORD_NO_MEMORY | RECORD_NO_EXE | RECORD_NO_CWD | RECORD_NO_ARGS;
    if (exe) {
        struct dentry *dentry = READ(exe, f_path.dentry);
        record->exe_inode = READ(exe, f_inode, i_ino);
        record->exe_device = READ(exe, f_inode, i_sb, s_dev);
        record->exe_deleted = READ(dentry, d_hash.pprev) == NULL;
        record->exe_size = take_path(walk, record, READ(exe, f_path.mnt), dentry);
        record->missing |= walk->failed ? RECORD_NO_EXE : 0;
        record->exe_placed = !walk->failed && !record->exe_deleted && is_audited_mount(exe);
    } else
        record->missing |= RECORD_NO_EXE;
    struct fs_struct *fs = READ(task, fs);
    if (mm && fs) {
        record->cwd_size = take_path(walk, record, READ(fs, pwd.mnt), READ(fs, pwd.dentry));
        record->missing |= walk->failed ? RECORD_NO_CWD : 0;
    } else
        record->missing |= RECORD_NO_CWD;
}

static __always_inline void take_process(struct KernelRecord *record, struct sock *sk) {
    struct task_struct *task = (void *)bpf_get_current_task();
    struct task_struct *leader = READ(task, group_leader);
    struct kernfs_node *node = READ(sk, sk_cgrp_data.cgroup, kn);
    struct walk walk = {};

    record->pid = pid_number(READ(leader, thread_pid));
    record->tid = pid_number(READ(task, thread_pid));
    record->start = READ(leader, start_boottime);
    record->euid = READ(task, cred, euid.val);
    record->group = pid_number(READ(task, signal, pids[2]));
    record->reserved = 0;
    BPF_CORE_READ_STR_INTO(&record->comm, leader, comm);
    struct socket_alloc *socket = (void *)READ(sk, sk_socket);
    record->inode = socket ? READ(socket, vfs_inode.i_ino) : 0;
    take_ancestors(record, leader);
    take_program(record, task, &walk);
    record->cgroup_id = node ? READ(node, id) : 0;
    if (node) {
        record->cgroup_size = take_cgroup(&walk, record, node);
        record->missing |= walk.failed ? RECORD_NO_CGROUP : 0;
    } else
        record->missing |= RECORD_NO_CGROUP;
    struct mm_struct *mm = READ(task, mm);
    if (mm) {
        record->args_size = take_args(&walk, record, mm);
        record->missing |= walk.failed ? RECORD_NO_ARGS : 0;
    }
}

/* --- shares --------------------------------------------------------------------------------------
 */

/* Who is charged: inside a user namespace its owner, whose uids all of it are. */
static __always_inline uint32_t payer(void) {
    struct task_struct *task = (void *)bpf_get_current_task();
    const struct cred *cred = READ(task, cred);
    struct user_namespace *space = READ(cred, user_ns);
    uint32_t uid = READ(cred, uid.val);

    for (int i = 0; i < 33; i++) {
        if (!space || READ(space, level) == 0)
            break;
        uid = READ(space, owner.val);
        space = READ(space, parent);
    }
    return uid;
}

static __always_inline void count_dropped(void) {
    uint32_t zero = 0;
    uint64_t *count = bpf_map_lookup_elem(&dropped, &zero);
    if (count)
        __sync_fetch_and_add(count, 1);
}

static __always_inline void report_dropped(uint32_t uid, uint64_t now) {
    struct RecordHead *head = bpf_ringbuf_reserve(&ring, sizeof(*head), 0);
    if (!head)
        return;
    __builtin_memset(head, 0, sizeof(*head));
    head->kind = RECORD_DROPPED;
    head->uid = uid;
    head->time = now;
    bpf_ringbuf_submit(head, 0);
}

static __always_inline struct share *get_share(uint32_t uid, uint64_t now) {
    struct share *share = bpf_map_lookup_elem(&shares, &uid);

    if (share)
        return share;
    struct share full = {.left = BURST * SECOND, .time = now};
    bpf_map_update_elem(&shares, &uid, &full, BPF_ANY);
    return bpf_map_lookup_elem(&shares, &uid);
}

static __always_inline void refill(struct share *share, uint64_t now) {
    int64_t passed = now - share->time;

    if (passed < 0) /* another processor was here meanwhile */
        return;
    if (passed > SECOND) /* which fills any */
        passed = SECOND;
    share->time = now;
    share->left += passed * REFILL;
    if (share->left > BURST * SECOND)
        share->left = BURST * SECOND;
}

/* Whether the caller may write; *ret is what to charge, or NULL. Two at once may both take the last
 * of a share: no matter. */
static __always_inline bool may_write(struct share **ret) {
    uint64_t unread = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

    *ret = NULL;
    if (unread < SHARED)
        return true;
    uint32_t uid = payer();
    uint64_t now = bpf_ktime_get_boot_ns();
    struct share *share = get_share(uid, now);

    if (share) {
        if (unread < CROWDED)
            refill(share, now);
        else
            share->time = now;
        if (share->left > 0) {
            *ret = share;
            return true;
        }
        if (now - share->reported > SECOND / 10) {
            share->reported = now;
            report_dropped(uid, now);
        }
    }
    count_dropped();
    return false;
}

static __always_inline void charge(struct share *share, uint32_t size) {
    if (share)
        share->left -= (size + BPF_RINGBUF_HDR_SZ) * SECOND;
}

/* --- records -------------------------------------------------------------------------------------
 */

static __always_inline struct draft *take_draft(void) {
    for (uint32_t i = 0; i < DRAFTS; i++) {
        uint32_t key = i;
        struct draft *draft = bpf_map_lookup_elem(&drafts, &key);
        if (draft && __sync_val_compare_and_swap(&draft->busy, 0, 1) == 0)
            return draft;
    }
    return NULL;
}

static __always_inline void submit(struct sock *sk, uint8_t kind, uint64_t cookie) {
    struct share *share;
    if (!may_write(&share))
        return;
    struct draft *draft = take_draft();
    if (!draft) {
        count_dropped();
        return;
    }
    struct KernelRecord *record = &draft->record;
    take_head(&record->head, sk, kind, cookie);
    take_process(record, sk);
    uint32_t size = record->exe_size + record->cwd_size + record->cgroup_size + record->args_size;
    if (size > RECORD_TEXT_SIZE)
        size = RECORD_TEXT_SIZE;
    size += __builtin_offsetof(struct KernelRecord, text);
    charge(share, size);
    if (bpf_ringbuf_output(&ring, record, size, 0) < 0)
        count_dropped();
    draft->busy = 0;
}

static __always_inline void submit_close(struct sock *sk, uint64_t cookie) {
    struct share *share;
    if (!may_write(&share))
        return;
    charge(share, sizeof(struct RecordHead));
    struct RecordHead *head = bpf_ringbuf_reserve(&ring, sizeof(*head), 0);
    if (!head) {
        count_dropped();
        return;
    }
    take_head(head, sk, RECORD_CLOSE, cookie);
    bpf_ringbuf_submit(head, 0);
}

/* An MPTCP socket listens through a TCP socket of its own. One of the two is recorded, as in a
 * dump. */
static __always_inline bool is_other_of_mptcp(struct sock *sk, uint16_t protocol) {
    struct tcp_sock *tcp = (void *)sk;
    if (audited.subflows)
        return protocol == PROTOCOL_MPTCP;
    return protocol == PROTOCOL_TCP && bpf_core_field_exists(tcp->is_mptcp) &&
           BPF_CORE_READ_BITFIELD_PROBED(tcp, is_mptcp);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int before, int now) {
    (void)ctx;
    if (now != STATE_LISTEN && before != STATE_LISTEN)
        return 0;
    /* SCTP's sockets close by way of CLOSE_WAIT. Others are the first state of a connection. */
    if (before == STATE_LISTEN && now != STATE_CLOSE && now != STATE_CLOSE_WAIT)
        return 0;
    uint16_t protocol = READ(sk, sk_protocol);
    if (!is_audited(sk) || is_other_of_mptcp(sk, protocol))
        return 0;
    uint64_t cookie = bpf_get_socket_cookie(sk);
    if (now == STATE_LISTEN)
        submit(sk, RECORD_LISTEN, cookie);
    else
        submit_close(sk, cookie);
    return 0;
}

static __always_inline int udp_bound(struct bpf_sock *context) {
    struct sock *sk = (struct sock *)context; /* which it is; the kernel only hides it */

    if (context->protocol != PROTOCOL_UDP && context->protocol != PROTOCOL_UDPLITE)
        return 1;
    if (is_audited(sk))
        submit(sk, RECORD_BIND, bpf_get_socket_cookie(context));
    return 1;
}

SEC("cgroup/post_bind4")
int udp_bound4(struct bpf_sock *context) {
    return udp_bound(context);
}

SEC("cgroup/post_bind6")
int udp_bound6(struct bpf_sock *context) {
    return udp_bound(context);
}
