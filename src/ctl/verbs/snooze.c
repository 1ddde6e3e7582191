/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `snooze`: no alerts for a listener for a while. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/print/json.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/escape.h"

static ExitStatus read_span(const char *word, usec_t *ret) {
    if (strcmp(word, "0") == 0 || strcmp(word, "off") == 0) {
        *ret = 0;
        return STATUS_DONE;
    }
    if (parse_duration(word, strlen(word), ret) == 0 && *ret > 0)
        return STATUS_DONE;
    _cleanup_free_ char *escaped = text_escape_string(word);
    tell_error("'%s' is no DURATION: write 30m, 2h, 3d; 'off' ends it", escaped ?: "");
    return STATUS_USAGE;
}

static ExitStatus print_done(const Options *options, uint32_t count, usec_t span) {
    char text[DURATION_SIZE];

    if (options_have(options, OPTION_JSON)) {
        _cleanup_free_ char *document = json_document(json_pack(
            "{si,si,sI}", "schema", 1, "listeners", (int)count, "snoozed_usec", (json_int_t)span));
        return verb_print(options, document);
    }
    format_duration(span, text);
    if (span == 0)
        printf("%u listener%s will be told of again.\n", count, count == 1 ? "" : "s");
    else
        printf("No alerts for %u listener%s for %s.\n", count, count == 1 ? "" : "s", text);
    return STATUS_DONE;
}

ExitStatus verb_snooze(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;
    uint32_t count;
    usec_t span;

    if (options->n_words != 2) {
        tell_error("snooze wants a PORT or ID, and a DURATION: snooze 3000 2h");
        return STATUS_USAGE;
    }
    ExitStatus status = read_span(options->words[1], &span);
    if (status == STATUS_DONE)
        status = daemon_open(options, &client);
    if (status != STATUS_DONE)
        return status;
    int r = bus_client_snooze(client, options->words[0], span, &count);
    if (r == -ENOENT)
        return tell_no_listener(options->words[0], "");
    return r < 0 ? daemon_failed(client, r, "cannot snooze it") : print_done(options, count, span);
}
