/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's side of D-Bus. Blocks. Errors are negative errnos: -ENOENT no such listener, -EACCES
 * not permitted, -EBADMSG the policy has errors, -EDQUOT, -EINVAL; -ECONNRESET, -ETIMEDOUT the
 * daemon went, or does not answer; -EPROTO its answer is none that we know; -EREMOTEIO it failed.
 * bus_client_error() has the words.
 */
#pragma once

#include "bus/server.h"
#include "bus/unmarshal.h"

typedef struct BusClient BusClient;

/*
 * Connects to the socket below runtime_dir, else, with `system_bus`, by way of the system bus
 * (where nothing is started by that). Returns 0, -ENOENT or -ECONNREFUSED: no daemon runs; another
 * errno: it can't be reached.
 */
int bus_client_open(const char *runtime_dir, bool system_bus, BusClient **ret);
/* Takes NULL, returns NULL. */
BusClient *bus_client_close(BusClient *client);

/* What went wrong in the last call, raw, or NULL: only its errno is known. */
const char *bus_client_error(const BusClient *client);

int bus_client_status(BusClient *client, BusStatusRead *ret); /* done with either way */
int bus_client_machine(BusClient *client, BusView *view);
/* All pages of `all`, `listed`, `flagged` or `allowed`, added to the view. */
int bus_client_list(BusClient *client, const char *selection, BusView *view);
/* All pages of that port or id, added. */
int bus_client_find(BusClient *client, const char *what, BusView *view);

typedef struct BusRules {
    BusRule *rules; /* in order; the last is the default */
    size_t n_rules, allocated;
} BusRules;
int bus_client_rules(BusClient *client, BusRules *ret); /* done with either way */
void bus_rules_done(BusRules *rules);

/*
 * What not everybody may: refused on the socket, they are tried over the system bus, where polkit
 * can be asked. Texts are freed by the caller.
 */
/* Called before polkit may ask for a password, and afterwards, to start and stop the agent. */
void bus_client_set_agent(BusClient *client, void (*open)(void), void (*close)(void));
int bus_client_reload(BusClient *client, char **ret_warnings);
int bus_client_snooze(BusClient *client, const char *what, usec_t span, uint32_t *ret_count);
int bus_client_allow(BusClient *client, const char *what, usec_t until, const char *note,
                     BusAllowed *ret);
void bus_allowed_done(BusAllowed *allowed);

/* Returns the rules that `allow` would write, one per line, freed by the caller. -EACCES: they name
 * processes of another user. */
int bus_client_suggest(BusClient *client, const char *what, char **ret_lines);

typedef enum BusEventKind {
    BUS_EVENT_ADDED,
    BUS_EVENT_CHANGED,
    BUS_EVENT_REMOVED,
    BUS_EVENT_FLAGGED,
    BUS_EVENT_RESOLVED,
    BUS_EVENT_POLICY, /* without a listener; the following, too */
    BUS_EVENT_LINKS,
    BUS_EVENT_LOST, /* so many events were not told: `number` */
    BUS_EVENT_KIND_COUNT,
} BusEventKind;

/* `added`, `changed`, … */
const char *bus_event_name(BusEventKind kind);

typedef struct BusEvent {
    BusEventKind kind;
    const Listener *listener; /* of the view */
    const Standing *standing;
    uint64_t time, duration;
    uint64_t n_returned;
    uint64_t number;
    char *why; /* raw, or NULL; the id that it had before, likewise */
    char *was;
    bool still, transient;
} BusEvent;

/*
 * Tells what happens as it happens, until `tell` returns non-zero, which is returned, or the daemon
 * goes: -ECONNRESET. The view's listeners are replaced by the event's; its machine is kept up to
 * date.
 */
int bus_client_watch(BusClient *client, BusView *view,
                     int (*tell)(void *userdata, const BusEvent *event), void *userdata);

DEFINE_CLEANUP(BusClient, bus_client_cleanup, bus_client_close)
#define _cleanup_bus_client_ _cleanup_(bus_client_cleanup)
