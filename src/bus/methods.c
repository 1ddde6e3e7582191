/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vtable of org.sockaudit1.Manager. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/marshal.h"
#include "bus/server_internal.h"
#include "util/cleanup.h"
#include "util/memory.h"

#define NOTE_MAX 1000
#define WHAT_MAX 64

/* --- replies ------------------------------------------------------------------------------------
 */

int channel_send(Channel *channel, sd_bus_message *message, size_t size) {
    if (!channel->is_peer)
        return sd_bus_send(channel->bus, message, NULL);
    bool is_signal = sd_bus_message_is_signal(message, NULL, NULL) > 0;
    peer_send(peer_of(channel), message, size, is_signal);
    return 0;
}

/* The message is the caller's to release. */
static int reply_begin(const Request *request, DictWriter *writer, sd_bus_message **ret) {
    int r = sd_bus_message_new_method_return(request->message, ret);
    *writer = (DictWriter){.message = *ret};
    return r;
}

static int reply_send(const Request *request, const DictWriter *writer) {
    return writer->error < 0 ? writer->error
                             : channel_send(request->channel, writer->message, writer->size);
}

static int reply_error(const Request *request, const char *name, const char *text) {
    sd_bus_error error = {.name = name, .message = text};
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_error(request->message, &reply, &error);
    return r < 0 ? r : channel_send(request->channel, reply, strlen(text) + 256);
}

/* What a handler's errno becomes; `text`, if any, says why. */
static int reply_failure(const Request *request, int r, const char *text) {
    switch (r) {
    case -ENOENT:
        return reply_error(request, BUS_ERROR_NO_LISTENER, text ?: "No such listener");
    case -EDQUOT:
        return reply_error(request, BUS_ERROR_QUOTA, text ?: "Snooze limit of the user reached");
    case -ENOSPC:
        return reply_error(request, BUS_ERROR_QUOTA, text ?: "Snooze limit reached");
    case -EBADMSG:
        return reply_error(request, BUS_ERROR_BAD_POLICY, text ?: "the rules have errors");
    case -EPERM:
        return reply_error(request, SD_BUS_ERROR_ACCESS_DENIED,
                           "No alert has been sent for this listener yet; only root can snooze it "
                           "before that");
    case -EALREADY:
        return reply_error(request, SD_BUS_ERROR_ACCESS_DENIED,
                           "The listener is snoozed already; only root can extend a snooze");
    case -EACCES:
        return reply_error(request, SD_BUS_ERROR_ACCESS_DENIED, text ?: "permission denied");
    case -EINVAL:
        return reply_error(request, SD_BUS_ERROR_INVALID_ARGS, text ?: "Invalid argument");
    default:
        return text ? reply_error(request, BUS_ERROR_FAILED, text) : r;
    }
}

static int append_string(DictWriter *writer, const char *text) {
    writer->size += strlen(text);
    return sd_bus_message_append_basic(writer->message, 's', text);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static int run_status(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    BusStatus status = {};
    DictWriter writer;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = handlers->status(handlers->userdata, &status);
    if (r >= 0)
        r = reply_begin(request, &writer, &reply);
    if (r < 0)
        return r;
    marshal_status(&writer, &status);
    return reply_send(request, &writer);
}

static int run_machine(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    BusMachine machine = {};
    DictWriter writer;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = handlers->machine(handlers->userdata, &machine);
    if (r >= 0)
        r = reply_begin(request, &writer, &reply);
    if (r < 0)
        return r;
    marshal_machine(&writer, &machine);
    return reply_send(request, &writer);
}

/* The caller releases the reply. */
static int page_begin(const Request *request, BusSink *sink, sd_bus_message **ret_reply) {
    int r = reply_begin(request, &sink->writer, ret_reply);
    if (r >= 0)
        dict_container_open(&sink->writer, 'a', "a{sv}");
    return r;
}

static int reply_page(Request *request, BusSink *sink, uint64_t cursor, int r) {
    dict_container_close(&sink->writer);
    if (r >= 0 && sink->writer.error == 0)
        r = sd_bus_message_append_basic(sink->writer.message, 't', &cursor);
    return r < 0 ? r : reply_send(request, &sink->writer);
}

static int run_list(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    BusSink sink = {.viewer = &request->viewer};
    BusSelection selection;
    const char *word;
    uint64_t cursor;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = sd_bus_message_read(request->message, "st", &word, &cursor);
    if (r < 0)
        return r;
    if (bus_selection_parse(word, &selection) < 0)
        return reply_error(request, SD_BUS_ERROR_INVALID_ARGS,
                           "the selection is one of all, listed, flagged, allowed");
    r = page_begin(request, &sink, &reply);
    if (r < 0)
        return r;
    r = handlers->list(handlers->userdata, selection, &cursor, &sink);
    return reply_page(request, &sink, cursor, r);
}

static int run_rules(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    BusSink sink = {.viewer = &request->viewer};
    uint64_t cursor;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = sd_bus_message_read(request->message, "t", &cursor);
    if (r >= 0)
        r = page_begin(request, &sink, &reply);
    if (r < 0)
        return r;
    r = handlers->rules(handlers->userdata, &cursor, &sink);
    return reply_page(request, &sink, cursor, r);
}

/* `what`: a port, or an id. A page of it. */
static int find_page(const Request *request, const char *what, uint64_t *cursor, BusSink *sink) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    uint64_t port;

    if (strlen(what) > WHAT_MAX)
        return -EINVAL;
    int r = parse_unsigned(what, strlen(what), UINT16_MAX, &port);
    if (r == -ERANGE)
        return -EINVAL;
    return r == 0 ? handlers->find(handlers->userdata, NULL, (uint16_t)port, cursor, sink)
                  : handlers->find(handlers->userdata, what, 0, cursor, sink);
}

/* All of it. -E2BIG: the sink does not hold all; which of them it does, who opened the others could
 * have chosen. */
static int find(const Request *request, const char *what, BusSink *sink) {
    uint64_t cursor = 0;
    int r;

    do
        r = find_page(request, what, &cursor, sink);
    while (r >= 0 && cursor != 0 && !sink->full);
    return r >= 0 && sink->full ? -E2BIG : r;
}

/* Reports that no listener was found. If the daemon does not monitor all listeners, the message
 * gives the number of the others. */
static int reply_not_there(const Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    BusStatus status = {};
    char text[160];

    int r = handlers->status(handlers->userdata, &status);
    if (r < 0 || status.n_refused == 0)
        return reply_failure(request, -ENOENT, NULL);
    snprintf(text, sizeof(text),
             "No monitored listener matches; %" PRIu64
             " listeners are not monitored (limit reached): run 'sockauditctl scan' to list them",
             status.n_refused);
    return reply_failure(request, -ENOENT, text);
}

/* Reports that no listener was found, that `what` is invalid, or with `too_many` that too many
 * listeners match. */
static int reply_not_found(const Request *request, int r, const char *too_many) {
    if (r == -E2BIG)
        return reply_error(request, SD_BUS_ERROR_LIMITS_EXCEEDED, too_many);
    if (r == 0 || r == -ENOENT)
        return reply_not_there(request);
    return r == -EINVAL ? reply_failure(request, r, "Not a valid port (0-65535) or listener ID")
                        : reply_failure(request, r, NULL);
}

static int run_find(Request *request) {
    BusSink sink = {.viewer = &request->viewer};
    uint64_t cursor;
    const char *what;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = sd_bus_message_read(request->message, "st", &what, &cursor);
    if (r >= 0)
        r = page_begin(request, &sink, &reply);
    if (r < 0)
        return r;
    r = find_page(request, what, &cursor, &sink);
    return r < 0 ? reply_not_found(request, r, NULL) : reply_page(request, &sink, cursor, r);
}

static int run_subscribe(Request *request) {
    request->channel->subscribed = request->channel->is_peer;
    return sd_bus_reply_method_return(request->message, NULL);
}

/* --- doing --------------------------------------------------------------------------------------
 */

static const char *const deeds[] = {
    [DEED_RELOAD] = "reloading the rules requires root or polkit action " BUS_POLKIT_ACTION,
    [DEED_ALLOW] = "allowing a listener requires root or polkit action " BUS_POLKIT_ACTION,
    [DEED_SNOOZE] =
        "snoozing another user's listener requires root or polkit action " BUS_POLKIT_ACTION,
    [DEED_SUGGEST] = "suggesting rules for another user's listeners requires root or group adm",
};

/* 1: go on. 0: polkit is asked, or it was refused: the reply comes, or went. */
static int may(Request *request, Deed deed, const BusSink *sink) {
    if (request->authorized ||
        viewer_may(&request->viewer, deed, sink ? sink->owners : NULL, sink ? sink->n : 0))
        return 1;
    if (request_authorize(request) == 0)
        return 0;
    int r = reply_error(request, SD_BUS_ERROR_ACCESS_DENIED, deeds[deed]);
    return r < 0 ? r : 0;
}

static int run_reload(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    _cleanup_free_ char *text = NULL;
    DictWriter writer;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = may(request, DEED_RELOAD, NULL);
    if (r <= 0)
        return r;
    r = handlers->reload(handlers->userdata, &text);
    if (r < 0)
        return reply_failure(request, r, text ? bus_string(text) : NULL);
    r = reply_begin(request, &writer, &reply);
    if (r < 0)
        return r;
    r = append_string(&writer, bus_string(text));
    return r < 0 ? r : reply_send(request, &writer);
}

static const char too_many_keys[] =
    "the port has too many listeners; specify a listener ID ('list --all port PORT -o id,endpoint' "
    "shows them)";

static int run_snooze(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    BusSink sink = {};
    const char *what;
    uint64_t span;

    int r = sd_bus_message_read(request->message, "st", &what, &span);
    if (r >= 0)
        r = find(request, what, &sink);
    if (r < 0 || sink.n == 0)
        return reply_not_found(request, r, too_many_keys);
    r = may(request, DEED_SNOOZE, &sink);
    if (r <= 0)
        return r;
    bool is_user = request->viewer.uid != 0 && !request->authorized;
    if (is_user && span > BUS_SNOOZE_OF_USER_MAX)
        return reply_error(request, SD_BUS_ERROR_ACCESS_DENIED,
                           "Snoozing for more than 24 hours requires root");
    for (size_t i = 0; i < sink.n; i++) {
        const BusSnooze snooze = {sink.keys[i], span, request->viewer.uid, is_user};
        r = handlers->snooze(handlers->userdata, &snooze);
        if (r < 0)
            return reply_failure(request, r, NULL);
    }
    return sd_bus_reply_method_return(request->message, "u", (uint32_t)sink.n);
}

static void allowed_done(BusAllowed *allowed) {
    free(allowed->file);
    free(allowed->lines);
}

static int run_allow(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    _cleanup_free_ char *why = NULL;
    _cleanup_(allowed_done) BusAllowed allowed = {};
    const char *what, *note;
    BusSink sink = {};
    DictWriter writer;
    uint64_t until;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = sd_bus_message_read(request->message, "sts", &what, &until, &note);
    if (r < 0)
        return r;
    if (strlen(note) > NOTE_MAX)
        return reply_error(request, SD_BUS_ERROR_INVALID_ARGS, "the note is too long");
    r = find(request, what, &sink);
    if (r < 0 || sink.n == 0)
        return reply_not_found(request, r, too_many_keys);
    r = may(request, DEED_ALLOW, &sink);
    if (r <= 0)
        return r;
    r = handlers->allow(handlers->userdata, sink.keys, sink.n, until, *note ? note : NULL, &allowed,
                        &why);
    if (r < 0)
        return reply_failure(request, r, why ? bus_string(why) : NULL);
    r = reply_begin(request, &writer, &reply);
    if (r < 0)
        return r;
    r = append_string(&writer, bus_string(allowed.file));
    if (r >= 0)
        r = append_string(&writer, bus_string(allowed.lines));
    if (r >= 0)
        r = sd_bus_message_append(reply, "u", allowed.line);
    return r < 0 ? r : reply_send(request, &writer);
}

/* polkit is not asked; root can see everything. */
static int run_suggest(Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    _cleanup_free_ char *text = NULL;
    BusSink sink = {};
    DictWriter writer;
    const char *what;
    _cleanup_message_ sd_bus_message *reply = NULL;

    int r = sd_bus_message_read(request->message, "s", &what);
    if (r >= 0)
        r = find(request, what, &sink);
    if (r < 0 || sink.n == 0)
        return reply_not_found(request, r, too_many_keys);
    if (!viewer_may(&request->viewer, DEED_SUGGEST, sink.owners, sink.n))
        return reply_error(request, SD_BUS_ERROR_ACCESS_DENIED, deeds[DEED_SUGGEST]);
    r = handlers->suggest(handlers->userdata, sink.keys, sink.n, &request->viewer, &text);
    if (r < 0)
        return reply_failure(request, r, text ? bus_string(text) : NULL);
    r = reply_begin(request, &writer, &reply);
    if (r >= 0)
        r = append_string(&writer, bus_string(text));
    return r < 0 ? r : reply_send(request, &writer);
}

/* --- the vtable ---------------------------------------------------------------------------------
 */

#define METHOD(name)                                                                               \
    static int on_##name(sd_bus_message *message, void *userdata, sd_bus_error *error) {           \
        (void)error;                                                                               \
        return request_begin(userdata, message, run_##name);                                       \
    }
METHOD(status)
METHOD(machine)
METHOD(list)
METHOD(find)
METHOD(rules)
METHOD(subscribe)
METHOD(reload)
METHOD(snooze)
METHOD(allow)
METHOD(suggest)

#define NUMBER(name)  SD_BUS_PROPERTY(name, "t", property_number, 0, 0)
#define FOR_EVERYBODY SD_BUS_VTABLE_UNPRIVILEGED /* who may do what is looked at in each */

/* Described in org.sockaudit1(5); the comments say what is read from here alone. */
const sd_bus_vtable server_vtable[] = {
    SD_BUS_VTABLE_START(0),

    /* What Status tells, for who wants one number. */
    SD_BUS_PROPERTY("Version", "s", property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    /* Each source of events: its name, whether it works, what that means for a person. */
    SD_BUS_PROPERTY("Source", "a(sbs)", property_source, 0, 0),
    NUMBER("Since"),
    NUMBER("PolicyGeneration"),
    /* How what is on disk differs from what is in force; empty: it does not. */
    SD_BUS_PROPERTY("PolicyDiffers", "s", property_differs, 0, 0),
    NUMBER("Rules"),
    NUMBER("Listeners"),
    NUMBER("Flagged"),
    NUMBER("Allowed"),
    NUMBER("Ignored"),
    NUMBER("Snoozed"),

    /* All of it at once. */
    SD_BUS_METHOD_WITH_ARGS("Status", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status), on_status,
                            FOR_EVERYBODY),
    /* Network namespace, interfaces with their addresses, and what could be looked at. */
    SD_BUS_METHOD_WITH_ARGS("Machine", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", machine), on_machine,
                            FOR_EVERYBODY),
    /* Listeners, a page at a time: call it with 0, then with what `next` was, until that is 0. */
    SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_ARGS("s", selection, "t", cursor),
                            SD_BUS_RESULT("aa{sv}", listeners, "t", next), on_list, FOR_EVERYBODY),
    /* Returns the listeners with that port, or the one with that id, in pages like List. An empty
     * result is not an error. */
    SD_BUS_METHOD_WITH_ARGS("Find", SD_BUS_ARGS("s", what, "t", cursor),
                            SD_BUS_RESULT("aa{sv}", listeners, "t", next), on_find, FOR_EVERYBODY),
    /* The rules in force with how often each decided; paged as List. The default comes last. */
    SD_BUS_METHOD_WITH_ARGS("Rules", SD_BUS_ARGS("t", cursor),
                            SD_BUS_RESULT("aa{sv}", rules, "t", next), on_rules, FOR_EVERYBODY),
    /* On the socket, signals come to who called this. On the bus they come to who matches them. */
    SD_BUS_METHOD_WITH_ARGS("Subscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_subscribe,
                            FOR_EVERYBODY),
    /* Loads the policy again; the text holds its warnings. */
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", warnings), on_reload,
                            FOR_EVERYBODY),
    /* Writes rules for all of that port or id; until is in µs since the epoch, the largest number
     * for ever; an empty note is none. */
    SD_BUS_METHOD_WITH_ARGS("Allow", SD_BUS_ARGS("s", what, "t", until, "s", note),
                            SD_BUS_RESULT("s", file, "s", lines, "u", line), on_allow,
                            FOR_EVERYBODY),
    /* The rules that Allow would write, one per line. */
    SD_BUS_METHOD_WITH_ARGS("Suggest", SD_BUS_ARGS("s", what), SD_BUS_RESULT("s", lines),
                            on_suggest, FOR_EVERYBODY),
    /* No alerts for so many µs; 0 ends it. Returns how many listeners it was. */
    SD_BUS_METHOD_WITH_ARGS("Snooze", SD_BUS_ARGS("s", what, "t", usec), SD_BUS_RESULT("u", count),
                            on_snooze, FOR_EVERYBODY),

    /* The listener as in List, and what happened. */
    SD_BUS_SIGNAL_WITH_ARGS("ListenerAdded", SD_BUS_ARGS("a{sv}", listener, "a{sv}", change), 0),
    SD_BUS_SIGNAL_WITH_ARGS("ListenerChanged", SD_BUS_ARGS("a{sv}", listener, "a{sv}", change), 0),
    SD_BUS_SIGNAL_WITH_ARGS("ListenerRemoved", SD_BUS_ARGS("a{sv}", listener, "a{sv}", change), 0),
    SD_BUS_SIGNAL_WITH_ARGS("Flagged", SD_BUS_ARGS("a{sv}", listener, "a{sv}", change), 0),
    SD_BUS_SIGNAL_WITH_ARGS("Resolved", SD_BUS_ARGS("a{sv}", listener, "a{sv}", change), 0),
    /* Another policy is in force: List and Rules have changed. */
    SD_BUS_SIGNAL_WITH_ARGS("PolicyChanged", SD_BUS_ARGS("t", generation), 0),
    /* Interfaces or addresses: Machine has changed. */
    SD_BUS_SIGNAL_WITH_ARGS("LinksChanged", SD_BUS_ARGS("t", generation), 0),

    /* On the socket: so many signals were not sent, because they were not read in time. */
    SD_BUS_SIGNAL_WITH_ARGS("SignalsLost", SD_BUS_ARGS("t", count), 0),

    SD_BUS_VTABLE_END,
};
