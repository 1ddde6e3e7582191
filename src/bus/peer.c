/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sd-bus serves a peer as it would any connection, but it does not read the peer's socket: it reads
 * one end of a socket pair, into whose other end we write one whole message of bearable size at a
 * time, when the replies to those before have been taken. It writes to the peer's socket itself.
 * So the work, and the memory, that one peer costs in one turn of the loop is bounded.
 */
#include "bus/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/frame.h"
#include "util/cleanup.h"

/* More groups than anybody has. */
#define GROUPS_MAX 4096
/* sd-bus asks for 8 MiB of the kernel; a reader who is slow would hold that. */
#define SEND_BUFFER (128 * 1024)
/* sd-bus does a little at a time; one message is a few steps. */
#define STEPS_MAX 64

Peer *peer_of(Channel *channel) {
    return (Peer *)((char *)channel - offsetof(Peer, channel));
}

/* --- in ----------------------------------------------------------------------------------------
 */

/* The length of what may be passed on next; 0: nothing is whole; or a negative errno. */
static ssize_t next_unit(const Peer *peer) {
    return peer->ready ? frame_message(peer->buffer, peer->n_buffered, BUS_REQUEST_MAX)
                       : frame_line(peer->buffer, peer->n_buffered);
}

/* Lets sd-bus do all that it can. */
static int process(Peer *peer) {
    for (size_t i = 0; i < STEPS_MAX; i++) {
        int r = sd_bus_process(peer->channel.bus, NULL);
        if (r <= 0)
            return r;
    }
    return 0;
}

/* Passes one unit on. The authentication ends with the line BEGIN, at once, and only when sd-bus
 * says so: what follows is then messages for both of us. */
static int feed(Peer *peer, size_t length) {
    static const char begin[] = "BEGIN\r\n";
    /* Before the first line stands a NUL. */
    size_t skip = peer->buffer[0] == '\0';
    bool begins = !peer->ready && length == skip + sizeof(begin) - 1 &&
                  memcmp(peer->buffer + skip, begin, sizeof(begin) - 1) == 0;

    if (write(peer->feed_fd, peer->buffer, length) != (ssize_t)length)
        return -EIO;
    peer->n_buffered -= length;
    memmove(peer->buffer, peer->buffer + length, peer->n_buffered);
    int r = process(peer);
    if (r < 0)
        return r;
    if (!peer->ready)
        peer->ready = sd_bus_is_ready(peer->channel.bus) > 0;
    if (begins && !peer->ready)
        return -EPROTO;
    if (peer->ready)
        peer->active = loop_now(peer->channel.server);
    return 0;
}

static int read_some(Peer *peer) {
    size_t room = BUS_REQUEST_MAX - peer->n_buffered;
    if (room == 0)
        return 0;
    ssize_t n = recv(peer->fd, peer->buffer + peer->n_buffered, room, MSG_DONTWAIT);
    if (n == 0)
        return -ECONNRESET;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    peer->n_buffered += (size_t)n;
    return 0;
}

/* One turn: sends what waits, reads, passes one unit on. */
static void turn(Peer *peer, uint32_t events) {
    int r = 0;

    peer->entered = true;
    if (events & EPOLLOUT)
        r = process(peer);
    if (r >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        r = read_some(peer);
    if (r >= 0 && !peer->dead) {
        ssize_t unit = next_unit(peer);
        r = unit > 0 ? feed(peer, (size_t)unit) : (int)unit;
    }
    peer->entered = false;
    if (r < 0)
        peer_drop(peer);
    peer_update(peer);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    (void)source, (void)fd;
    turn(userdata, events);
    return 0;
}

static int on_more(sd_event_source *source, void *userdata) {
    (void)source;
    turn(userdata, 0);
    return 0;
}

/* --- out ---------------------------------------------------------------------------------------
 */

static void update_queue(Peer *peer) {
    uint64_t n_queued = 0;
    size_t before = peer->queue.n;

    (void)sd_bus_get_n_queued_write(peer->channel.bus, &n_queued);
    queue_keep(&peer->queue, (size_t)n_queued);
    if (peer->queue.n < before)
        peer->moved = loop_now(peer->channel.server);
}

/* It has taken all that there was: now it can hear how much there was not. */
static void tell_lost(Peer *peer) {
    sd_bus_message *message = NULL;
    uint64_t n_lost = peer->n_lost;

    peer->n_lost = 0;
    if (sd_bus_message_new_signal(peer->channel.bus, &message, BUS_PATH, BUS_INTERFACE,
                                  "SignalsLost") >= 0 &&
        sd_bus_message_append_basic(message, 't', &n_lost) >= 0)
        peer_send(peer, message, 64, false);
    sd_bus_message_unref(message);
}

/* Nothing more is read from who has not taken what was answered. */
void peer_update(Peer *peer) {
    uint64_t n_queued = 0;

    if (peer->dead || peer->entered)
        return;
    update_queue(peer);
    if (peer->n_lost > 0 && peer->queue.n == 0)
        tell_lost(peer);
    (void)sd_bus_get_n_queued_write(peer->channel.bus, &n_queued);
    ssize_t unit = next_unit(peer);
    if (unit < 0) {
        peer_drop(peer);
        return;
    }
    uint32_t events = n_queued > 0 ? EPOLLOUT : unit > 0 ? 0 : EPOLLIN;
    (void)sd_event_source_set_io_events(peer->io, events);
    (void)sd_event_source_set_enabled(peer->more,
                                      n_queued == 0 && unit > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* With too much waiting for all together, who has the most to read goes. */
static void bound_queues(BusServer *server) {
    size_t bytes = 0;
    Peer *most = NULL;

    for (Peer *peer = server->peers; peer; peer = peer->next) {
        if (peer->dead)
            continue;
        bytes += peer->queue.bytes;
        if (!most || peer->queue.bytes > most->queue.bytes)
            most = peer;
    }
    if (bytes > BUS_QUEUES_MAX) {
        server->n_dropped++;
        peer_drop(most);
    }
}

/* Whether a signal is to be lost; who takes nothing at all is dropped. */
static bool lose(Peer *peer, size_t size) {
    if (peer->n_lost == 0 && queue_has_room(&peer->queue, size))
        return false;
    peer->n_lost++;
    if (loop_now(peer->channel.server) > peer->moved + QUEUE_PATIENCE) {
        peer->channel.server->n_dropped++;
        peer_drop(peer);
    }
    return true;
}

void peer_send(Peer *peer, sd_bus_message *message, size_t size, bool is_signal) {
    BusServer *server = peer->channel.server;

    if (peer->dead || (is_signal && lose(peer, size)))
        return;
    bool waited = peer->queue.n > 0;
    int r = sd_bus_send(peer->channel.bus, message, NULL);
    if (r >= 0)
        r = queue_add(&peer->queue, size);
    if (r < 0) {
        server->n_dropped += r == -ENOBUFS;
        peer_drop(peer);
        return;
    }
    if (!waited)
        peer->moved = loop_now(peer->channel.server);
    update_queue(peer);
    peer_update(peer);
    if (peer->queue.n > 0)
        bound_queues(server);
}

/* --- beginning and end --------------------------------------------------------------------------
 */

static Viewer peer_viewer(int fd, const struct ucred *cred, gid_t reader_gid) {
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof(groups);
    size_t n = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0 ? 0 : size;
    return viewer_make(cred->uid, cred->gid, groups, n / sizeof(gid_t), reader_gid);
}

/* sd-bus takes over both fds, also when it fails. */
static int start_bus(Peer *peer, int input_fd, int output_fd) {
    static const int buffer = SEND_BUFFER;
    sd_bus *bus = peer->channel.bus;
    sd_id128_t id;

    int r = sd_bus_set_fd(bus, input_fd, output_fd);
    if (r < 0) {
        close(input_fd);
        close(output_fd);
        return r;
    }
    /* Anonymous: SO_PEERCRED has identified the peer. sd-bus would see only our socket pair. */
    if ((r = sd_id128_randomize(&id)) < 0 || (r = sd_bus_set_server(bus, true, id)) < 0 ||
        (r = sd_bus_set_anonymous(bus, true)) < 0 || (r = sd_bus_negotiate_fds(bus, false)) < 0 ||
        (r = sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_INTERFACE, server_vtable,
                                      &peer->channel)) < 0 ||
        (r = sd_bus_start(bus)) < 0)
        return r;
    (void)setsockopt(output_fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    return 0;
}

static int connect_bus(Peer *peer, int fd) {
    int pair[2];
    int r = sd_bus_new(&peer->channel.bus);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    peer->feed_fd = pair[1];
    int output_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (output_fd < 0) {
        r = -errno;
        close(pair[0]);
        return r;
    }
    return start_bus(peer, pair[0], output_fd);
}

static int add_sources(Peer *peer, int fd) {
    sd_event *event = peer->channel.server->event;
    int r = sd_event_add_io(event, &peer->io, fd, EPOLLIN, on_io, peer);
    if (r >= 0)
        r = sd_event_add_defer(event, &peer->more, on_more, peer);
    if (r < 0)
        return r;
    (void)sd_event_source_set_enabled(peer->more, SD_EVENT_OFF);
    (void)sd_event_source_set_priority(peer->io, SERVER_PRIORITY);
    (void)sd_event_source_set_priority(peer->more, SERVER_PRIORITY);
    return 0;
}

int peer_new(BusServer *server, int fd, const struct ucred *cred, Peer **ret) {
    Peer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return -ENOMEM;
    peer->fd = peer->feed_fd = -1;
    peer->uid = server->handlers.payer(server->handlers.userdata, cred->uid);
    peer->channel = (Channel){
        .server = server,
        .is_peer = true,
        .viewer = peer_viewer(fd, cred, server->reader_gid),
    };
    peer->buffer = malloc(BUS_REQUEST_MAX);
    int r = peer->buffer ? connect_bus(peer, fd) : -ENOMEM;
    if (r >= 0)
        r = add_sources(peer, fd);
    if (r < 0) {
        peer_free(peer);
        return r;
    }
    peer->fd = fd;
    *ret = peer;
    return 0;
}

Peer *peer_free(Peer *peer) {
    if (!peer)
        return NULL;
    sd_event_source_disable_unref(peer->io);
    sd_event_source_disable_unref(peer->more);
    if (peer->channel.bus) {
        if (!peer->dead)
            (void)sd_bus_process(peer->channel.bus, NULL);
        sd_bus_close_unref(peer->channel.bus);
    }
    if (peer->fd >= 0)
        close(peer->fd);
    if (peer->feed_fd >= 0)
        close(peer->feed_fd);
    queue_done(&peer->queue);
    free(peer->buffer);
    free(peer);
    return NULL;
}
