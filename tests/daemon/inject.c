/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into a sockauditd under test (LD_PRELOAD): lets one call of a function fail, and moves
 * the wall clock. What is to happen stands in a file, $INJECT_CONTROL, that both map: so the test
 * can arm a fault at any time of the daemon's life. See tests/daemon/harness.py, class Faults.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <netdb.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* As harness.py has it. */
typedef struct Control {
    char function[32];
    int64_t countdown; /* the call that brings it to zero fails; below zero: none does */
    int64_t error;
    int64_t fired;                            /* so many failed */
    int64_t calls;                            /* of the function, since it was named */
    int64_t realtime_offset, boottime_offset; /* seconds */
} Control;

static Control *control;

/* libsystemd (252: bus_free()) asserts where an object could not be added for lack of memory: what
 * it allocates for itself is given. */
static uintptr_t spared_from, spared_to;

static int find_spared(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size, (void)data;
    if (!strstr(info->dlpi_name, "/libsystemd.so"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
            spared_from = info->dlpi_addr + part->p_vaddr;
            spared_to = spared_from + part->p_memsz;
        }
    }
    return 1;
}

static int is_spared(const void *caller) {
    return (uintptr_t)caller >= spared_from && (uintptr_t)caller < spared_to;
}

/* Faults are the daemon's: its helper for names has none. */
__attribute__((constructor)) static void begin(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--name-helper") == 0)
        return;
    dl_iterate_phdr(find_spared, NULL);
    const char *path = getenv("INJECT_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    Control *mapped = mmap(NULL, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        control = mapped;
}

/* The C library's name service crashes where it gets no memory (2.36: nss_database.c): its own
 * calls are not to fail. */
static _Thread_local int in_library;

static int is_due(const char *function) {
    if (!control || in_library || strcmp(control->function, function) != 0)
        return 0;
    __atomic_add_fetch(&control->calls, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&control->countdown, __ATOMIC_RELAXED) < 0 ||
        __atomic_sub_fetch(&control->countdown, 1, __ATOMIC_RELAXED) != 0)
        return 0;
    __atomic_store_n(&control->countdown, -1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&control->fired, 1, __ATOMIC_RELAXED);
    errno = (int)control->error;
    return 1;
}

#define NEXT(name)                                                                                 \
    static __typeof__(name) *next;                                                                 \
    if (!next)                                                                                     \
    next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define FAIL(type, name, failed, parameters, ...)                                                  \
    type name parameters {                                                                         \
        NEXT(name);                                                                                \
        return is_due(#name) ? failed : next(__VA_ARGS__);                                         \
    }

FAIL(ssize_t, recvmsg, -1, (int fd, struct msghdr *message, int flags), fd, message, flags)
FAIL(ssize_t, sendmsg, -1, (int fd, const struct msghdr *message, int flags), fd, message, flags)
FAIL(ssize_t, recv, -1, (int fd, void *data, size_t size, int flags), fd, data, size, flags)
FAIL(ssize_t, sendto, -1,
     (int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
      socklen_t length),
     fd, data, size, flags, to, length)

/* libsystemd's loop ends where it can't read its own timers and signals, and nobody else has such.
 * (Who calls does not tell: a sanitizer's read() may stand between.) */
static int is_of_loop(int fd) {
    char link[32], target[32];
    int length = snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (length < 0 ||
        (length = (int)syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof(target) - 1)) < 0)
        return 0;
    target[length] = '\0';
    return strcmp(target, "anon_inode:[timerfd]") == 0 ||
           strcmp(target, "anon_inode:[signalfd]") == 0;
}

ssize_t read(int fd, void *data, size_t size) {
    NEXT(read);
    return !is_of_loop(fd) && is_due("read") ? -1 : next(fd, data, size);
}

#define SPARE(type, name, parameters, ...)                                                         \
    type name parameters {                                                                         \
        NEXT(name);                                                                                \
        in_library++;                                                                              \
        type result = next(__VA_ARGS__);                                                           \
        in_library--;                                                                              \
        return result;                                                                             \
    }

SPARE(struct passwd *, getpwnam, (const char *name), name)
SPARE(struct passwd *, getpwuid, (uid_t uid), uid)
SPARE(struct group *, getgrnam, (const char *name), name)
SPARE(struct group *, getgrgid, (gid_t gid), gid)
SPARE(int, getpwnam_r,
      (const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **ret),
      name, entry, buffer, size, ret)
SPARE(int, getpwuid_r,
      (uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **ret), uid, entry,
      buffer, size, ret)
SPARE(int, getgrnam_r,
      (const char *name, struct group *entry, char *buffer, size_t size, struct group **ret), name,
      entry, buffer, size, ret)
SPARE(int, getgrgid_r,
      (gid_t gid, struct group *entry, char *buffer, size_t size, struct group **ret), gid, entry,
      buffer, size, ret)
SPARE(int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *n), user, group,
      groups, n)
SPARE(int, getservbyname_r,
      (const char *name, const char *proto, struct servent *entry, char *buffer, size_t size,
       struct servent **ret),
      name, proto, entry, buffer, size, ret)
SPARE(struct servent *, getservbyname, (const char *name, const char *proto), name, proto)

/* If libbpf (1.1) cannot allocate the types of a program, it crashes when the program is loaded. */
struct bpf_object *bpf_object__open_mem(const void *bytes, size_t size, const void *options);
SPARE(struct bpf_object *, bpf_object__open_mem,
      (const void *bytes, size_t size, const void *options), bytes, size, options)

/* What the compiler puts in their place where it knows the buffer's size. */
ssize_t __read_chk(int fd, void *data, size_t size, size_t room);
ssize_t __read_chk(int fd, void *data, size_t size, size_t room) {
    (void)room;
    return read(fd, data, size);
}
FAIL(ssize_t, write, -1, (int fd, const void *data, size_t size), fd, data, size)
FAIL(int, socket, -1, (int domain, int type, int protocol), domain, type, protocol)
FAIL(int, bind, -1, (int fd, const struct sockaddr *address, socklen_t length), fd, address, length)
FAIL(int, setsockopt, -1, (int fd, int level, int name, const void *data, socklen_t length), fd,
     level, name, data, length)
FAIL(int, accept4, -1, (int fd, struct sockaddr *address, socklen_t *length, int flags), fd,
     address, length, flags)
FAIL(int, fsync, -1, (int fd), fd)
FAIL(int, renameat, -1, (int from_fd, const char *from, int to_fd, const char *to), from_fd, from,
     to_fd, to)
FAIL(int, fstat, -1, (int fd, struct stat *status), fd, status)
FAIL(ssize_t, readlinkat, -1, (int fd, const char *path, char *data, size_t size), fd, path, data,
     size)
FAIL(DIR *, fdopendir, NULL, (int fd), fd)
FAIL(int, epoll_create1, -1, (int flags), flags)
FAIL(int, epoll_ctl, -1, (int epoll, int operation, int fd, struct epoll_event *event), epoll,
     operation, fd, event)
FAIL(int, epoll_wait, -1, (int epoll, struct epoll_event *events, int n, int timeout), epoll,
     events, n, timeout)
FAIL(void *, mmap, MAP_FAILED,
     (void *address, size_t size, int protection, int flags, int fd, off_t offset), address, size,
     protection, flags, fd, offset)

#define OPEN(name, parameters, ...)                                                                \
    int name parameters {                                                                          \
        va_list list;                                                                              \
        NEXT(name);                                                                                \
        va_start(list, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                    \
        va_end(list);                                                                              \
        return is_due("open") ? -1 : next(__VA_ARGS__, mode);                                      \
    }

OPEN(open, (const char *path, int flags, ...), path, flags)
OPEN(openat, (int fd, const char *path, int flags, ...), fd, path, flags)
OPEN(open64, (const char *path, int flags, ...), path, flags)
OPEN(openat64, (int fd, const char *path, int flags, ...), fd, path, flags)

int __openat_2(int fd, const char *path, int flags);
int __openat_2(int fd, const char *path, int flags) {
    return openat(fd, path, flags, 0);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size) {
    return !is_spared(__builtin_return_address(0)) && is_due("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    return !is_spared(__builtin_return_address(0)) && is_due("malloc") ? NULL
                                                                       : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size) {
    return !is_spared(__builtin_return_address(0)) && is_due("malloc")
               ? NULL
               : __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t n, size_t size) {
    size_t whole;
    if (__builtin_mul_overflow(n, size, &whole)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, whole);
}

/* --- clocks: what the daemon reads is moved, and the timers that it sets by that are moved back
 * --- */

static int64_t offset_of(clockid_t clock) {
    if (!control)
        return 0;
    return clock == CLOCK_REALTIME   ? __atomic_load_n(&control->realtime_offset, __ATOMIC_RELAXED)
           : clock == CLOCK_BOOTTIME ? __atomic_load_n(&control->boottime_offset, __ATOMIC_RELAXED)
                                     : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
    NEXT(clock_gettime);
    int r = next(clock, ret);
    if (r == 0)
        ret->tv_sec += offset_of(clock);
    return r;
}

#define FDS_MAX 1024
static clockid_t clock_of_fd[FDS_MAX];

int timerfd_create(int clock, int flags) {
    NEXT(timerfd_create);
    int fd = is_due("timerfd_create") ? -1 : next(clock, flags);
    if (fd >= 0 && fd < FDS_MAX)
        clock_of_fd[fd] = clock;
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old) {
    struct itimerspec moved = *value;
    NEXT(timerfd_settime);
    if (is_due("timerfd_settime"))
        return -1;
    if ((flags & TFD_TIMER_ABSTIME) && fd >= 0 && fd < FDS_MAX && moved.it_value.tv_sec > 0) {
        moved.it_value.tv_sec -= offset_of(clock_of_fd[fd]);
        if (moved.it_value.tv_sec <= 0)
            moved.it_value = (struct timespec){.tv_nsec = 1};
    }
    return next(fd, flags, &moved, old);
}
