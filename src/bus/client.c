/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "bus/client_internal.h"
#include "bus/names.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* A daemon that is busy still answers in milliseconds; a person may have to type a password. */
#define CONNECT_SECONDS  5
#define CALL_USEC        (20 * USEC_PER_SEC)
#define INTERACTIVE_USEC (190 * USEC_PER_SEC)

const char *bus_client_error(const BusClient *client) {
    return client->error;
}

static void set_error(BusClient *client, const char *text) {
    free(client->error);
    client->error = text && *text ? strdup(text) : NULL;
}

/* --- connecting ---------------------------------------------------------------------------------
 */

/* Returns a connected socket or a negative errno. */
static int connect_socket(const char *runtime_dir) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    _cleanup_free_ char *path = string_format("%s/%s", runtime_dir, BUS_SOCKET_NAME);

    if (!path)
        return -ENOMEM;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* A backlog that is full makes us wait. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return TAKE_FD(fd);
}

static int open_peer(BusClient *client, const char *runtime_dir) {
    int fd = connect_socket(runtime_dir);
    if (fd < 0)
        return fd;
    int r = sd_bus_new(&client->bus);
    if (r >= 0)
        r = sd_bus_set_fd(client->bus, fd, fd);
    if (r < 0) {
        close(fd);
        return r;
    }
    r = sd_bus_negotiate_fds(client->bus, false);
    if (r >= 0)
        r = sd_bus_start(client->bus);
    client->is_peer = true;
    return r;
}

/* A call to it would start the daemon by activation: who asks for its state does not want that. */
static int has_owner(sd_bus *bus) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    int owned = 0;

    int r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s", BUS_NAME);
    if (r >= 0)
        r = sd_bus_message_read(reply, "b", &owned);
    return r < 0 ? r : owned ? 0 : -ENOENT;
}

static int open_system(BusClient *client) {
    int r = sd_bus_open_system(&client->bus);
    if (r >= 0)
        r = has_owner(client->bus);
    client->is_peer = false;
    return r;
}

static void disconnect(BusClient *client) {
    client->bus = sd_bus_flush_close_unref(client->bus);
}

int bus_client_open(const char *runtime_dir, bool system_bus, BusClient **ret) {
    BusClient *client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    client->has_system_bus = system_bus;
    int r = open_peer(client, runtime_dir);
    if (r < 0 && system_bus) {
        disconnect(client);
        /* The socket's reason is the one that helps. */
        if (open_system(client) >= 0)
            r = 0;
    }
    if (r < 0) {
        bus_client_close(client);
        return r;
    }
    *ret = client;
    return 0;
}

BusClient *bus_client_close(BusClient *client) {
    if (!client)
        return NULL;
    disconnect(client);
    free(client->error);
    free(client);
    return NULL;
}

/* --- calling ------------------------------------------------------------------------------------
 */

static int errno_of(const sd_bus_error *error, int r) {
    static const struct {
        const char *name;
        int error;
    } names[] = {
        {BUS_ERROR_NO_LISTENER, -ENOENT},
        {BUS_ERROR_BAD_POLICY, -EBADMSG},
        {BUS_ERROR_QUOTA, -EDQUOT},
        {SD_BUS_ERROR_ACCESS_DENIED, -EACCES},
        {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, -EACCES},
        {SD_BUS_ERROR_INVALID_ARGS, -EINVAL},
        {SD_BUS_ERROR_NO_REPLY, -ETIMEDOUT},
        {SD_BUS_ERROR_TIMEOUT, -ETIMEDOUT},
        {SD_BUS_ERROR_DISCONNECTED, -ECONNRESET},
        {SD_BUS_ERROR_SERVICE_UNKNOWN, -ECONNRESET},
        {SD_BUS_ERROR_NAME_HAS_NO_OWNER, -ECONNRESET},
        {SD_BUS_ERROR_UNKNOWN_METHOD, -EPROTO},
    };
    for (size_t i = 0; error->name && i < ELEMENTS(names); i++)
        if (strcmp(error->name, names[i].name) == 0)
            return names[i].error;
    if (r == -EPIPE || r == -ENOTCONN || r == -ESHUTDOWN || r == -ECONNRESET)
        return -ECONNRESET;
    return r == -ETIMEDOUT || r == -ENOMEM ? r : -EREMOTEIO;
}

int client_new_call(BusClient *client, const char *method, sd_bus_message **ret) {
    return sd_bus_message_new_method_call(client->bus, ret, client->is_peer ? NULL : BUS_NAME,
                                          BUS_PATH, BUS_INTERFACE, method);
}

int client_call(BusClient *client, sd_bus_message *call, bool interactive, sd_bus_message **ret) {
    sd_bus_error error = SD_BUS_ERROR_NULL;

    set_error(client, NULL);
    if (interactive)
        (void)sd_bus_message_set_allow_interactive_authorization(call, true);
    int r = sd_bus_call(client->bus, call, interactive ? INTERACTIVE_USEC : CALL_USEC, &error, ret);
    if (r < 0) {
        r = errno_of(&error, r);
        set_error(client, error.message);
    }
    sd_bus_error_free(&error);
    return r;
}

int client_read_error(int r) {
    return r >= 0 || r == -ENOMEM ? r : -EPROTO;
}

static int call_simple(BusClient *client, const char *method, sd_bus_message **ret) {
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = client_new_call(client, method, &call);
    return r < 0 ? r : client_call(client, call, false, ret);
}

int bus_client_status(BusClient *client, BusStatusRead *ret) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    *ret = (BusStatusRead){};
    int r = call_simple(client, "Status", &reply);
    return r < 0 ? r : client_read_error(unmarshal_status(reply, ret));
}

int bus_client_machine(BusClient *client, BusView *view) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = call_simple(client, "Machine", &reply);
    return r < 0 ? r : client_read_error(unmarshal_machine(reply, view));
}

/* --- arrays and pages ---------------------------------------------------------------------------
 */

static int read_listener(sd_bus_message *reply, void *userdata) {
    return unmarshal_listener(reply, userdata);
}

static int read_rule(sd_bus_message *reply, void *userdata) {
    BusRules *rules = userdata;
    int r = ARRAY_RESERVE(rules->rules, rules->allocated, rules->n_rules + 1);
    if (r < 0)
        return r;
    return unmarshal_rule(reply, &rules->rules[rules->n_rules++]);
}

/* Returns how many there were. */
static int read_array(sd_bus_message *reply, int (*one)(sd_bus_message *, void *), void *userdata) {
    int n = 0;
    int r = sd_bus_message_enter_container(reply, 'a', "a{sv}");
    while (r >= 0 && (r = sd_bus_message_at_end(reply, false)) == 0) {
        r = one(reply, userdata);
        n++;
    }
    if (r >= 0)
        r = sd_bus_message_exit_container(reply);
    return r < 0 ? client_read_error(r) : n;
}

typedef struct Pages {
    const char *method;
    const char *which; /* the argument before the cursor; NULL: it takes none */
    int (*one)(sd_bus_message *message, void *userdata);
    void *userdata;
} Pages;

/* Reads one page; *cursor is where to go on. Returns how many there were. */
static int read_page(BusClient *client, const Pages *pages, uint64_t *cursor) {
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;

    int r = client_new_call(client, pages->method, &call);
    if (r >= 0 && pages->which)
        r = sd_bus_message_append_basic(call, 's', pages->which);
    if (r >= 0)
        r = sd_bus_message_append_basic(call, 't', cursor);
    if (r < 0)
        return r;
    r = client_call(client, call, false, &reply);
    if (r < 0)
        return r;
    int n = read_array(reply, pages->one, pages->userdata);
    if (n < 0)
        return n;
    r = sd_bus_message_read_basic(reply, 't', cursor);
    return r < 0 ? client_read_error(r) : n;
}

/* Pages without anything on them may come, where nothing of the selection was found; but not for
 * ever. */
static int read_pages(BusClient *client, const Pages *pages) {
    uint64_t cursor = 0;
    size_t n_empty = 0;
    do {
        int n = read_page(client, pages, &cursor);
        if (n < 0)
            return n;
        n_empty = n > 0 ? 0 : n_empty + 1;
        if (n_empty > 1000)
            return -EPROTO;
    } while (cursor != 0);
    return 0;
}

int bus_client_list(BusClient *client, const char *selection, BusView *view) {
    return read_pages(client, &(const Pages){"List", selection, read_listener, view});
}

int bus_client_find(BusClient *client, const char *what, BusView *view) {
    size_t n_before = view->snapshot->n_listeners;
    int r = read_pages(client, &(const Pages){"Find", what, read_listener, view});
    return r == 0 && view->snapshot->n_listeners == n_before ? -ENOENT : r;
}

int bus_client_rules(BusClient *client, BusRules *ret) {
    *ret = (BusRules){};
    return read_pages(client, &(const Pages){"Rules", NULL, read_rule, ret});
}

void bus_rules_done(BusRules *rules) {
    for (size_t i = 0; i < rules->n_rules; i++)
        bus_rule_done(&rules->rules[i]);
    free(rules->rules);
    *rules = (BusRules){};
}

/* --- doing --------------------------------------------------------------------------------------
 */

/* `build` appends the arguments. */
static int deed_once(BusClient *client, const char *method,
                     int (*build)(sd_bus_message *call, const void *arguments),
                     const void *arguments, sd_bus_message **ret) {
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = client_new_call(client, method, &call);
    if (r >= 0 && build)
        r = build(call, arguments);
    return r < 0 ? r : client_call(client, call, !client->is_peer, ret);
}

void bus_client_set_agent(BusClient *client, void (*open)(void), void (*close)(void)) {
    client->open_agent = open;
    client->close_agent = close;
}

/* Over the system bus, where polkit may ask for a password. */
static int deed_authorized(BusClient *client, const BusClient *agents, const char *method,
                           int (*build)(sd_bus_message *call, const void *arguments),
                           const void *arguments, sd_bus_message **ret) {
    if (agents->open_agent)
        agents->open_agent();
    int r = deed_once(client, method, build, arguments, ret);
    if (agents->close_agent)
        agents->close_agent();
    return r;
}

static int deed(BusClient *client, const char *method,
                int (*build)(sd_bus_message *call, const void *arguments), const void *arguments,
                sd_bus_message **ret) {
    if (!client->is_peer)
        return deed_authorized(client, client, method, build, arguments, ret);
    int r = deed_once(client, method, build, arguments, ret);
    if (r != -EACCES || !client->has_system_bus)
        return r;

    BusClient other = {};
    if (open_system(&other) >= 0) {
        r = deed_authorized(&other, client, method, build, arguments, ret);
        free(client->error);
        client->error = TAKE_PTR(other.error);
    }
    disconnect(&other);
    return r;
}

int bus_client_reload(BusClient *client, char **ret_warnings) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *text;

    int r = deed(client, "Reload", NULL, NULL, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_read_basic(reply, 's', &text);
    if (r < 0)
        return client_read_error(r);
    *ret_warnings = strdup(text);
    return *ret_warnings ? 0 : -ENOMEM;
}

typedef struct Arguments {
    const char *what, *note;
    uint64_t time;
} Arguments;

static int build_snooze(sd_bus_message *call, const void *userdata) {
    const Arguments *arguments = userdata;
    return sd_bus_message_append(call, "st", arguments->what, arguments->time);
}

static int build_allow(sd_bus_message *call, const void *userdata) {
    const Arguments *arguments = userdata;
    return sd_bus_message_append(call, "sts", arguments->what, arguments->time, arguments->note);
}

int bus_client_snooze(BusClient *client, const char *what, usec_t span, uint32_t *ret_count) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    const Arguments arguments = {.what = what, .time = span};

    int r = deed(client, "Snooze", build_snooze, &arguments, &reply);
    return r < 0 ? r : client_read_error(sd_bus_message_read_basic(reply, 'u', ret_count));
}

void bus_allowed_done(BusAllowed *allowed) {
    free(allowed->file);
    free(allowed->lines);
    *allowed = (BusAllowed){};
}

int bus_client_allow(BusClient *client, const char *what, usec_t until, const char *note,
                     BusAllowed *ret) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    const Arguments arguments = {.what = what, .note = note ?: "", .time = until};
    const char *file, *lines;
    uint32_t line;

    int r = deed(client, "Allow", build_allow, &arguments, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_read(reply, "ssu", &file, &lines, &line);
    if (r < 0)
        return client_read_error(r);
    *ret = (BusAllowed){.file = strdup(file), .lines = strdup(lines), .line = line};
    return ret->file && ret->lines ? 0 : -ENOMEM;
}

int bus_client_suggest(BusClient *client, const char *what, char **ret_lines) {
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    const char *lines;

    int r = client_new_call(client, "Suggest", &call);
    if (r >= 0)
        r = sd_bus_message_append_basic(call, 's', what);
    if (r >= 0)
        r = client_call(client, call, false, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_read_basic(reply, 's', &lines);
    if (r < 0)
        return client_read_error(r);
    *ret_lines = strdup(lines);
    return *ret_lines ? 0 : -ENOMEM;
}
