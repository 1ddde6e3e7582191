/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/names.h"
#include "ctl/machine.h"
#include "ctl/polkit_agent.h"
#include "ctl/print/names.h"
#include "ctl/print/tell.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/memory.h"

const char *daemon_directory(const Options *options) {
    const char *directory = getenv("RUNTIME_DIRECTORY");
    if (options->runtime_dir)
        return options->runtime_dir;
    return string_is_empty(directory) ? BUS_RUNTIME_DIR_DEFAULT : directory;
}

static ExitStatus tell_absent(const char *directory, int r) {
    if (r == -EACCES || r == -EPERM) {
        tell_error("You cannot connect to sockauditd at %s/%s. Run with sudo.", directory,
                   BUS_SOCKET_NAME);
        return STATUS_NOT_PERMITTED;
    }
    if (r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR)
        tell_error("sockauditd is not running (no answer at %s/%s).\n"
                   "  Start it:         sudo systemctl start sockaudit\n"
                   "  Scan without it:  %s scan",
                   directory, BUS_SOCKET_NAME, tell_name());
    else
        tell_errno(r, "Failed to connect to sockauditd at %s/%s", directory, BUS_SOCKET_NAME);
    return STATUS_NO_DAEMON;
}

ExitStatus daemon_open(const Options *options, BusClient **ret) {
    const char *directory = daemon_directory(options);
    /* Who names a place means the daemon that is there. */
    int r = bus_client_open(directory, !options->runtime_dir, ret);
    if (r >= 0) {
        bus_client_set_agent(*ret, polkit_agent_open, polkit_agent_close);
        return STATUS_DONE;
    }
    _cleanup_free_ char *escaped = text_escape_string(directory);
    return tell_absent(escaped ?: "", r);
}

void print_lines(const char *text, const char *indent, FILE *out) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        _cleanup_free_ char *line = text_escape(text, length);
        fprintf(out, "%s%s\n", indent, line ?: "");
        text += length + (text[length] == '\n');
    }
}

ExitStatus daemon_failed(const BusClient *client, int error, const char *what) {
    _cleanup_free_ char *why = text_escape_string(bus_client_error(client));

    switch (error) {
    case -ECONNRESET:
        tell_error("%s: Connection closed by sockauditd (stopped, or connection limit reached)",
                   what);
        return STATUS_NO_DAEMON;
    case -ETIMEDOUT:
        tell_error("%s: sockauditd does not answer", what);
        return STATUS_NO_DAEMON;
    case -EPROTO:
        tell_error("%s: Unexpected reply from sockauditd (version mismatch?)", what);
        return STATUS_FAILED;
    default:
        break;
    }
    if (error == -EBADMSG && why) {
        tell_error("%s:", what);
        print_lines(bus_client_error(client), "", stderr);
    } else if (why)
        tell_error("%s: %s", what, why);
    else
        (void)tell_errno(error, "%s", what);
    return error == -EACCES   ? STATUS_NOT_PERMITTED
           : error == -ENOENT ? STATUS_NO_LISTENER
           : error == -EINVAL ? STATUS_USAGE
                              : STATUS_FAILED;
}

ExitStatus daemon_fetch(BusClient *client, const char *selection, const char *what, BusView *view) {
    int r = bus_view_init(view);
    if (r >= 0)
        r = bus_client_machine(client, view);
    if (r >= 0)
        r = what ? bus_client_find(client, what, view) : bus_client_list(client, selection, view);
    if (r == -ENOENT && what) {
        return tell_no_listener(what, "");
    }
    return r < 0 ? daemon_failed(client, r, "Failed to list listeners") : STATUS_DONE;
}

ListingView daemon_view(const BusView *view) {
    return (ListingView){
        .snapshot = view->snapshot,
        .now = realtime_now(),
        .user_name = user_name,
        .standings = view->standings,
    };
}
