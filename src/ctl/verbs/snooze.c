/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `snooze`: no alerts for a listener for a while. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/machine.h"
#include "ctl/print/json.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"

static ExitStatus read_span(const char *word, usec_t *ret) {
    if (strcmp(word, "0") == 0 || strcmp(word, "off") == 0) {
        *ret = 0;
        return STATUS_DONE;
    }
    if (parse_duration(word, strlen(word), ret) == 0 && *ret > 0)
        return STATUS_DONE;
    _cleanup_free_ char *escaped = text_escape_string(word);
    tell_error("Invalid duration '%s' (examples: 30m, 2h, 3d; 'off' to cancel)", escaped ?: "");
    return STATUS_USAGE;
}

/* Formats local time without seconds, and without the date if it is today. */
static void format_until(usec_t realtime, char ret[static LOCAL_TIME_SIZE]) {
    char until[LOCAL_TIME_SIZE], now[LOCAL_TIME_SIZE];

    format_local_time(realtime, until);
    format_local_time(realtime_now(), now);
    bool is_today = memcmp(until, now, LOCAL_TIME_OF_DAY) == 0;
    snprintf(ret, LOCAL_TIME_SIZE, "%.*s", is_today ? 5 : 16,
             until + (is_today ? LOCAL_TIME_OF_DAY : 0));
}

static ExitStatus print_done(const Options *options, uint32_t count, usec_t span) {
    char until[LOCAL_TIME_SIZE];

    if (options_have(options, OPTION_JSON)) {
        _cleanup_free_ char *document = json_document(json_pack(
            "{si,si,sI}", "schema", 1, "listeners", (int)count, "snoozed_usec", (json_int_t)span));
        return verb_print(options, document);
    }
    format_until(realtime_now() + span, until);
    if (span == 0)
        printf("Alerts are enabled again for %u listener%s.\n", count, count == 1 ? "" : "s");
    else
        printf("Alerts for %u listener%s are muted until %s.\n", count, count == 1 ? "" : "s",
               until);
    return STATUS_DONE;
}

ExitStatus verb_snooze(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;
    uint32_t count;
    usec_t span;

    ExitStatus status = read_span(options->words[1], &span);
    if (status == STATUS_DONE)
        status = daemon_open(options, &client);
    if (status != STATUS_DONE)
        return status;
    int r = bus_client_snooze(client, options->words[0], span, &count);
    if (r == -ENOENT)
        return tell_no_listener(options->words[0], "");
    return r < 0 ? daemon_failed(client, r, "Failed to snooze") : print_done(options, count, span);
}
