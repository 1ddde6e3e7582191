/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The peer-to-peer socket: who may connect, and when they are let go. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bus/peer.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* So many connections are taken in one go. */
#define ACCEPT_AT_ONCE 16
#define TICK_SECONDS   5

static void set_enabled(sd_event_source *source, int how) {
    if (source)
        (void)sd_event_source_set_enabled(source, how);
}

void peer_drop(Peer *peer) {
    if (peer->dead)
        return;
    peer->dead = true;
    set_enabled(peer->io, SD_EVENT_OFF);
    set_enabled(peer->more, SD_EVENT_OFF);
    set_enabled(peer->channel.server->reap, SD_EVENT_ONESHOT);
}

/* Those that were dropped: not before everybody has left them. */
static int on_reap(sd_event_source *source, void *userdata) {
    BusServer *server = userdata;
    (void)source;
    for (Peer **at = &server->peers; *at;) {
        Peer *peer = *at;
        if (!peer->dead) {
            at = &peer->next;
            continue;
        }
        *at = peer->next;
        server->n_peers--;
        peer_free(peer);
    }
    if (server->n_peers == 0 && !server->accept_paused)
        set_enabled(server->timer, SD_EVENT_OFF);
    return 0;
}

static size_t count_of(const BusServer *server, uid_t payer) {
    size_t count = 0;
    for (const Peer *peer = server->peers; peer; peer = peer->next)
        count += peer->uid == payer && !peer->dead;
    return count;
}

static bool has_room(const BusServer *server, uid_t uid) {
    if (uid == 0)
        return server->n_peers < BUS_PEERS_MAX;
    uid_t payer = server->handlers.payer(server->handlers.userdata, uid);
    return server->n_peers < BUS_PEERS_MAX - BUS_PEERS_ROOT &&
           count_of(server, payer) < BUS_PEERS_OF_USER;
}

/* In some seconds on_tick() looks again. */
static void arm_timer(BusServer *server, usec_t seconds) {
    (void)sd_event_source_set_time(server->timer, loop_now(server) + seconds * USEC_PER_SEC);
    set_enabled(server->timer, SD_EVENT_ONESHOT);
}

static void take_connection(BusServer *server, int fd) {
    _cleanup_close_ int connection = fd;
    struct ucred cred;
    socklen_t size = sizeof(cred);
    Peer *peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 || !has_room(server, cred.uid) ||
        peer_new(server, connection, &cred, &peer) < 0) {
        server->n_refused++;
        return;
    }
    (void)TAKE_FD(connection);
    peer->active = peer->moved = loop_now(server);
    peer->next = server->peers;
    server->peers = peer;
    if (server->n_peers++ == 0)
        arm_timer(server, TICK_SECONDS);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    BusServer *server = userdata;
    (void)events;
    for (size_t i = 0; i < ACCEPT_AT_ONCE; i++) {
        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection >= 0) {
            take_connection(server, connection);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* It would be told again and again. */
            server->accept_paused = true;
            set_enabled(source, SD_EVENT_OFF);
            arm_timer(server, 1);
        }
        break;
    }
    return 0;
}

/* Returns whether the peer has sent data that the daemon has not read yet. The peer is then not
 * overdue. */
static bool has_input(const Peer *peer) {
    char byte;
    return recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool is_overdue(const Peer *peer, usec_t now) {
    usec_t idle = now - peer->active;
    if (!peer->ready)
        return idle > BUS_HANDSHAKE_SECONDS * USEC_PER_SEC && !has_input(peer);
    if (peer->queue.n > 0)
        return now - peer->moved > BUS_STALLED_SECONDS * USEC_PER_SEC;
    return !peer->channel.subscribed && idle > BUS_IDLE_SECONDS * USEC_PER_SEC && !has_input(peer);
}

static int on_tick(sd_event_source *source, uint64_t time, void *userdata) {
    BusServer *server = userdata;
    usec_t now = loop_now(server);
    (void)source, (void)time;

    if (server->accept_paused) {
        server->accept_paused = false;
        set_enabled(server->accept, SD_EVENT_ON);
    }
    for (Peer *peer = server->peers; peer; peer = peer->next)
        if (!peer->dead && is_overdue(peer, now)) {
            server->n_dropped++;
            peer_drop(peer);
        }
    if (server->n_peers > 0)
        arm_timer(server, TICK_SECONDS);
    return 0;
}

/* --- the socket itself -------------------------------------------------------------------------
 */

/* Whether somebody answers there. */
static bool is_alive(const struct sockaddr_un *address) {
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    /* EAGAIN: so alive that its backlog is full. */
    return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
}

static int make_address(BusServer *server, const char *runtime_dir, struct sockaddr_un *ret) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    server->socket_path = string_format("%s/%s", runtime_dir, BUS_SOCKET_NAME);
    if (!server->socket_path)
        return -ENOMEM;
    if (strlen(server->socket_path) >= sizeof(ret->sun_path))
        return -ENAMETOOLONG;
    memcpy(ret->sun_path, server->socket_path, strlen(server->socket_path) + 1);
    return 0;
}

static int listen_at(const struct sockaddr_un *address) {
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    struct stat status;
    if (lstat(address->sun_path, &status) == 0 && !S_ISSOCK(status.st_mode))
        return -EEXIST; /* it is somebody's, and none of ours */
    if (unlink(address->sun_path) < 0 && errno != ENOENT)
        return -errno;
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        return -errno;
    /* Everybody may connect: who may do what is decided by SO_PEERCRED. */
    if (chmod(address->sun_path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Everybody must get to the socket, whatever the umask of who began us by hand. */
static int make_directory(BusServer *server, const char *path) {
    if (mkdir(path, 0755) < 0)
        return errno == EEXIST ? 0 : -errno;
    server->runtime_dir = strdup(path);
    if (!server->runtime_dir || chmod(path, 0755) < 0) {
        int r = server->runtime_dir ? -errno : -ENOMEM;
        (void)rmdir(path);
        return r;
    }
    return 0;
}

static int add_sources(BusServer *server) {
    int r = sd_event_add_io(server->event, &server->accept, server->socket_fd, EPOLLIN,
                            on_connection, server);
    if (r < 0)
        return r;
    r = sd_event_add_time(server->event, &server->timer, CLOCK_MONOTONIC, UINT64_MAX, USEC_PER_SEC,
                          on_tick, server);
    if (r < 0)
        return r;
    set_enabled(server->timer, SD_EVENT_OFF);
    r = sd_event_add_defer(server->event, &server->reap, on_reap, server);
    if (r < 0)
        return r;
    set_enabled(server->reap, SD_EVENT_OFF);
    (void)sd_event_source_set_priority(server->accept, SERVER_PRIORITY);
    (void)sd_event_source_set_priority(server->timer, SERVER_PRIORITY);
    (void)sd_event_source_set_priority(server->reap, SERVER_PRIORITY);
    return 0;
}

int peers_open(BusServer *server, const char *runtime_dir) {
    struct sockaddr_un address;

    int r = make_address(server, runtime_dir, &address);
    if (r >= 0)
        r = make_directory(server, runtime_dir);
    if (r < 0)
        return r;
    if (is_alive(&address)) {
        free(server->socket_path); /* it is not ours to remove */
        server->socket_path = NULL;
        return -EADDRINUSE;
    }
    server->socket_fd = listen_at(&address);
    if (server->socket_fd < 0)
        return server->socket_fd;
    return add_sources(server);
}

void peers_close(BusServer *server) {
    for (Peer *peer = server->peers, *next; peer; peer = next) {
        next = peer->next;
        peer_free(peer);
    }
    server->peers = NULL;
    server->n_peers = 0;
    server->accept = sd_event_source_disable_unref(server->accept);
    server->timer = sd_event_source_disable_unref(server->timer);
    server->reap = sd_event_source_disable_unref(server->reap);
    if (server->socket_fd >= 0) {
        close(server->socket_fd);
        (void)unlink(server->socket_path);
    }
    server->socket_fd = -1;
    free(server->socket_path);
    server->socket_path = NULL;
    if (server->runtime_dir)
        (void)rmdir(server->runtime_dir); /* unless there is something else in it by now */
    free(server->runtime_dir);
    server->runtime_dir = NULL;
}
