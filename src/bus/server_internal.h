/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's parts: peers (the socket), the system bus, requests, methods. Internal. */
#pragma once

#include <systemd/sd-bus.h>

#include "bus/access.h"
#include "bus/dict.h"
#include "bus/names.h"
#include "bus/server.h"

/* Below what the loop does for the kernel's events: no client holds those up. */
#define SERVER_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

/* Messages that wait for one reader, and what each costs besides its bytes, about: measured with
 * sd-bus of systemd 252. */
#define QUEUE_MESSAGES 2048
#define QUEUE_OVERHEAD 3072

/* Who has taken nothing for so long when its queue is full is gone; who has is only told how many
 * signals it missed: a policy that is loaded may change thousands of verdicts at once. */
#define QUEUE_PATIENCE (2 * USEC_PER_SEC)

/* Requests that wait for the system bus or polkit to say who asks and whether they may. */
#define REQUESTS_MAX 64

/* One connection: a peer's, or that to the system bus. What methods get as userdata. */
typedef struct Channel {
    BusServer *server;
    sd_bus *bus;
    bool is_peer;
    Viewer viewer; /* of a peer */
    bool subscribed;
} Channel;

/* The bytes that wait in a connection's queue: sd-bus tells how many messages they are, the sizes
 * are kept here, the oldest first. */
typedef struct Queue {
    uint32_t *sizes; /* a ring of QUEUE_MESSAGES, allocated when first needed */
    size_t first, n;
    size_t bytes;
} Queue;

typedef struct Peer {
    Channel channel;
    struct Peer *next;
    uid_t uid;   /* of the user whose limits apply */
    int fd;      /* the client's; also the bus's output */
    int feed_fd; /* what is written here, the bus reads */
    sd_event_source *io;
    sd_event_source *more; /* there is a whole message in the buffer */
    uint8_t *buffer;       /* BUS_REQUEST_MAX bytes */
    size_t n_buffered;
    bool ready;      /* authenticated */
    bool dead;       /* to be freed when nobody is in it any more */
    bool entered;    /* somebody is */
    usec_t active;   /* CLOCK_MONOTONIC: of the connection or its last request */
    usec_t moved;    /* when its queue last got shorter, or began */
    uint64_t n_lost; /* signals that it was not sent, and was not told of yet */
    Queue queue;
} Peer;

typedef struct Request Request;

struct BusServer {
    sd_event *event;
    BusHandlers handlers;
    gid_t reader_gid;

    char *runtime_dir; /* if it was made by us: it goes with the socket */
    char *socket_path;
    int socket_fd;
    sd_event_source *accept;
    sd_event_source *timer; /* of timeouts; on while there are peers */
    sd_event_source *reap;  /* frees what is dead */
    Peer *peers;
    size_t n_peers;
    bool accept_paused; /* no file descriptors were left */
    uint64_t n_refused, n_dropped;

    bool wants_system_bus;
    BusStatus counted; /* of the loop's turn `counted_at`: its numbers alone */
    uint64_t counted_at;
    Channel system;
    bool has_name;
    sd_event_source *reconnect;
    unsigned reconnect_seconds;
    Request *requests;
    size_t n_requests;
};

/* peers.c: the socket. */
int peers_open(BusServer *server, const char *runtime_dir);
void peers_close(BusServer *server);
/* Sends to a peer, or drops it. The message is about `size` bytes. A signal may be lost instead. */
void peer_send(Peer *peer, sd_bus_message *message, size_t size, bool is_signal);
/* After something was sent to it, or it read something. */
void peer_update(Peer *peer);
void peer_drop(Peer *peer);
Peer *peer_of(Channel *channel);

/* queue.c */
bool queue_has_room(const Queue *queue, size_t size);
int queue_add(Queue *queue, size_t size);       /* -ENOBUFS: it is full */
void queue_keep(Queue *queue, size_t n_newest); /* the others were sent */
void queue_done(Queue *queue);

/* system_bus.c */
int system_bus_open(BusServer *server);
void system_bus_close(BusServer *server);

/*
 * request.c: one call, from its beginning to its reply. `run` is called when it is known who asks;
 * it replies, or returns a negative errno which becomes the reply.
 */
struct Request {
    Request *next;
    Channel *channel;
    sd_bus_message *message; /* referenced */
    sd_bus_slot *slot;       /* what it waits for */
    Viewer viewer;
    bool authorizes; /* an authorization by polkit is pending */
    bool authorized; /* polkit said yes */
    int (*run)(Request *request);
};
int request_begin(Channel *channel, sd_bus_message *message, int (*run)(Request *request));
/* Asks polkit; run is called again with `authorized`. Returns 0, or -EACCES where it can't be
 * asked. */
int request_authorize(Request *request);
/* Ends all, those of the system bus. */
void requests_cancel(BusServer *server);

/* When this iteration of the loop began (CLOCK_MONOTONIC): while the daemon is busy, no peer can be
 * late. */
static inline usec_t loop_now(const BusServer *server) {
    uint64_t now = 0;
    (void)sd_event_now(server->event, CLOCK_MONOTONIC, &now);
    return now;
}

/* Limit of listeners that one call snoozes or allows. With more, the call fails. */
#define KEYS_MAX 256

struct BusSink {
    DictWriter writer;
    const Viewer *viewer;
    size_t n;
    bool full; /* a listener did not fit */
    /* Without a message, the keys. */
    uint64_t keys[KEYS_MAX];
    uid_t owners[KEYS_MAX];
};

/* methods.c */
extern const sd_bus_vtable server_vtable[];
/* Sends a reply that a DictWriter wrote. */
int channel_send(Channel *channel, sd_bus_message *message, size_t size);

/* properties.c */
int property_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error);
int property_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error);
int property_differs(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error);
int property_source(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error);
/* What may go as an `s`; NULL is empty. */
const char *bus_string(const char *text);
