/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/options.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The tests of one user share what that user's records may be, and the machine its two or three
 * processors. */
__attribute__((constructor)) static void one_at_a_time(void) {
    criterion_options.jobs = 1;
}

void world_skip(const char *format, ...) {
    char why[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    if (getenv("CI"))
        cr_assert(false, "cannot run here: %s", why);
    cr_skip("%s", why);
    abort();
}

static void loopback_up(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    /* Not of UDP: that one went would be told in this namespace, some time later. */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo: %s", strerror(errno));
    close(fd);
}

void world_enter(void) {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
        world_skip("no new namespaces: %s", strerror(errno));
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    loopback_up();
    if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
        world_skip("no sysfs of the new network: %s", strerror(errno));
}

bool world_waited(int64_t *start, int64_t msec) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t at = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (*start == 0)
        *start = at;
    return at - *start >= msec;
}

int world_drop_capability(unsigned capability) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    data[capability / 32].effective &= ~(1u << capability % 32);
    data[capability / 32].permitted &= ~(1u << capability % 32);
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int world_open(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    return fd;
}

static socklen_t make_address(const char *text, uint16_t port, struct sockaddr_storage *ret) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

    memset(ret, 0, sizeof(*ret));
    if (strchr(text, ':')) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        cr_assert_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        return sizeof(*v6);
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    cr_assert_eq(inet_pton(AF_INET, text, &v4->sin_addr), 1);
    return sizeof(*v4);
}

static bool is_stream(Proto proto) {
    return proto == PROTO_TCP || proto == PROTO_MPTCP || proto == PROTO_SCTP;
}

static int set_up(int fd, const SocketWish *wish) {
    struct sockaddr_storage address;
    int one = 1;
    bool stream = is_stream(wish->proto);

    if (wish->reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
        return -errno;
    if (wish->v6only && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
        return -errno;
    if (wish->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, wish->device,
                                   (socklen_t)strlen(wish->device)) < 0)
        return -errno;
    if (wish->address) {
        socklen_t length = make_address(wish->address, wish->port, &address);
        if (bind(fd, (struct sockaddr *)&address, length) < 0)
            return -errno;
    }
    if (stream && !wish->not_listening && listen(fd, 16) < 0)
        return -errno;
    return 0;
}

static int try_socket(const SocketWish *wish) {
    bool stream = is_stream(wish->proto);
    int family = wish->address && strchr(wish->address, ':') ? AF_INET6 : AF_INET;
    int fd = socket(family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC,
                    proto_number(wish->proto));
    if (fd < 0)
        return -errno;
    int r = set_up(fd, wish);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

int world_socket(const SocketWish *wish) {
    int64_t start = 0;
    int fd = try_socket(wish);

    while (fd == -EADDRINUSE && !world_waited(&start, PATIENCE)) {
        usleep(1000);
        fd = try_socket(wish);
    }
    return fd;
}

uint16_t world_port(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

uint64_t world_cookie(int fd) {
    uint64_t cookie;
    socklen_t length = sizeof(cookie);
    cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
    return cookie;
}

Endpoint world_endpoint(const SocketWish *wish, int fd) {
    Endpoint endpoint = {
        .proto = wish->proto,
        .port = world_port(fd),
        .v6only = wish->v6only,
        .ifindex = wish->device ? if_nametoindex(wish->device) : 0,
    };
    cr_assert_eq(address_parse(wish->address ? wish->address : "0.0.0.0", &endpoint.address), 0);
    return endpoint;
}

uint32_t world_netns(void) {
    struct stat st;
    cr_assert_eq(stat("/proc/self/ns/net", &st), 0);
    return (uint32_t)st.st_ino;
}

int world_cgroup_root(void) {
    /* The new sysfs hides the one that was mounted in the old. */
    if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0 && errno != EBUSY)
        world_skip("no cgroup v2: %s", strerror(errno));
    return world_open("/sys/fs/cgroup");
}

void world_program(int cgroup_fd, KernelHandles *ret) {
    KernelFailure failure;
    int r = kernel_open_events(world_netns(), cgroup_fd, ret, &failure);
    if (r < 0 && (failure.step == KERNEL_BUILD || r == -EPERM))
        world_skip("no program in the kernel, step %d: %s", (int)failure.step, strerror(-r));
    cr_assert_eq(r, 0, "step %d: %s", (int)failure.step, strerror(-r));
}
