/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program in the kernel hands to the daemon: one record for each listen() and its end, and
 * for each UDP bind(), made by the kernel itself at that moment. Shared by both sides, in the byte
 * order of the machine.
 */
#pragma once

#include <stdint.h>

enum RecordKind {
    RECORD_LISTEN = 1, /* a socket listens; the kernel may still refuse its port: a CLOSE follows */
    RECORD_CLOSE,      /* it no longer does; `RecordHead` alone */
    RECORD_BIND,       /* a UDP or UDP-Lite socket is bound */
    RECORD_DROPPED,    /* records of a user were dropped; `RecordHead` alone */
};

#define RECORD_COMM_SIZE 16 /* TASK_COMM_LEN */
#define RECORD_ANCESTORS 8
/* For the four texts together: two paths of PATH_MAX, a cgroup, arguments. */
#define RECORD_TEXT_SIZE 12288
#define RECORD_ARGS_SIZE 2048
/* A component of a path (NAME_MAX), or of a cgroup's, with its NUL. */
#define RECORD_NAME_SIZE 256
#define RECORD_DEPTH_MAX 64

/* Bytes of the ring buffer: some 600 records of usual programs. */
#define RECORD_RING_SIZE (512u << 10)

/* What is audited: set before the program is loaded. */
struct Audited {
    uint64_t cgroup_root; /* id of the cgroup that paths begin below; 0: there is none */
    uint32_t netns;       /* inode number of the network namespace whose sockets are recorded */
    uint32_t pidns;       /* of the pid namespace that pids refer to */
    uint32_t mountns;     /* of the mount namespace whose paths verify a program */
    uint32_t subflows;    /* 1: record the TCP socket of an MPTCP listener */
};

struct RecordHead {
    uint64_t time;   /* ns of CLOCK_BOOTTIME */
    uint64_t cookie; /* SO_COOKIE */
    uint16_t protocol;
    uint16_t port; /* host order; 0: not chosen yet (listen() without bind()) */
    uint16_t family;
    uint8_t kind;
    uint8_t v6only;
    uint8_t address[16]; /* IPv4: the first four bytes; network order */
    uint32_t device;     /* SO_BINDTODEVICE: the interface's index, 0: none */
    uint32_t uid; /* the socket's owner; RECORD_DROPPED: the user whose records were dropped */
};

struct RecordAncestor {
    uint64_t start; /* ns of CLOCK_BOOTTIME */
    uint32_t pid;
    uint32_t reserved;
    char comm[RECORD_COMM_SIZE];
};

/* A text was not taken over whole. */
enum RecordMissing {
    RECORD_NO_EXE = 1 << 0,
    RECORD_NO_CWD = 1 << 1,
    RECORD_NO_CGROUP = 1 << 2,
    RECORD_NO_ARGS = 1 << 3, /* not readable at that moment, or too long: what is there is a part */
    RECORD_NO_MEMORY = 1 << 4, /* it has no memory of its own: a kernel thread */
};

struct KernelRecord {
    struct RecordHead head;
    uint64_t cgroup_id; /* of the socket */
    uint64_t start;     /* of the process: ns of CLOCK_BOOTTIME */
    uint64_t exe_inode;
    uint32_t exe_device; /* the kernel's dev_t: 12 bits major, 20 bits minor */
    uint32_t inode;      /* of the socket */
    uint32_t pid, tid;   /* 0: outside of the pid namespace */
    uint32_t group;      /* process group */
    uint32_t euid;
    uint32_t reserved;
    uint8_t exe_deleted; /* the file was unlinked */
    uint8_t exe_placed;  /* 1: the path leads to the file in the audited mount namespace */
    uint8_t missing;     /* RecordMissing */
    uint8_t n_ancestors;
    char comm[RECORD_COMM_SIZE]; /* of the process, not of the thread */
    struct RecordAncestor ancestors[RECORD_ANCESTORS];

    /*
     * text[]: the components of exe, cwd and cgroup, each text's last component first, each with
     * its NUL; then the arguments as they are in memory. Only as much as there is was written.
     */
    uint32_t exe_size, cwd_size, cgroup_size, args_size;
    char text[RECORD_TEXT_SIZE + RECORD_NAME_SIZE];
};

/* A record of the iterator over fds: a listening or UDP socket, also one in an io_uring. */
struct FdRecord {
    uint32_t pid; /* the process; 0: outside of the pid namespace */
    uint32_t tid; /* whose table it is: the process's first thread, or one with its own table */
    uint32_t fd;
    uint32_t in_ring;   /* 1: `fd` is an io_uring in which the socket is registered */
    uint64_t inode;     /* 0: the io_uring, or without in_ring the user, has more than was read */
    uint64_t start;     /* of the process at that moment, as in KernelRecord */
    uint64_t exe_inode; /* of the program at that moment */
};

/*
 * The map of requested processes has a bit for each possible pid (PID_MAX_LIMIT), so that no two
 * pids share one. The iterator returns a KernelRecord with an empty head, without socket, cgroup
 * and arguments.
 */
#define PROCESSES_WANTED (4u << 20)
