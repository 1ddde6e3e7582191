/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that come over the system bus: who asks, and whether polkit lets them, is asked without
 * waiting. A peer's identity is known. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/server_internal.h"

#define GROUPS_MAX     4096
#define CREDS_USEC     (10 * USEC_PER_SEC)
#define AUTHORIZE_USEC (180 * USEC_PER_SEC) /* a person may be typing a password */
/* The maximum number of pending polkit authorizations per user, so that one user cannot block those
 * of others. */
#define AUTHORIZATIONS_MAX 4

static void request_free(Request *request) {
    sd_bus_slot_unref(request->slot);
    sd_bus_message_unref(request->message);
    free(request);
}

static void request_end(Request *request) {
    BusServer *server = request->channel->server;
    for (Request **at = &server->requests; *at; at = &(*at)->next)
        if (*at == request) {
            *at = request->next;
            server->n_requests--;
            break;
        }
    request_free(request);
}

/* Runs it; a request that waits for something again has another slot. */
static void request_go(Request *request) {
    request->slot = sd_bus_slot_unref(request->slot);
    (void)sd_bus_message_rewind(request->message, true);
    int r = request->run(request);
    if (request->slot)
        return;
    if (r < 0)
        (void)sd_bus_reply_method_errno(request->message, r, NULL);
    request_end(request);
}

/* --- who asks ----------------------------------------------------------------------------------
 */

typedef struct Credentials {
    uid_t uid;
    gid_t groups[GROUPS_MAX];
    size_t n_groups;
} Credentials;

static int read_uid(sd_bus_message *message, void *member) {
    uint32_t uid;
    int r = sd_bus_message_read_basic(message, 'u', &uid);
    if (r > 0)
        ((Credentials *)member)->uid = uid;
    return r < 0 ? r : 0;
}

static int read_groups(sd_bus_message *message, void *member) {
    Credentials *credentials = member;
    const void *groups;
    size_t size;

    int r = sd_bus_message_read_array(message, 'u', &groups, &size);
    if (r < 0)
        return r;
    if (size > sizeof(credentials->groups))
        size = sizeof(credentials->groups);
    memcpy(credentials->groups, groups, size);
    credentials->n_groups = size / sizeof(gid_t);
    return 0;
}

/* The bus's own words, D-Bus Specification, GetConnectionCredentials. */
static const Field credential_fields[] = {
    {"UnixUserID", FIELD_OTHER, 0, 0, NULL, "u", NULL, read_uid},
    {"UnixGroupIDs", FIELD_OTHER, 0, 0, NULL, "au", NULL, read_groups},
    {},
};

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    Request *request = userdata;
    Credentials credentials = {.uid = (uid_t)-1};
    (void)error;

    if (!sd_bus_message_is_method_error(reply, NULL))
        (void)dict_read(reply, (const DictPart[]){{credential_fields, &credentials}, {}});
    request->viewer = viewer_make(credentials.uid, (gid_t)-1, credentials.groups,
                                  credentials.n_groups, request->channel->server->reader_gid);
    request_go(request);
    return 0;
}

static int ask_credentials(Request *request) {
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(request->channel->bus, &call, "org.freedesktop.DBus",
                                           "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                           "GetConnectionCredentials");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", sd_bus_message_get_sender(request->message) ?: "");
    return r < 0 ? r
                 : sd_bus_call_async(request->channel->bus, &request->slot, call, on_credentials,
                                     request, CREDS_USEC);
}

/* --- whether they may ---------------------------------------------------------------------------
 */

static int on_authorization(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    Request *request = userdata;
    int authorized = 0;
    (void)error;

    /* (bba{ss}): is authorized, is a challenge, details. */
    if (!sd_bus_message_is_method_error(reply, NULL) &&
        sd_bus_message_enter_container(reply, 'r', "bba{ss}") > 0)
        (void)sd_bus_message_read_basic(reply, 'b', &authorized);
    request->authorized = authorized > 0;
    if (request->authorized) {
        request_go(request);
        return 0;
    }
    (void)sd_bus_reply_method_errorf(request->message, SD_BUS_ERROR_ACCESS_DENIED,
                                     "permission denied by polkit (%s); try again with sudo",
                                     BUS_POLKIT_ACTION);
    request_end(request);
    return 0;
}

static uid_t payer_of(const Request *request) {
    const BusHandlers *handlers = &request->channel->server->handlers;
    return handlers->payer(handlers->userdata, request->viewer.uid);
}

static bool may_authorize(const Request *request) {
    unsigned n = 0;
    for (const Request *one = request->channel->server->requests; one; one = one->next)
        n += one->authorizes && payer_of(one) == payer_of(request);
    return n < AUTHORIZATIONS_MAX;
}

int request_authorize(Request *request) {
    _cleanup_message_ sd_bus_message *call = NULL;
    Channel *channel = request->channel;

    if (channel->is_peer || request->authorized || !may_authorize(request))
        return -EACCES;
    /* 1: a person may be asked. */
    uint32_t flags = sd_bus_message_get_allow_interactive_authorization(request->message) > 0;
    int r = sd_bus_message_new_method_call(
        channel->bus, &call, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
        "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    if (r >= 0)
        r = sd_bus_message_append(call, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(request->message) ?: "",
                                  BUS_POLKIT_ACTION, 0, flags, "");
    if (r >= 0)
        r = sd_bus_call_async(channel->bus, &request->slot, call, on_authorization, request,
                              AUTHORIZE_USEC);
    request->authorizes = r >= 0;
    return r < 0 ? -EACCES : 0;
}

/* --- beginning and end --------------------------------------------------------------------------
 */

int request_begin(Channel *channel, sd_bus_message *message, int (*run)(Request *request)) {
    BusServer *server = channel->server;

    if (!channel->is_peer && server->n_requests >= REQUESTS_MAX)
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "Too many pending calls, try again");
    Request *request = calloc(1, sizeof(*request));
    if (!request)
        return -ENOMEM;
    *request = (Request){
        .next = server->requests,
        .channel = channel,
        .message = sd_bus_message_ref(message),
        .viewer = channel->viewer,
        .run = run,
    };
    server->requests = request;
    server->n_requests++;
    if (channel->is_peer) {
        request_go(request);
        return 1;
    }
    int r = ask_credentials(request);
    if (r < 0) {
        request_end(request);
        return r;
    }
    return 1;
}

void requests_cancel(BusServer *server) {
    while (server->requests)
        request_end(server->requests);
}
