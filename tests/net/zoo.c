/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A zoo of sockets, one or more of every sort that an audit must get right. Start it in a network
 * namespace of its own with `lo` up and a link `zoo0` that has 192.0.2.1/24 and fd00:200::1/64 (see
 * namespace.sh). It prints a JSON object a line for each socket that it made:
 *
 *   name     what it is for; one that shares an endpoint with another has a name of its own
 *   proto, family, address, port, device, v6only    as the kernel tells them
 *   listens  whether it belongs into a list of listeners
 *   pid, fd  of the first holder; fd null where there is none (in flight, or a direct descriptor)
 *   holders  all pids that hold it
 *   inode    null for a direct descriptor
 *   skipped  why it could not be made; then nothing but `name` stands beside it
 *
 * and last {"ready":true,"sockets":N}. It holds them until its stdin ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

typedef enum Flags {
    BIND = 1 << 0,       /* bind(), else leave it to listen() or sendto() */
    LISTEN = 1 << 1,     /* listen() */
    V6ONLY = 1 << 2,     /* IPV6_V6ONLY = 1; else 0 */
    REUSEPORT = 1 << 3,  /* share the port of the socket made before */
    SEND = 1 << 4,       /* sendto() binds it */
    CONNECT = 1 << 5,    /* connect() a UDP socket */
    DISCONNECT = 1 << 6, /* and undo that */
    FREEBIND = 1 << 7,   /* to an address that nobody has */
    REUSEADDR = 1 << 8,
    SAME_PORT = 1 << 9, /* of the socket made before */
    HIDDEN = 1 << 10,   /* no listener: it must not be listed */
} Flags;

typedef struct Animal {
    const char *name;
    const char *proto;
    int family;
    const char *address; /* NULL: none */
    unsigned port;       /* 0: the kernel chooses */
    const char *device;
    unsigned flags;
} Animal;

#define TCP   BIND | LISTEN
#define ANY   "0.0.0.0"
#define LOCAL "127.0.0.1"
#define GROUP REUSEPORT | BIND

static const Animal animals[] = {
    {"tcp4-any", "tcp", AF_INET, ANY, 0, NULL, TCP},
    {"tcp4-loopback", "tcp", AF_INET, LOCAL, 0, NULL, TCP},
    {"tcp4-loopback-2", "tcp", AF_INET, "127.0.0.2", 0, NULL, TCP},
    {"tcp4-loopback-same-port", "tcp", AF_INET, "127.0.0.3", 0, NULL, TCP | SAME_PORT},
    {"tcp4-address", "tcp", AF_INET, "192.0.2.1", 0, NULL, TCP},
    {"tcp4-nobodys-address", "tcp", AF_INET, "203.0.113.7", 0, NULL, TCP | FREEBIND},
    {"tcp4-port-80", "tcp", AF_INET, ANY, 80, NULL, TCP},
    {"tcp4-port-65535", "tcp", AF_INET, ANY, 65535, NULL, TCP},
    {"tcp4-any-on-lo", "tcp", AF_INET, ANY, 0, "lo", TCP},
    {"tcp4-any-on-zoo0", "tcp", AF_INET, ANY, 0, "zoo0", TCP},
    {"tcp4-loopback-on-lo", "tcp", AF_INET, LOCAL, 0, "lo", TCP},
    {"tcp4-no-bind", "tcp", AF_INET, NULL, 0, NULL, LISTEN},
    {"tcp4-reuseport-1", "tcp", AF_INET, ANY, 3000, NULL, GROUP | LISTEN},
    {"tcp4-reuseport-2", "tcp", AF_INET, ANY, 3000, NULL, GROUP | LISTEN},
    {"tcp4-reuseport-3", "tcp", AF_INET, ANY, 3000, NULL, GROUP | LISTEN},
    {"tcp6-any", "tcp", AF_INET6, "::", 0, NULL, TCP},
    {"tcp6-any-v6only", "tcp", AF_INET6, "::", 0, NULL, TCP | V6ONLY},
    {"tcp6-any-v6only-beside-4", "tcp", AF_INET6, "::", 80, NULL, TCP | V6ONLY},
    {"tcp6-loopback", "tcp", AF_INET6, "::1", 0, NULL, TCP},
    {"tcp6-address", "tcp", AF_INET6, "fd00:200::1", 0, NULL, TCP},
    {"tcp6-link-local", "tcp", AF_INET6, "fe80::200", 0, "zoo0", TCP},
    {"tcp6-mapped-loopback", "tcp", AF_INET6, "::ffff:127.0.0.1", 0, NULL, TCP},
    {"tcp6-mapped-any", "tcp", AF_INET6, "::ffff:0.0.0.0", 0, NULL, TCP},
    {"tcp6-any-on-lo", "tcp", AF_INET6, "::", 0, "lo", TCP},
    {"tcp6-no-bind", "tcp", AF_INET6, NULL, 0, NULL, LISTEN},
    {"tcp6-reuseport-1", "tcp", AF_INET6, "::", 3001, NULL, GROUP | LISTEN},
    {"tcp6-reuseport-2", "tcp", AF_INET6, "::", 3001, NULL, GROUP | LISTEN},
    {"tcp4-bound-not-listening", "tcp", AF_INET, ANY, 3999, NULL, BIND | HIDDEN},
    {"tcp6-bound-not-listening", "tcp", AF_INET6, "::1", 3998, NULL, BIND | HIDDEN},
    {"udp4-any", "udp", AF_INET, ANY, 0, NULL, BIND},
    {"udp4-loopback", "udp", AF_INET, LOCAL, 0, NULL, BIND},
    {"udp4-address", "udp", AF_INET, "192.0.2.1", 0, NULL, BIND},
    {"udp4-any-on-zoo0", "udp", AF_INET, ANY, 0, "zoo0", BIND},
    {"udp4-multicast", "udp", AF_INET, "224.0.0.251", 5353, NULL, BIND | REUSEADDR},
    {"udp4-broadcast", "udp", AF_INET, "192.0.2.255", 0, NULL, BIND},
    {"udp4-autobound", "udp", AF_INET, NULL, 0, NULL, SEND},
    {"udp4-connected", "udp", AF_INET, NULL, 0, NULL, CONNECT | HIDDEN},
    {"udp4-bound-connected", "udp", AF_INET, LOCAL, 0, NULL, BIND | CONNECT | HIDDEN},
    {"udp4-disconnected", "udp", AF_INET, ANY, 4000, NULL, BIND | CONNECT | DISCONNECT},
    {"udp4-reuseport-1", "udp", AF_INET, ANY, 4001, NULL, GROUP},
    {"udp4-reuseport-2", "udp", AF_INET, ANY, 4001, NULL, GROUP},
    {"udp4-mdns-1", "udp", AF_INET, ANY, 5353, NULL, BIND | REUSEADDR},
    {"udp4-mdns-2", "udp", AF_INET, ANY, 5353, NULL, BIND | REUSEADDR},
    {"udp6-any", "udp", AF_INET6, "::", 0, NULL, BIND},
    {"udp6-any-v6only", "udp", AF_INET6, "::", 0, NULL, BIND | V6ONLY},
    {"udp6-loopback", "udp", AF_INET6, "::1", 0, NULL, BIND},
    {"udp6-mapped", "udp", AF_INET6, "::ffff:127.0.0.1", 0, NULL, BIND},
    {"udp6-autobound", "udp", AF_INET6, NULL, 0, NULL, SEND},
    {"udp6-connected", "udp", AF_INET6, NULL, 0, NULL, CONNECT | HIDDEN},
    {"udplite4-any", "udplite", AF_INET, ANY, 0, NULL, BIND},
    {"udplite6-loopback", "udplite", AF_INET6, "::1", 0, NULL, BIND},
    {"mptcp4-any", "mptcp", AF_INET, ANY, 0, NULL, TCP},
    {"mptcp4-loopback", "mptcp", AF_INET, LOCAL, 0, NULL, TCP},
    {"mptcp4-no-bind", "mptcp", AF_INET, NULL, 0, NULL, LISTEN},
    {"mptcp6-any", "mptcp", AF_INET6, "::", 0, NULL, TCP},
    {"mptcp6-any-v6only", "mptcp", AF_INET6, "::", 0, NULL, TCP | V6ONLY},
    {"mptcp6-loopback", "mptcp", AF_INET6, "::1", 0, NULL, TCP},
    {"sctp4-any", "sctp", AF_INET, ANY, 0, NULL, TCP},
};

typedef struct Made {
    const char *proto;
    int fd;
    unsigned flags;
    pid_t holders[2];
    int n_holders;
} Made;

static int n_made;

static void skip(const char *name, int error) {
    printf("{\"name\":\"%s\",\"skipped\":\"%s\"}\n", name, strerror(error));
}

static socklen_t address_fill(const Animal *animal, unsigned port,
                              struct sockaddr_storage *storage) {
    struct sockaddr_in *in = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
    const char *text = animal->address ? animal->address : animal->family == AF_INET ? ANY : "::";

    memset(storage, 0, sizeof(*storage));
    storage->ss_family = (sa_family_t)animal->family;
    if (animal->family == AF_INET) {
        in->sin_port = htons((uint16_t)port);
        inet_pton(AF_INET, text, &in->sin_addr);
        return sizeof(*in);
    }
    in6->sin6_port = htons((uint16_t)port);
    inet_pton(AF_INET6, text, &in6->sin6_addr);
    if (animal->device)
        in6->sin6_scope_id = if_nametoindex(animal->device);
    return sizeof(*in6);
}

static int option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof(value));
}

static int animal_socket(const Animal *animal) {
    if (strcmp(animal->proto, "tcp") == 0)
        return socket(animal->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strcmp(animal->proto, "mptcp") == 0)
        return socket(animal->family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
    if (strcmp(animal->proto, "sctp") == 0)
        return socket(animal->family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
    bool lite = strcmp(animal->proto, "udplite") == 0;
    return socket(animal->family, SOCK_DGRAM | SOCK_CLOEXEC, lite ? IPPROTO_UDPLITE : 0);
}

static int animal_options(const Animal *animal, int fd) {
    if (animal->family == AF_INET6 &&
        option(fd, IPPROTO_IPV6, IPV6_V6ONLY, (animal->flags & V6ONLY) != 0) < 0)
        return -1;
    if (animal->flags & REUSEPORT && option(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)
        return -1;
    if (animal->flags & REUSEADDR && option(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
        return -1;
    if (animal->flags & FREEBIND && option(fd, IPPROTO_IP, IP_FREEBIND, 1) < 0)
        return -1;
    return animal->device ? setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, animal->device,
                                       (socklen_t)strlen(animal->device))
                          : 0;
}

/* Speaks to the discard port of the loopback, where nobody listens. */
static int animal_speak(const Animal *animal, int fd) {
    Animal peer = {.family = animal->family, .address = animal->family == AF_INET ? LOCAL : "::1"};
    struct sockaddr_storage to;
    socklen_t length = address_fill(&peer, 9, &to);
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    if (animal->flags & SEND && sendto(fd, "", 1, 0, (struct sockaddr *)&to, length) < 0)
        return -1;
    if (animal->flags & CONNECT && connect(fd, (struct sockaddr *)&to, length) < 0)
        return -1;
    return animal->flags & DISCONNECT ? connect(fd, &nobody, sizeof(nobody)) : 0;
}

static unsigned port_of(int fd) {
    struct sockaddr_storage storage = {};
    socklen_t length = sizeof(storage);
    getsockname(fd, (struct sockaddr *)&storage, &length);
    return ntohs(storage.ss_family == AF_INET ? ((struct sockaddr_in *)&storage)->sin_port
                                              : ((struct sockaddr_in6 *)&storage)->sin6_port);
}

static int animal_make(const Animal *animal, unsigned previous_port) {
    struct sockaddr_storage storage;
    int fd = animal_socket(animal);
    if (fd < 0)
        return -1;

    unsigned port = animal->flags & SAME_PORT ? previous_port : animal->port;
    socklen_t length = address_fill(animal, port, &storage);
    if (animal_options(animal, fd) < 0 ||
        (animal->flags & BIND && bind(fd, (struct sockaddr *)&storage, length) < 0) ||
        animal_speak(animal, fd) < 0 || (animal->flags & LISTEN && listen(fd, 16) < 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void print_made(const char *name, const Made *made) {
    struct sockaddr_storage storage = {};
    socklen_t length = sizeof(storage);
    char address[INET6_ADDRSTRLEN], device[IFNAMSIZ] = "";
    socklen_t device_length = sizeof(device);
    int v6only = 0;
    struct stat file;

    if (fstat(made->fd, &file) < 0 ||
        getsockname(made->fd, (struct sockaddr *)&storage, &length) < 0)
        abort();
    bool inet = storage.ss_family == AF_INET;
    inet_ntop(storage.ss_family,
              inet ? (void *)&((struct sockaddr_in *)&storage)->sin_addr
                   : (void *)&((struct sockaddr_in6 *)&storage)->sin6_addr,
              address, sizeof(address));
    getsockopt(made->fd, SOL_SOCKET, SO_BINDTODEVICE, device, &device_length);
    length = sizeof(v6only);
    if (!inet)
        getsockopt(made->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &length);

    printf("{\"name\":\"%s\",\"proto\":\"%s\",\"family\":\"%s\",\"address\":\"%s\",\"port\":%u,"
           "\"device\":\"%s\",\"v6only\":%s,\"listens\":%s,\"pid\":%d,\"fd\":",
           name, made->proto, inet ? "inet" : "inet6", address, port_of(made->fd), device,
           v6only ? "true" : "false", made->flags & HIDDEN ? "false" : "true", getpid());
    if (made->n_holders > 0)
        printf("%d", made->fd);
    else
        printf("null");
    printf(",\"holders\":[");
    for (int i = 0; i < made->n_holders; i++)
        printf("%s%d", i ? "," : "", made->holders[i]);
    printf("],\"inode\":%lu}\n", (unsigned long)file.st_ino);
    n_made++;
}

static void make_animals(void) {
    unsigned port = 0;

    for (size_t i = 0; i < sizeof(animals) / sizeof(animals[0]); i++) {
        int fd = animal_make(&animals[i], port);
        if (fd < 0) {
            skip(animals[i].name, errno);
            continue;
        }
        port = port_of(fd);
        Made made = {animals[i].proto, fd, animals[i].flags, {getpid()}, 1};
        print_made(animals[i].name, &made);
    }
}

/* A connection to a listener: its two ends are no listeners, though they share the port. */
static void make_connection(void) {
    static const Animal server = {"tcp4-with-connection", "tcp", AF_INET, LOCAL, 0, NULL, TCP};
    struct sockaddr_storage to;
    int fd = animal_make(&server, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || client < 0) {
        skip(server.name, errno);
        return;
    }
    socklen_t length = address_fill(&server, port_of(fd), &to);
    int accepted = connect(client, (struct sockaddr *)&to, length) < 0
                       ? -1
                       : accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    print_made(server.name, &(Made){"tcp", fd, TCP, {getpid()}, 1});
    if (accepted < 0)
        skip("tcp4-connection", errno);
    else
        print_made("tcp4-connection", &(Made){"tcp", accepted, HIDDEN, {getpid()}, 1});
}

/* A listener that a child holds as well: it lives until our end of the pipe is closed. */
static void make_shared(void) {
    static const Animal shared = {"tcp4-two-holders", "tcp", AF_INET, LOCAL, 0, NULL, TCP};
    int fd = animal_make(&shared, 0);
    if (fd < 0) {
        skip(shared.name, errno);
        return;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int other = 3; other < 1024; other++)
            if (other != fd)
                close(other);
        for (;;)
            pause();
    }
    if (child < 0)
        skip(shared.name, errno);
    else
        print_made(shared.name, &(Made){"tcp", fd, TCP, {getpid(), child}, 2});
}

/* A listener that lies in a socket's queue, and that nobody holds. */
static void make_in_flight(void) {
    static const Animal flying = {"tcp4-in-flight", "tcp", AF_INET, LOCAL, 0, NULL, TCP};
    int fd = animal_make(&flying, 0), pair[2];
    if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        skip(flying.name, errno);
        return;
    }
    char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    if (sendmsg(pair[0], &message, 0) < 0) {
        skip(flying.name, errno);
        return;
    }
    print_made(flying.name, &(Made){"tcp", fd, TCP, {0}, 0});
    close(fd);
}

static void make_ring(bool direct) {
    const char *name = direct ? "tcp4-io-uring-direct" : "tcp4-io-uring";
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(direct ? 7001 : 7000),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int ring;
    int fd = ring_listen(&address, direct, &ring);

    if (fd < 0) {
        skip(name, -fd);
    } else if (!direct) {
        print_made(name, &(Made){"tcp", fd, TCP, {getpid()}, 1});
    } else {
        printf("{\"name\":\"%s\",\"proto\":\"tcp\",\"family\":\"inet\",\"address\":\"127.0.0.1\","
               "\"port\":7001,\"device\":\"\",\"v6only\":false,\"listens\":true,\"pid\":%d,"
               "\"fd\":null,\"holders\":[%d],\"inode\":null,\"ring\":%d}\n",
               name, getpid(), getpid(), ring);
        n_made++;
    }
}

int main(void) {
    char byte;

    make_animals();
    make_connection();
    make_shared();
    make_in_flight();
    make_ring(false);
    make_ring(true);
    printf("{\"ready\":true,\"sockets\":%d}\n", n_made);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return 0;
}
