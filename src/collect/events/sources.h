/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All event sources, in the event loop of the daemon. Each source may be unavailable, in part or at
 * times. Its status then has the reason, and the source is retried at growing intervals. An event
 * is only a hint; the dump that follows it decides.
 *
 * Not thread-safe. Only the loop and sources_read() call the handlers.
 */
#pragma once

#include <systemd/sd-event.h>

#include "bpf/kernel_program.h"
#include "collect/events/destroy.h"
#include "collect/events/kernel_event.h"
#include "collect/events/source_status.h"
#include "collect/netlink/handles.h"

/* Between two tries to open what is missing: at first, and at most. */
#define SOURCES_RETRY_SECONDS     1
#define SOURCES_RETRY_SECONDS_MAX 300
/* A change of links is reported at once, the next one not before this time. */
#define SOURCES_LINKS_MSEC 100
/* The same for NAT rules, which Docker, ufw and firewalld change in many steps. */
#define SOURCES_FORWARDS_MSEC 250

typedef struct SourcesHandlers {
    /* The kernel reported a socket. The event is the caller's, but for what it takes out of it. */
    void (*socket)(KernelEvent *event, void *data);
    void (*udp_gone)(const Destroyed *destroyed, void *data);
    void (*links_changed)(void *data);
    void (*forwards_changed)(void *data);
    /* Events of that source were lost, or may have been: a dump is needed. */
    void (*lost)(SourceId id, void *data);
    /* The status of that source is another than before. */
    void (*status)(SourceId id, const SourceStatus *status, void *data);
    /* The loop has handled the events of a source. */
    void (*done)(void *data);
    void *data;
} SourcesHandlers;

typedef struct SourcesConfig {
    sd_event *loop;            /* borrowed */
    int sys_fd;                /* where sysfs is mounted; borrowed */
    int cgroup_fd;             /* the root of cgroup v2, -1: there is none; borrowed */
    uint64_t netns;            /* the inode number of the namespace; 0: unknown */
    SourcePeriods periods;     /* how often the daemon looks by itself: only for the words */
    const NetHandles *handles; /* of the network namespace; borrowed */
    /* What was loaded and attached before (kernel_program.h), borrowed; NULL: loads it itself. */
    const KernelHandles *program;
    const KernelFailure *failure; /* why that is not whole; borrowed, only read by sources_open() */
    SourcesHandlers handlers;     /* all must be there */
} SourcesConfig;

typedef struct Sources Sources;

/*
 * Opens what may be opened, in the network namespace of the handles. That a source is missing is no
 * error. Returns 0 or a negative errno.
 */
int sources_open(const SourcesConfig *config, Sources **ret);

/* Takes NULL, returns NULL. */
Sources *sources_close(Sources *sources);

/* Handles the events of sockets that are pending. To be called before a dump. */
void sources_read(Sources *sources);

/* The daemon looks by itself in other periods than before. */
void sources_set_periods(Sources *sources, const SourcePeriods *periods);

const SourceStatus *sources_status(const Sources *sources, SourceId id);
/* How many events were lost so far, all in all. */
uint64_t sources_lost(const Sources *sources);

static inline void sources_cleanup(Sources **sources) {
    sources_close(*sources);
}
#define _cleanup_sources_ _cleanup_(sources_cleanup)

/*
 * Hands what is left in a ring that no daemon reads any more to `socket`: what happened between the
 * end of one daemon and the start of the next. Returns how many records there were, or a negative
 * errno.
 */
int sources_read_left(const KernelHandles *program, void (*socket)(KernelEvent *event, void *data),
                      void *data);
