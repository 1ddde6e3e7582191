/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bpf/kernel_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *kernel_handle_name(KernelHandle handle) {
    static const char *const names[KERNEL_HANDLES] = {
        [KERNEL_RING] = "events-ring",     [KERNEL_DROPPED] = "events-dropped",
        [KERNEL_LISTEN] = "events-listen", [KERNEL_BIND4] = "events-bind4",
        [KERNEL_BIND6] = "events-bind6",
    };
    return names[handle];
}

void kernel_handles_init(KernelHandles *handles) {
    for (KernelHandle i = 0; i < KERNEL_HANDLES; i++)
        handles->fds[i] = -1;
}

void kernel_handles_close(KernelHandles *handles) {
    for (KernelHandle i = 0; i < KERNEL_HANDLES; i++)
        if (handles->fds[i] >= 0)
            close(handles->fds[i]);
    kernel_handles_init(handles);
}

bool kernel_handles_work(const KernelHandles *handles) {
    return handles->fds[KERNEL_RING] >= 0 && handles->fds[KERNEL_DROPPED] >= 0 &&
           handles->fds[KERNEL_LISTEN] >= 0;
}

static int fail(KernelFailure *failure, KernelStep step, int error) {
    *failure = (KernelFailure){step, error};
    return error;
}

#if USE_BPF

#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/record.h"

/* The compiled programs, which the build puts here. */
extern const char events_bpf_begin[], events_bpf_end[], fds_bpf_begin[], fds_bpf_end[],
    processes_bpf_begin[], processes_bpf_end[];
__asm__(".section .rodata\n"
        ".balign 8\n"
        "events_bpf_begin: .incbin \"src/bpf/events.bpf.o\"\n"
        "events_bpf_end: .byte 0\n"
        ".balign 8\n"
        "fds_bpf_begin: .incbin \"src/bpf/fds.bpf.o\"\n"
        "fds_bpf_end: .byte 0\n"
        ".balign 8\n"
        "processes_bpf_begin: .incbin \"src/bpf/processes.bpf.o\"\n"
        "processes_bpf_end: .byte 0\n"
        ".previous\n");

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments) {
    (void)level, (void)format, (void)arguments;
    return 0;
}

static bool has_btf(void) {
    return access("/sys/kernel/btf/vmlinux", F_OK) == 0;
}

static void cleanup_object(struct bpf_object **object) {
    bpf_object__close(*object);
}
#define _cleanup_object_ __attribute__((cleanup(cleanup_object)))

static int open_object(const char *begin, const char *end, struct bpf_object **ret) {
    libbpf_set_print(say_nothing);
    struct bpf_object *object = bpf_object__open_mem(begin, (size_t)(end - begin), NULL);
    long r = libbpf_get_error(object);
    if (r < 0)
        return (int)r;
    *ret = object;
    return 0;
}

static int duplicate(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return copy < 0 ? -errno : copy;
}

/* Returns the link's fd, for the caller, or a negative errno. */
static int attach(const struct bpf_object *object, const char *name, int cgroup_fd) {
    struct bpf_program *program = bpf_object__find_program_by_name(object, name);
    if (!program)
        return -ENOENT;
    struct bpf_link *link = cgroup_fd < 0 ? bpf_program__attach(program)
                                          : bpf_program__attach_cgroup(program, cgroup_fd);
    long r = libbpf_get_error(link);
    if (r < 0)
        return (int)r;
    int fd = duplicate(bpf_link__fd(link));
    bpf_link__destroy(link);
    return fd;
}

static int take_map(const struct bpf_object *object, const char *name) {
    int fd = bpf_object__find_map_fd_by_name(object, name);
    return fd < 0 ? -ENOENT : duplicate(fd);
}

/* Before Linux 5.19 a dump shows no MPTCP listeners, but their TCP sockets. */
static bool dumps_show_mptcp(void) {
    unsigned major_number, minor_number;
    struct utsname name;
    return uname(&name) < 0 || sscanf(name.release, "%u.%u", &major_number, &minor_number) != 2 ||
           major_number > 5 || (major_number == 5 && minor_number >= 19);
}

static int set_audited(struct bpf_object *object, uint32_t netns, int cgroup_fd) {
    struct stat root = {}, pids = {}, mounts = {};
    struct bpf_map *map;

    if (stat("/proc/self/ns/pid", &pids) < 0 || stat("/proc/self/ns/mnt", &mounts) < 0)
        return -errno;
    if (cgroup_fd >= 0)
        (void)fstat(cgroup_fd, &root);
    const struct Audited audited = {
        .cgroup_root = root.st_ino,
        .netns = netns,
        .pidns = (uint32_t)pids.st_ino,
        .mountns = (uint32_t)mounts.st_ino,
        .subflows = !dumps_show_mptcp(),
    };
    bpf_object__for_each_map(map, object) {
        const char *name = bpf_map__name(map);
        size_t length = strlen(name);
        if (length >= 7 && strcmp(name + length - 7, ".rodata") == 0)
            return bpf_map__set_initial_value(map, &audited, sizeof(audited));
    }
    return -ENOENT;
}

static int open_events(uint32_t netns, int cgroup_fd, KernelHandles *handles,
                       KernelFailure *failure) {
    _cleanup_object_ struct bpf_object *object = NULL;

    int r = open_object(events_bpf_begin, events_bpf_end, &object);
    if (r >= 0)
        r = set_audited(object, netns, cgroup_fd);
    if (r >= 0)
        r = bpf_object__load(object);
    if (r < 0)
        return fail(failure, has_btf() ? KERNEL_LOAD : KERNEL_BTF, r);
    r = handles->fds[KERNEL_RING] = take_map(object, "ring");
    if (r >= 0)
        r = handles->fds[KERNEL_DROPPED] = take_map(object, "dropped");
    if (r >= 0)
        r = handles->fds[KERNEL_LISTEN] = attach(object, "socket_state", -1);
    if (r < 0)
        return fail(failure, KERNEL_ATTACH, r);
    r = cgroup_fd < 0 ? -ENOENT : attach(object, "udp_bound4", cgroup_fd);
    handles->fds[KERNEL_BIND4] = r;
    if (r >= 0)
        r = handles->fds[KERNEL_BIND6] = attach(object, "udp_bound6", cgroup_fd);
    if (r < 0)
        (void)fail(failure, KERNEL_CGROUP, r);
    return 0;
}

int kernel_open_events(uint32_t netns, int cgroup_fd, KernelHandles *ret, KernelFailure *failure) {
    KernelHandles handles;

    *failure = (KernelFailure){};
    kernel_handles_init(&handles);
    int r = open_events(netns, cgroup_fd, &handles, failure);
    if (r < 0) {
        kernel_handles_close(&handles);
        return r;
    }
    *ret = handles;
    return 0;
}

int kernel_open_fds(void) {
    _cleanup_object_ struct bpf_object *object = NULL;

    int r = open_object(fds_bpf_begin, fds_bpf_end, &object);
    if (r >= 0)
        r = set_audited(object, 0, -1);
    if (r >= 0)
        r = bpf_object__load(object);
    return r < 0 ? r : attach(object, "list_fds", -1);
}

int kernel_open_processes(int *ret_wanted) {
    _cleanup_object_ struct bpf_object *object = NULL;

    int r = open_object(processes_bpf_begin, processes_bpf_end, &object);
    if (r >= 0)
        r = set_audited(object, 0, -1);
    if (r >= 0)
        r = bpf_object__load(object);
    if (r < 0)
        return r;
    int wanted = take_map(object, "wanted");
    if (wanted < 0)
        return wanted;
    r = attach(object, "list_processes", -1);
    if (r < 0)
        close(wanted);
    else
        *ret_wanted = wanted;
    return r;
}

int kernel_iterate(int link_fd) {
    int fd = bpf_iter_create(link_fd);
    return fd < 0 ? -errno : fd;
}

#else

int kernel_open_events(uint32_t netns, int cgroup_fd, KernelHandles *ret, KernelFailure *failure) {
    (void)netns, (void)cgroup_fd, (void)ret;
    return fail(failure, KERNEL_BUILD, -EOPNOTSUPP);
}

int kernel_open_fds(void) {
    return -EOPNOTSUPP;
}

int kernel_open_processes(int *ret_wanted) {
    (void)ret_wanted;
    return -EOPNOTSUPP;
}

int kernel_iterate(int link_fd) {
    (void)link_fd;
    return -EOPNOTSUPP;
}

#endif
