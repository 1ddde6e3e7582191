/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/fd_iterator.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "owner/btf.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* The kernel's BTF is 4-8 MiB; more is not ours to read. */
#define BTF_SIZE_MAX (64u << 20)

/* The members that the program reads, as byte offsets in this kernel. */
typedef struct Layout {
    uint32_t iterator; /* BTF id of the function that marks the iterator */
    uint32_t f_inode, f_dentry, d_name, i_mode, i_ino, tgid, pid;
} Layout;

static int layout_find(const Btf *btf, Layout *ret) {
    Layout layout = {};
    uint32_t path = 0, dentry = 0, name = 0, text = 0;
    const struct {
        const char *structure, *member;
        uint32_t *offset;
    } wanted[] = {
        {"file", "f_inode", &layout.f_inode},
        {"file", "f_path", &path},
        {"path", "dentry", &dentry},
        {"dentry", "d_name", &name},
        {"qstr", "name", &text},
        {"inode", "i_mode", &layout.i_mode},
        {"inode", "i_ino", &layout.i_ino},
        {"task_struct", "tgid", &layout.tgid},
        {"task_struct", "pid", &layout.pid},
    };
    for (size_t i = 0; i < ELEMENTS(wanted); i++) {
        int r = btf_member(btf, wanted[i].structure, wanted[i].member, wanted[i].offset);
        if (r < 0)
            return r;
    }
    layout.f_dentry = path + dentry;
    layout.d_name = name + text;
    layout.iterator = btf_function(btf, "bpf_iter_task_file");
    if (layout.iterator == 0)
        return -ENOENT;
    *ret = layout;
    return 0;
}

/* The file's bytes in memory: mapped where the kernel can (6.16), else copied. */
static int map_file(int fd, size_t size, void **ret) {
    char *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) {
        *ret = data;
        return 0;
    }
    data =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (data == MAP_FAILED)
        return -ENOMEM;
    for (size_t length = 0; length < size;) {
        ssize_t n = read(fd, data + length, size - length);
        if (n <= 0) {
            int r = n < 0 ? -errno : -EIO;
            munmap(data, size);
            return r;
        }
        length += (size_t)n;
    }
    *ret = data;
    return 0;
}

static int layout_read(int root_fd, Layout *ret) {
    struct stat st;
    void *data = NULL;
    Btf btf;
    _cleanup_close_ int fd =
        openat(root_fd, "sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size <= 0 || st.st_size > BTF_SIZE_MAX)
        return -EBADMSG;

    int r = map_file(fd, (size_t)st.st_size, &data);
    if (r < 0)
        return r;
    r = btf_open(&btf, data, (size_t)st.st_size);
    if (r >= 0) {
        r = layout_find(&btf, ret);
        btf_done(&btf);
    }
    munmap(data, (size_t)st.st_size);
    return r;
}

/* The instructions that are used, in the words of the kernel's own assembler. */
#define INSN(c, d, s, o, i)                                                                        \
    ((struct bpf_insn){.code = (c),                                                                \
                       .dst_reg = (d)&15,                                                          \
                       .src_reg = (s)&15,                                                          \
                       .off = (int16_t)(o),                                                        \
                       .imm = (int32_t)(i)})
#define MOVE(d, s)               INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i)                INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, i)                INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define AND(d, i)                INSN(BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o)      INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, o, s)     INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define STORE_ZERO(size, d, o)   INSN(BPF_ST | BPF_MEM | (size), d, 0, o, 0)
#define JUMP_IF(op, d, i, skip)  INSN(BPF_JMP | (op) | BPF_K, d, 0, skip, i)
#define JUMP_IFR(op, d, s, skip) INSN(BPF_JMP | (op) | BPF_X, d, s, skip, 0)
#define JUMP(skip)               INSN(BPF_JMP | BPF_JA, 0, 0, skip, 0)
#define CALL(function)           INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define SET64(d, v)                                                                                \
    INSN(BPF_LD | BPF_IMM | BPF_DW, d, 0, 0, (uint32_t)(v)),                                       \
        INSN(0, 0, 0, 0, (uint32_t)((uint64_t)(v) >> 32))
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* struct bpf_iter__task_file: {meta *, task *, u32 fd, file *}, each in 8 bytes. */
enum { CONTEXT_META = 0, CONTEXT_TASK = 8, CONTEXT_FD = 16, CONTEXT_FILE = 24 };

/* `[io_uring]`, the name of a ring's file, by its first eight bytes. */
static uint64_t ring_name(void) {
    uint64_t word;
    memcpy(&word, "[io_urin", sizeof(word));
    return word;
}

static int program_load(const Layout *layout, uint32_t first, uint32_t last) {
    /* Jumps skip the instructions in between (SET64 is two); those that give up go to 45. */
    const struct bpf_insn program[] = {
        /*  0 */ MOVE(6, 1),
        /*  1 */ LOAD(BPF_DW, 7, 6, CONTEXT_TASK),
        /*  2 */ JUMP_IF(BPF_JEQ, 7, 0, 42),
        /*  3 */ LOAD(BPF_DW, 8, 6, CONTEXT_FILE),
        /*  4 */ JUMP_IF(BPF_JEQ, 8, 0, 40),
        /*  5 */ LOAD(BPF_DW, 9, 8, layout->f_inode),
        /*  6 */ LOAD(BPF_H, 1, 9, layout->i_mode),
        /*  7 */ AND(1, S_IFMT),
        /*  8 */ JUMP_IF(BPF_JEQ, 1, S_IFSOCK, 15), /* to 24 */
        /*  9 */ JUMP_IF(BPF_JEQ, 1, 0, 1),         /* an anonymous inode, until 6.15 */
        /* 10 */ JUMP_IF(BPF_JNE, 1, S_IFREG, 34),  /* since then */
        /* 11 */ LOAD(BPF_DW, 1, 8, layout->f_dentry),
        /* 12 */ LOAD(BPF_DW, 3, 1, layout->d_name),
        /* 13 */ SET(2, 8),
        /* 14 */ MOVE(1, 10),
        /* 15 */ ADD(1, -8),
        /* 16 */ CALL(BPF_FUNC_probe_read_kernel),
        /* 17 */ JUMP_IF(BPF_JNE, 0, 0, 27),
        /* 18 */ LOAD(BPF_DW, 1, 10, -8),
        /* 19 */ SET64(2, ring_name()),
        /* 21 */ JUMP_IFR(BPF_JNE, 1, 2, 23),
        /* 22 */ SET(3, 0),
        /* 23 */ JUMP(7), /* to 31 */
        /* 24 */ LOAD(BPF_DW, 3, 9, layout->i_ino),
        /* 25 */ SET64(1, first),
        /* 27 */ JUMP_IFR(BPF_JLT, 3, 1, 17),
        /* 28 */ SET64(1, last),
        /* 30 */ JUMP_IFR(BPF_JGT, 3, 1, 14),
        /* 31 */ STORE(BPF_DW, 10, -16, 3),
        /* 32 */ STORE_ZERO(BPF_W, 10, -20),
        /* 33 */ LOAD(BPF_W, 1, 6, CONTEXT_FD),
        /* 34 */ STORE(BPF_W, 10, -24, 1),
        /* 35 */ LOAD(BPF_W, 1, 7, layout->pid),
        /* 36 */ STORE(BPF_W, 10, -28, 1),
        /* 37 */ LOAD(BPF_W, 1, 7, layout->tgid),
        /* 38 */ STORE(BPF_W, 10, -32, 1),
        /* 39 */ LOAD(BPF_DW, 1, 6, CONTEXT_META),
        /* 40 */ LOAD(BPF_DW, 1, 1, 0), /* bpf_iter_meta's seq_file */
        /* 41 */ MOVE(2, 10),
        /* 42 */ ADD(2, -32),
        /* 43 */ SET(3, sizeof(FdRecord)),
        /* 44 */ CALL(BPF_FUNC_seq_write),
        /* 45 */ SET(0, 0), /* go on */
        /* 46 */ EXIT,
    };
    union bpf_attr attr = {};
    attr.prog_type = BPF_PROG_TYPE_TRACING;
    attr.expected_attach_type = BPF_TRACE_ITER;
    attr.attach_btf_id = layout->iterator;
    attr.insns = (uintptr_t)program;
    attr.insn_cnt = ELEMENTS(program);
    attr.license = (uintptr_t) "GPL"; /* reading kernel memory asks for it */
    memcpy(attr.prog_name, "sockaudit_fds", sizeof("sockaudit_fds"));
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
    return fd < 0 ? -errno : fd;
}

int fd_iterator_open(int root_fd, uint32_t first, uint32_t last) {
    Layout layout = {};
    int r = layout_read(root_fd, &layout);
    if (r < 0)
        return r;
    _cleanup_close_ int program_fd = program_load(&layout, first, last);
    if (program_fd < 0)
        return program_fd;

    union bpf_attr attr = {};
    attr.link_create.prog_fd = (uint32_t)program_fd;
    attr.link_create.attach_type = BPF_TRACE_ITER;
    _cleanup_close_ int link_fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
    if (link_fd < 0)
        return -errno;
    memset(&attr, 0, sizeof(attr));
    attr.iter_create.link_fd = (uint32_t)link_fd;
    int fd = (int)syscall(SYS_bpf, BPF_ITER_CREATE, &attr, sizeof(attr));
    return fd < 0 ? -errno : fd;
}

int fd_iterator_read(int fd, FdRecord **ret, size_t *ret_n) {
    _cleanup_free_ char *data = NULL;
    size_t length = 0, allocated = 0;

    for (;;) {
        int r = ARRAY_RESERVE(data, allocated, length + 65536);
        if (r < 0)
            return r;
        ssize_t n = read(fd, data + length, allocated - length);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue; /* a million fds without a record: it pauses there */
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    if (length % sizeof(FdRecord) != 0)
        return -EBADMSG;
    *ret_n = length / sizeof(FdRecord);
    *ret = (FdRecord *)(void *)TAKE_PTR(data);
    return 0;
}
