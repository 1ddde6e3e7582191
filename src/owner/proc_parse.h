/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of a process, from bytes to values. Pure functions: none trusts a length, none
 * reads beyond it, and what a process wrote itself (comm, command line) stays raw bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Longer command lines are cut: so many bytes, and so many arguments. */
#define CMDLINE_BYTES_MAX 8192
#define CMDLINE_ARGS_MAX  256

/* The kernel's TASK_COMM_LEN is 16; a kernel thread's name may be longer in stat. */
#define COMM_SIZE 64

typedef struct ProcStat {
    char comm[COMM_SIZE]; /* raw, without the parentheses */
    pid_t parent, group;  /* 0: none, or outside of our pid namespace */
    uint64_t start;       /* clock ticks since boot */
    bool exiting;         /* without a program, and about to close its descriptors */
} ProcStat;

/*
 * Parses /proc/PID/stat (proc_pid_stat(5)). The name may hold `)`, blanks and newlines: it goes
 * from the first `(` to the last `)` (KERNEL.md 17). Returns 0 or -EBADMSG.
 */
int proc_stat_parse(const char *text, size_t length, ProcStat *ret);

/* The effective uid, from the line `Uid:` of /proc/PID/status. Returns 0 or -EBADMSG. */
int proc_status_parse_uid(const char *text, size_t length, uid_t *ret);

/*
 * Splits /proc/PID/cmdline at its NULs into a new NULL-terminated vector, cut to CMDLINE_BYTES_MAX
 * and CMDLINE_ARGS_MAX. An empty one (kernel thread, zombie) gives an empty vector. A process that
 * wrote a title over its arguments gives one: what it padded that with is dropped where no other
 * text follows the first argument, and that holds a blank or more than 3 empty ones follow it.
 * Returns 0 or -ENOMEM.
 */
int proc_cmdline_parse(const char *text, size_t length, char ***ret);

/* So much of an environment is read. */
#define ENVIRON_BYTES_MAX 16384

/* Parses $LISTEN_PID and $LISTEN_FDS from /proc/PID/environ. Sets both to 0 if one of them is
 * missing or is not a number. */
void proc_environ_parse(const char *text, size_t length, pid_t *ret_listen_pid,
                        int *ret_n_listen_fds);

/* What a link in /proc/PID/fd leads to, as far as it concerns us. */
typedef enum FdKind {
    FD_OTHER,
    FD_SOCKET,   /* `socket:[INODE]` */
    FD_IO_URING, /* `anon_inode:[io_uring]` */
} FdKind;

/* A file cannot be taken for a socket by its name: a file's text begins with `/`. */
FdKind fd_link_parse(const char *text, size_t length, uint32_t *ret_inode);

/* A pid, or an fd: decimal digits alone, at most INT_MAX. Returns 0 or -EINVAL. */
int proc_number_parse(const char *text, int *ret);

/*
 * The files registered in an io_uring, from /proc/PID/fdinfo/FD (KERNEL.md 15):
 *
 *     UserFiles:	3
 *         0: socket:[4711]
 *         2: /tmp/file
 *     UserBufs:	0
 *
 * The text comes in pieces of any size, as read. Start from a zeroed struct.
 */
typedef struct UserFilesParser {
    char line[96]; /* of the line so far; longer ones are none of ours */
    size_t length;
    bool inside; /* between `UserFiles:` and the next heading */
    bool seen;   /* there was a `UserFiles:`: the kernel leaves all out while the ring is busy */
} UserFilesParser;

/* Calls `found` for each socket; stops when it returns a negative errno, and returns that. */
int user_files_parse(UserFilesParser *parser, const char *text, size_t length,
                     int (*found)(void *userdata, uint32_t inode), void *userdata);

/*
 * The path of a process's cgroup from /proc/PID/cgroup: of the unified hierarchy (`0::PATH`), or
 * where that one is missing or `/` (a cgroup v1 or hybrid host), of systemd's named one. Returns 0
 * with the path's place in *ret (not terminated, *ret_length bytes), or -ENOENT.
 */
int proc_cgroup_parse(const char *text, size_t length, const char **ret, size_t *ret_length);
