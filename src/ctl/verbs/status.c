/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `status`: whether the daemon runs, what it sees by, which policy is in force, what is flagged. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/machine.h"
#include "ctl/print/json.h"
#include "ctl/print/names.h"
#include "ctl/print/output.h"
#include "ctl/print/report.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/text_stream.h"

typedef struct State {
    BusStatusRead read;
    BusView view;    /* what is flagged */
    Listing listing; /* the same, worst first */
    Coverage owners;
} State;

/* `2026-11-21 10:04:03 (2h 5min ago)`, local time. */
static void print_since(usec_t realtime, usec_t now, FILE *out) {
    char date[LOCAL_TIME_SIZE], span[DURATION_SIZE];

    format_local_time(realtime, date);
    format_duration(now > realtime ? now - realtime : 0, span);
    fprintf(out, "%s (%s ago)", date, span);
}

static void print_sources(const BusStatus *status, const Terminal *terminal, FILE *out) {
    for (size_t i = 0; i < status->n_sources; i++) {
        const BusSource *source = &status->sources[i];
        _cleanup_free_ char *name = text_escape_string(source->name);
        _cleanup_free_ char *words = text_escape_string(source->words);
        const char *colour = source->works ? COLOUR_GREEN : COLOUR_YELLOW;
        fprintf(out, "%12s  %s%s%s: %s\n", i == 0 ? "sources" : "", terminal->colour ? colour : "",
                name ?: "?", terminal->colour ? COLOUR_NONE : "", words ?: "");
        _cleanup_free_ char *why = text_escape_string(source->why);
        if (why)
            fprintf(out, "%12s    %s\n", "", why);
    }
}

static void print_policy(const BusStatus *status, usec_t now, FILE *out) {
    fprintf(out, "%12s  ", "policy");
    if (status->policy_builtin)
        fputs("built-in rules (allow loopback, flag everything else), ", out);
    else
        fprintf(out, "%s%zu rule%s, ", status->policy_last_valid ? "last valid rules: " : "",
                status->n_rules, status->n_rules == 1 ? "" : "s");
    fputs("loaded ", out);
    print_since(status->policy_loaded, now, out);
    fputc('\n', out);
    for (char *const *file = status->policy_files; file && *file; file++) {
        _cleanup_free_ char *escaped = text_escape_string(*file);
        fprintf(out, "%12s  %s\n", "", escaped ?: "");
    }
    if (!status->policy_differs)
        return;
    _cleanup_free_ char *differs = text_escape_string(status->policy_differs);
    fprintf(out, "%12s  %s. Run '%s check', then 'sudo %s reload'.\n", "", differs ?: "",
            tell_name(), tell_name());
}

/* After an upgrade the one that was started before it may still run. */
static void print_version(const char *version, FILE *out) {
    if (version && strcmp(version, PACKAGE_VERSION) != 0)
        fprintf(out,
                "%12s  %s is %s; run 'sudo systemctl restart sockaudit' to start the installed "
                "daemon\n",
                "version", tell_name(), PACKAGE_VERSION);
}

static void print_lack(const Coverage *coverage, const char *what, bool *first, FILE *out) {
    char text[COVERAGE_SIZE];

    if (coverage->state == COVERAGE_FULL || coverage->absent)
        return;
    coverage_format(coverage, text);
    _cleanup_free_ char *escaped = text_escape_string(text);
    fprintf(out, "%12s  %s %s\n", *first ? "incomplete" : "", what, escaped ?: "");
    *first = false;
}

static void print_coverage(const State *state, FILE *out) {
    const Snapshot *snapshot = state->view.snapshot;
    bool first = true;

    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        print_lack(&snapshot->coverage[proto], proto_name(proto), &first, out);
    print_lack(&snapshot->links_coverage, "interfaces", &first, out);
    print_lack(&snapshot->forwards_coverage, "forwarded ports", &first, out);
    print_lack(&state->view.owners, "processes", &first, out);
}

static void print_counts(const BusStatus *status, FILE *out) {
    fprintf(out, "%12s  %" PRIu64 ": %" PRIu64 " flagged, %" PRIu64 " allowed, %" PRIu64 " ignored",
            "listeners", status->n_listeners, status->n_flagged, status->n_allowed,
            status->n_ignored);
    if (status->n_snoozed > 0)
        fprintf(out, "; %" PRIu64 " snoozed", status->n_snoozed);
    if (status->n_pending > 0)
        fprintf(out, "; %" PRIu64 " pending", status->n_pending);
    fputc('\n', out);
    fprintf(out, "%12s  %" PRIu64 " sent", "alerts", status->n_told);
    if (status->n_summed > 0)
        fprintf(out, ", %" PRIu64 " suppressed", status->n_summed);
    if (status->n_alerts_kept > 0)
        fprintf(out, ", %zu queued", status->n_alerts_kept);
    fputc('\n', out);
    if (status->n_events_lost > 0)
        fprintf(out, "%12s  %" PRIu64 " events lost (recovered by a full rescan)\n", "",
                status->n_events_lost);
    if (status->n_evicted > 0)
        fprintf(out, "%12s  %" PRIu64 " listeners not tracked (limit reached)\n", "",
                status->n_evicted);
}

static char *render(const State *state) {
    const BusStatus *status = &state->read.status;
    ListingView view = daemon_view(&state->view);
    Terminal terminal = terminal_look();
    _cleanup_free_ char *version = text_escape_string(state->read.version);
    char *text = NULL;
    size_t size;
    FILE *out = text_stream_open(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "sockauditd %s, running since ", version ?: "?");
    print_since(status->since, view.now, out);
    fputc('\n', out);
    print_version(state->read.version, out);
    print_sources(status, &terminal, out);
    print_policy(status, view.now, out);
    print_coverage(state, out);
    print_counts(status, out);
    for (size_t i = 0; i < state->listing.n_rows; i++) {
        fputc('\n', out);
        report_flagged(&view, state->listing.rows[i], &terminal, out);
    }
    fclose(out);
    return text;
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static json_t *json_when(usec_t time) {
    char text[RFC3339_SIZE];
    format_rfc3339(time, text);
    return json_string(text);
}

static json_t *json_sources(const BusStatus *status) {
    json_t *array = json_array();
    for (size_t i = 0; i < status->n_sources; i++)
        json_array_append_new(array, json_pack("{so?,sb,so?,so?}", "name",
                                               json_text(status->sources[i].name), "works",
                                               status->sources[i].works, "words",
                                               json_text(status->sources[i].words), "why",
                                               json_text(status->sources[i].why)));
    return array;
}

static json_t *json_policy(const BusStatus *status) {
    json_t *files = json_array();
    for (char *const *file = status->policy_files; file && *file; file++)
        json_array_append_new(files, json_text(*file));
    return json_pack("{sI,so?,sI,sb,sb,so?,so?}", "generation",
                     (json_int_t)status->policy_generation, "loaded",
                     json_when(status->policy_loaded), "rules", (json_int_t)status->n_rules,
                     "builtin", status->policy_builtin, "last_valid", status->policy_last_valid,
                     "differs", json_text(status->policy_differs), "files", files);
}

static json_t *json_counts(const BusStatus *status) {
    return json_pack(
        "{sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI}", "listeners", (json_int_t)status->n_listeners,
        "flagged", (json_int_t)status->n_flagged, "allowed", (json_int_t)status->n_allowed,
        "ignored", (json_int_t)status->n_ignored, "pending", (json_int_t)status->n_pending,
        "snoozed", (json_int_t)status->n_snoozed, "told", (json_int_t)status->n_told, "summed",
        (json_int_t)status->n_summed, "returned", (json_int_t)status->n_returned, "evicted",
        (json_int_t)status->n_evicted, "events_lost", (json_int_t)status->n_events_lost,
        "alerts_kept", (json_int_t)status->n_alerts_kept);
}

/* The head and the listeners are those of `list --flagged`. */
static json_t *state_json(const State *state) {
    const BusStatus *status = &state->read.status;
    ListingView view = daemon_view(&state->view);
    json_t *document = listing_json(&view, &state->listing, &state->view.owners);

    return json_merged(document,
                       json_pack("{so,so,so,so,so}", "version", json_text(state->read.version),
                                 "since", json_when(status->since), "sources", json_sources(status),
                                 "policy", json_policy(status), "counts", json_counts(status)));
}

/* --- the verb -----------------------------------------------------------------------------------
 */

static ExitStatus ask(const Options *options, State *state) {
    _cleanup_bus_client_ BusClient *client = NULL;

    ExitStatus status = daemon_open(options, &client);
    if (status != STATUS_DONE)
        return status;
    int r = bus_client_status(client, &state->read);
    if (r < 0)
        return daemon_failed(client, r, "Failed to read the status");
    status = daemon_fetch(client, "flagged", NULL, &state->view);
    if (status != STATUS_DONE)
        return status;
    r = listing_make(state->view.snapshot, LISTING_FLAGGED, NULL, NULL, &state->listing);
    return r < 0 ? tell_errno(r, "Failed to list") : STATUS_DONE;
}

ExitStatus verb_status(const Options *options) {
    State state = {};

    ExitStatus status = ask(options, &state);
    if (status == STATUS_DONE) {
        _cleanup_free_ char *text =
            options_have(options, OPTION_JSON) ? json_document(state_json(&state)) : render(&state);
        status = verb_print(options, text);
    }
    listing_done(&state.listing);
    bus_view_done(&state.view);
    bus_status_done(&state.read);
    return status;
}
