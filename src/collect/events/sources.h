/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All event sources behind one fd, for the daemon's loop. Each may be missing, in part or from
 * time to time: the facade says so in words, and tries again, ever less often. An event is only a
 * hint; what counts is the dump that follows it.
 *
 * For one thread. The handlers are called from sources_dispatch() alone.
 */
#pragma once

#include "collect/events/destroy.h"
#include "collect/events/readers.h"
#include "collect/events/source_status.h"

/* How often it is checked whether the rings live and the CPUs are the same, at most. */
#define SOURCES_CHECK_SECONDS 30
/* Between two tries to open what is missing: at first, and at most. */
#define SOURCES_RETRY_SECONDS     1
#define SOURCES_RETRY_SECONDS_MAX 300
/* Changes of links are told at once, but the next ones not before this. */
#define SOURCES_LINKS_MSEC 100
/* The same for NAT rules, which Docker, ufw and firewalld change in many steps. */
#define SOURCES_FORWARDS_MSEC 250

typedef struct SourcesHandlers {
    /* A listener came or went; takes over event->witness. */
    void (*state)(const WitnessedEvent *event, void *data);
    void (*udp_gone)(const Destroyed *destroyed, void *data);
    void (*links_changed)(void *data);
    void (*forwards_changed)(void *data);
    /* Events of that source were lost, or may have been: dump what it tells of. */
    void (*lost)(SourceId id, void *data);
    /* The status of that source is another than before. */
    void (*status)(SourceId id, const SourceStatus *status, void *data);
    void *data;
} SourcesHandlers;

typedef struct SourcesConfig {
    int proc_fd, sys_fd;       /* where procfs and sysfs are mounted; borrowed */
    int tracefs_fd;            /* where tracefs is, borrowed; -1: looked for below sys_fd */
    SourcePeriods periods;     /* how often the daemon looks by itself: only for the words */
    const NetHandles *handles; /* of the network namespace; borrowed */
    EventHandles *events;      /* NULL: opens its own; borrowed */
    bool no_threads;           /* for tests: the loop reads the rings */
    Witness witness;
    SourcesHandlers handlers; /* all must be there */
} SourcesConfig;

typedef struct Sources Sources;

/*
 * Opens what may be opened, in the network namespace of the handles (the tracepoint tells of all of
 * them). That a source is missing is no error. Returns 0 or a negative errno.
 */
int sources_open(const SourcesConfig *config, Sources **ret);

/* As readers_close(): -EBUSY means that the witness's context must stay. Takes NULL. */
int sources_close(Sources *sources);

/* Readable when sources_dispatch() has something to do. Owned by the sources. */
int sources_fd(const Sources *sources);

/* Does a bounded amount of what there is to do; the fd stays readable while there is more. Returns
 * 0 or a negative errno: -ENOMEM; -ESTALE when the events that were passed are used up (a CPU came
 * back, or all after a suspend), and whoever passed them should pass others. */
int sources_dispatch(Sources *sources);

/* The daemon looks by itself in other periods than before. */
void sources_set_periods(Sources *sources, const SourcePeriods *periods);

const SourceStatus *sources_status(const Sources *sources, SourceId id);
/* Of the tracepoint's readers; all zero where it is missing. For tests, to see what is open. */
ReadersState sources_readers(const Sources *sources);

/* How many events were lost so far, all in all. */
uint64_t sources_lost(const Sources *sources);

static inline void sources_cleanup(Sources **sources) {
    (void)sources_close(*sources);
}
#define _cleanup_sources_ _cleanup_(sources_cleanup)
