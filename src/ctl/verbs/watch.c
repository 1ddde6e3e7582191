/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `watch`: what appears, changes, is flagged, goes, as it happens. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/machine.h"
#include "ctl/print/json.h"
#include "ctl/print/names.h"
#include "ctl/print/output.h"
#include "ctl/print/tell.h"
#include "ctl/print/terminal.h"
#include "ctl/verbs.h"
#include "model/sentence.h"
#include "report/alert.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/serialize.h"

typedef struct Watch {
    const Options *options;
    Filter *filter;
    Machine machine;
    BusView view;
    Terminal terminal;
} Watch;

static bool is_wanted(Watch *watch, const Listener *listener) {
    JudgeContext context =
        machine_judge_context(&watch->machine, watch->view.snapshot, realtime_now());
    return filter_matches(watch->filter, &context, listener);
}

static int print_json(const Watch *watch, const BusEvent *event) {
    ListingView view = daemon_view(&watch->view);
    char time[RFC3339_SIZE];
    json_t *object = event->listener ? json_listener(&view, event->listener) : json_object();

    format_rfc3339(event->time ?: view.now, time);
    object = json_merged(object,
                         json_pack("{ss,ss}", "event", bus_event_name(event->kind), "time", time));
    if (event->listener)
        object = json_merged(object, json_pack("{so,so,sI,sb,sb}", "why", json_text(event->why),
                                               "was", json_text(event->was), "duration_usec",
                                               (json_int_t)event->duration, "still", event->still,
                                               "transient", event->transient));
    if (event->kind == BUS_EVENT_LOST)
        object = json_merged(object, json_pack("{sI}", "count", (json_int_t)event->number));
    _cleanup_free_ char *text = json_serialize(object, JSON_COMPACT);
    json_decref(object);
    if (!text)
        return -ENOMEM;
    puts(text);
    return 0;
}

static void print_clock(usec_t realtime) {
    char text[LOCAL_TIME_SIZE];
    format_local_time(realtime, text);
    printf("%s.%03u  ", text + LOCAL_TIME_OF_DAY, (unsigned)(realtime / 1000 % 1000));
}

static const char *word_of(const BusEvent *event) {
    if (event->kind != BUS_EVENT_FLAGGED)
        return bus_event_name(event->kind);
    return event->still ? "still" : severity_name(event->listener->verdict.severity);
}

/* Behind the sentence, in words of a person. The bus may know more reasons one day. */
static void print_why(const BusEvent *event) {
    _cleanup_free_ char *why = text_escape_string(event->why);

    if (why && event->kind == BUS_EVENT_CHANGED)
        printf(" (changed: %s; now %s)", why, verdict_word(&event->listener->verdict));
    else if (why)
        printf(" (%s)", alert_reason_words(why));
}

static int print_line(const Watch *watch, const BusEvent *event) {
    const Listener *listener = event->listener;
    const char *colour =
        event->kind == BUS_EVENT_FLAGGED ? verdict_colour(&listener->verdict) : NULL;
    char span[DURATION_SIZE];

    print_clock(event->time ?: realtime_now());
    printf("%s%-8s%s ", watch->terminal.colour && colour ? colour : "", word_of(event),
           watch->terminal.colour && colour ? COLOUR_NONE : "");
    if (!listener) {
        if (event->kind == BUS_EVENT_LOST)
            printf("%" PRIu64 " events dropped; run '%s list' for the current state\n",
                   event->number, tell_name());
        else
            puts(event->kind == BUS_EVENT_POLICY ? "rules reloaded"
                                                 : "interfaces or addresses changed");
        return 0;
    }
    _cleanup_free_ char *sentence =
        listener_sentence(listener, watch->view.snapshot->links, user_name(listener->uid));
    fputs(sentence ?: "?", stdout);
    print_why(event);
    if (event->duration > 0) {
        format_duration(event->duration, span);
        printf(", after %s", span);
    }
    putchar('\n');
    return 0;
}

static int tell(void *userdata, const BusEvent *event) {
    Watch *watch = userdata;

    if (event->listener && !is_wanted(watch, event->listener))
        return 0;
    if (!event->listener && event->kind != BUS_EVENT_LOST && watch->options->n_words > 0)
        return 0;
    errno = 0;
    int r = options_have(watch->options, OPTION_JSON) ? print_json(watch, event)
                                                      : print_line(watch, event);
    if (r < 0)
        return r;
    /* Somebody reads along; who closed the pipe wants no more. */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return errno == EPIPE ? 1 : -(errno ?: EIO);
}

static ExitStatus watch_run(Watch *watch) {
    _cleanup_bus_client_ BusClient *client = NULL;

    ExitStatus status = filter_read(watch->options, &watch->filter);
    if (status == STATUS_DONE)
        status = daemon_open(watch->options, &client);
    if (status != STATUS_DONE)
        return status;
    int r = machine_open(&watch->machine, NULL);
    if (r >= 0)
        r = bus_view_init(&watch->view);
    if (r < 0)
        return tell_errno(r, "Failed to watch");
    watch->terminal = terminal_look();
    r = bus_client_watch(client, &watch->view, tell, watch);
    return r < 0 ? daemon_failed(client, r, "Failed to continue watching") : STATUS_DONE;
}

ExitStatus verb_watch(const Options *options) {
    Watch watch = {.options = options};
    ExitStatus status = watch_run(&watch);
    bus_view_done(&watch.view);
    machine_close(&watch.machine);
    filter_free(watch.filter);
    return status;
}
