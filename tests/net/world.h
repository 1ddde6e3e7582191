/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the tests of event sources run: a network and a mount namespace of the test's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/events/tracepoint.h"
#include "model/endpoint.h"

/*
 * Moves the calling process into new network and mount namespaces, with `lo` up, sysfs of the new
 * network and, where `tracefs`, tracefs at /sys/kernel/tracing. What can't be made skips the test,
 * and fails it where $CI is set.
 */
void world_enter(bool tracefs);

/*
 * Whether `msec` have passed since the first call with this *start, which is 0 before it. Waits are
 * for what happens, and this ends those for what does not.
 */
bool world_waited(int64_t *start, int64_t msec);
/*
 * Whether readers_close() or sources_close() returned what it may: that all is closed, or that a
 * thread was left behind. On a busy machine one may be late for its end; that it is not each time
 * is for tests of just that.
 */
bool world_closed(int r);
#define PATIENCE 60000 /* ms, on a machine with much else to do */

/* Takes one capability from the calling process. Returns 0 or a negative errno. */
int world_drop_capability(unsigned capability);

/* The directory, O_PATH. */
int world_open(const char *path);

/* What is told of a test that can't run here; it does not return. */
__attribute__((noreturn, format(printf, 1, 2))) void world_skip(const char *format, ...);

/* A bound socket; `address` with port 0 is bound to one that the kernel chooses. Returns its fd. */
typedef struct SocketWish {
    Proto proto;
    const char *address; /* "127.0.0.1", "::1", "::ffff:127.0.0.1"; NULL: not bound */
    uint16_t port;
    const char *device; /* or NULL */
    bool reuseport, v6only;
    bool not_listening;
} SocketWish;

/*
 * Returns its fd, or a negative errno. An address that is in use is waited for: who looks at
 * /proc/PID/fd while a socket is closed there (a daemon of a test beside) holds its file for a
 * moment, and it is closed when that one lets go, in that one's name.
 */
int world_socket(const SocketWish *wish);
uint16_t world_port(int fd);
uint64_t world_cookie(int fd);
Endpoint world_endpoint(const SocketWish *wish, int fd);

/* What came from the rings of all CPUs. */
#define WORLD_EVENTS 4096
typedef struct Seen {
    uint32_t pid;  /* only events of this process, 0: of all */
    uint16_t port; /* and only of this port, 0: of all */
    size_t n;
    StateEvent events[WORLD_EVENTS];
} Seen;

typedef struct Rings {
    TraceRing *rings[256];
    size_t n;
} Rings;

/* On all CPUs that are online. */
void rings_open(Rings *rings, size_t pages);
void rings_close(Rings *rings);
/* Reads all that is there; `data` of the handler is a Seen. Returns what was lost: what all others
 * on the machine open fills the rings, too, so a test whose own events it needs tries again. */
uint64_t rings_read(Rings *rings, Seen *seen);

/* A StateEventHandler; `data` is a Seen. */
void seen_add(const StateEvent *event, void *data);
size_t seen_count(const Seen *seen, StateEventKind kind);
