/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `show`: everything that is known about a listener. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/print/names.h"
#include "ctl/print/output.h"
#include "ctl/print/report.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "model/reach.h"
#include "model/sentence.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/text_stream.h"

/* `   verdict  TEXT`; without a name it goes on with the one before. Raw text is escaped. */
#define NAME_WIDTH 13

__attribute__((format(printf, 3, 4))) static void line(FILE *out, const char *name,
                                                       const char *format, ...) {
    va_list arguments;
    fprintf(out, "%*s  ", NAME_WIDTH, name);
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    fputc('\n', out);
}

static void text_line(FILE *out, const char *name, const char *raw) {
    _cleanup_free_ char *escaped = text_escape_string(raw);
    if (escaped)
        line(out, name, "%s", escaped);
}

static void show_verdict(const ListingView *view, const Listener *listener,
                         const Terminal *terminal, FILE *out) {
    const Verdict *verdict = &listener->verdict;
    const Standing *standing = listing_standing(view, listener);
    const RuleInfo *rule = verdict->rule;
    char span[DURATION_SIZE];

    line(out, "verdict", "%s%s%s%s", terminal->colour ? verdict_colour(verdict) : "",
         standing && standing->pending ? "pending" : verdict_word(verdict),
         terminal->colour ? COLOUR_NONE : "",
         standing && standing->flagged && standing->n_returned > 0 ? " (it came back)" : "");
    if (standing && standing->snoozed) {
        format_duration(standing->snoozed_for, span);
        line(out, "snoozed", "no alerts for another %s", span);
    }
    if (rule) {
        _cleanup_free_ char *place = rule_place(rule), *text = rule_text(rule);
        line(out, "rule", "%s: %s", place ?: "", text ?: "");
        text_line(out, "note", rule->note);
    }
    text_line(out, "tool", listener->tool);
    text_line(out, "make it local", listener->advice);
}

static void show_reach(const ListingView *view, const Listener *listener, FILE *out) {
    line(out, "reachable", "scope %s", scope_name(listener->scope));
    Way way;
    for (ReachIterator i = {}; reach_next(&i, &listener->endpoint, view->snapshot->links, &way);) {
        char address[ADDRESS_SIZE];
        address_format(&way.address, address);
        _cleanup_free_ char *name = text_escape_string(way.link ? way.link->name : "no interface");
        line(out, "", "%s %s (%s)", name ?: "?", address, scope_name(way.scope));
    }
}

static const char *exe_words(const Holder *holder) {
    if (holder->exe_state == EXE_UNVERIFIED && holder->exe_deleted)
        return " (replaced or removed since it started)";
    switch (holder->exe_state) {
    case EXE_VERIFIED:
        return "";
    case EXE_UNVERIFIED:
        return " (not the file that is at that path now)";
    default:
        return " (not verified)";
    }
}

static void show_command(const Holder *holder, FILE *out) {
    if (!holder->cmdline || !holder->cmdline[0])
        return;
    fprintf(out, "%*s    command", NAME_WIDTH, "");
    for (char **word = holder->cmdline; *word; word++) {
        _cleanup_free_ char *escaped = text_escape_string(*word);
        fprintf(out, " %s", escaped ?: "");
    }
    fputc('\n', out);
}

static void show_holder(const ListingView *view, const Holder *holder, const char *name,
                        FILE *out) {
    _cleanup_free_ char *comm = text_escape_string(holder->comm);
    _cleanup_free_ char *exe = text_escape_string(holder->exe);
    _cleanup_free_ char *cwd = text_escape_string(holder->cwd);
    _cleanup_free_ char *raw_chain = holder_chain(holder);
    _cleanup_free_ char *chain = text_escape_string(raw_chain);
    const char *user = holder->uid == (uid_t)-1 ? NULL : view->user_name(holder->uid);
    _cleanup_free_ char *escaped = text_escape_string(user);

    fprintf(out, "%*s  %s[%d]", NAME_WIDTH, name, comm ?: "?", (int)holder->pid);
    if (holder->fd >= 0)
        fprintf(out, ", fd %d", holder->fd);
    if (escaped)
        fprintf(out, ", %s", escaped);
    fputc('\n', out);
    if (exe)
        line(out, "", "  runs %s%s", exe, exe_words(holder));
    show_command(holder, out);
    if (cwd)
        line(out, "", "  in %s", cwd);
    if (chain)
        line(out, "", "  started: %s", chain);
}

/* That there is no holder, or none is known, and what else is not known of them. */
static void show_lack(const Listener *listener, FILE *out) {
    const Owner *owner = listener->owner;

    if (listener->origin == ORIGIN_FORWARD)
        line(out, "process", "none (forwarded by the kernel)");
    else if (owner->unheld)
        line(out, "process", "none (kernel-owned or in transit between processes)");
    else {
        if (owner->n_holders == 0)
            line(out, "process", "unknown");
        text_line(out, "unsure", owner->note);
    }
}

static void show_owner(const ListingView *view, const Listener *listener, FILE *out) {
    const Owner *owner = listener->owner;
    const char *user = view->user_name(listener->uid);

    if (listener->origin == ORIGIN_SOCKET && user)
        text_line(out, "user", user);
    else if (listener->origin == ORIGIN_SOCKET && listener->uid != (uint32_t)-1)
        line(out, "user", "%u", listener->uid);
    else if (listener->origin == ORIGIN_SOCKET)
        line(out, "user", "unknown");
    if (!owner)
        return;
    text_line(out, "unit", owner->unit);
    text_line(out, "user unit", owner->user_unit);
    if (owner->runtime != RUNTIME_NONE) {
        _cleanup_free_ char *name =
            text_escape_string(owner->container_name ?: owner->container_id);
        line(out, "container", "%s %s", container_runtime_name(owner->runtime), name ?: "");
    }
    text_line(out, "cgroup", owner->cgroup);
    for (size_t i = 0; i < owner->n_holders; i++)
        show_holder(view, &owner->holders[i], i == 0 ? "process" : "", out);
    if (owner->n_holders_seen > owner->n_holders)
        line(out, "", "and %zu more", owner->n_holders_seen - owner->n_holders);
    show_lack(listener, out);
}

static void show_age(const ListingView *view, const Listener *listener, FILE *out) {
    const Standing *standing = listing_standing(view, listener);
    char date[LOCAL_TIME_SIZE], span[DURATION_SIZE];

    if (!standing || standing->first_seen == 0)
        return;
    format_local_time(standing->first_seen, date);
    format_duration(standing->age, span);
    line(out, "first seen", "%s; it is %s old", date, span);
}

static void show_listener(const ListingView *view, const Listener *listener,
                          const Terminal *terminal, FILE *out) {
    _cleanup_free_ char *endpoint = listener_endpoint(listener, view->snapshot->links);
    char id[LISTENER_ID_SIZE];

    listener_id(listener, &view->snapshot->netns, id);
    fprintf(out, "%s%s %s%s", terminal->colour ? COLOUR_BOLD : "",
            proto_name(listener->endpoint.proto), endpoint ?: "?",
            terminal->colour ? COLOUR_NONE : "");
    if (listener->n_sockets > 1)
        fprintf(out, ", %u sockets", listener->n_sockets);
    fputc('\n', out);
    line(out, "id", "%s", id);
    show_verdict(view, listener, terminal, out);
    show_reach(view, listener, out);
    show_owner(view, listener, out);
    show_age(view, listener, out);
}

static char *render(const ListingView *view, const Listing *listing) {
    Terminal terminal = terminal_look();
    char *text = NULL;
    size_t size;
    FILE *out = text_stream_open(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; i < listing->n_rows; i++) {
        if (i > 0)
            fputc('\n', out);
        show_listener(view, listing->rows[i], &terminal, out);
    }
    fclose(out);
    return text;
}

static ExitStatus print(const Options *options, const ListingView *view, const Listing *listing,
                        const Coverage *owners) {
    const ColumnChoice choice = {};

    if (options_have(options, OPTION_JSON))
        return listing_print(options, view, listing, &choice, owners);
    _cleanup_free_ char *text = render(view, listing);
    return verb_print(options, text);
}

/* Who opens many on one port puts none out of sight: all are shown, the worst first. */
static ExitStatus show_print(const Options *options, BusClient *client, const char *what) {
    _cleanup_bus_view_ BusView bus_view = {};
    Listing listing;

    ExitStatus status = daemon_fetch(client, NULL, what, &bus_view);
    if (status != STATUS_DONE)
        return status;
    ListingView view = daemon_view(&bus_view);
    int r = listing_make(view.snapshot, LISTING_ALL, NULL, NULL, &listing);
    if (r < 0)
        return tell_errno(r, "Failed to print");
    status = print(options, &view, &listing, &bus_view.owners);
    listing_done(&listing);
    return status;
}

ExitStatus verb_show(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;

    ExitStatus status = daemon_open(options, &client);
    return status == STATUS_DONE ? show_print(options, client, options->words[0]) : status;
}
