/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs in the kernel, inside listen() and bind(): it sees the socket and the process at the same
 * moment, and hands over one record of both (record.h). Nothing is asked afterwards, so a process
 * that lives for a microsecond is named, too.
 */
#include "bpf/process.h"

#include <bpf/bpf_tracing.h>

enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 };
enum { STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8, STATE_LISTEN = 10 };
enum {
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_SCTP = 132,
    PROTOCOL_UDPLITE = 136,
    PROTOCOL_MPTCP = 262
};

char LICENSE[] SEC("license") = "GPL";

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

/* The same as walk_path(), for a cgroup. */
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

static __always_inline uint32_t take_cgroup(struct walk *walk, struct KernelRecord *record,
                                            struct kernfs_node *node) {
    uint32_t before = walk->used;

    begin_walk(walk);
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
    uint64_t start = mm->arg_start, size = mm->arg_end - start;
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

static __always_inline void take_process(struct KernelRecord *record, struct sock *sk,
                                         struct walk *walk) {
    struct task_struct *task = bpf_get_current_task_btf();
    struct kernfs_node *node = READ(sk, sk_cgrp_data.cgroup, kn);

    struct socket_alloc *socket = (void *)READ(sk, sk_socket);
    record->inode = socket ? READ(socket, vfs_inode.i_ino) : 0;
    take_task(record, task, walk);
    record->cgroup_id = node ? READ(node, id) : 0;
    if (node) {
        record->cgroup_size = take_cgroup(walk, record, node);
        record->missing |= walk->failed ? RECORD_NO_CGROUP : 0;
    } else
        record->missing |= RECORD_NO_CGROUP;
    struct mm_struct *mm = task->mm;
    if (mm) {
        record->args_size = take_args(walk, record, mm);
        record->missing |= walk->failed ? RECORD_NO_ARGS : 0;
    }
}

/* --- shares --------------------------------------------------------------------------------------
 */

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
    uint32_t uid = payer(bpf_get_current_task_btf());
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
    take_process(record, sk, &draft->walk);
    uint32_t size = record_size(record);
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
